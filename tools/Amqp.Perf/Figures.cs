using System.Diagnostics;

namespace Amqp.Perf;

/// <summary>The sums over all workers at one moment of a run.</summary>
internal sealed record Figures
{
    /// <summary>Nanoseconds on the run's clock.</summary>
    public required long At { get; init; }
    public long Sent { get; init; }
    public long Writes { get; init; }
    public long Confirmed { get; init; }
    public long Rejected { get; init; }
    public long Received { get; init; }

    /// <summary>When the last message was received, nanoseconds.</summary>
    public long LastReceivedAt { get; init; }
    public required Histogram Delivery { get; init; }
    public required Histogram Confirm { get; init; }

    /// <summary>This process's processor time.</summary>
    public required TimeSpan Cpu { get; init; }

    /// <summary>Bytes this process has allocated on its heap.</summary>
    public long Allocated { get; init; }

    public static Figures Now(IReadOnlyList<Publisher> publishers, IReadOnlyList<Consumer> consumers)
    {
        var (delivery, confirm) = (new Histogram(), new Histogram());
        foreach (var consumer in consumers) delivery.Add(consumer.Latency);
        foreach (var publisher in publishers)
            if (publisher.Latency is { } latency) confirm.Add(latency);
        using var process = Process.GetCurrentProcess();
        return new Figures
        {
            At = Clock.Now,
            Sent = publishers.Sum(publisher => publisher.Sent),
            Writes = publishers.Sum(publisher => publisher.Writes),
            Confirmed = publishers.Sum(publisher => publisher.Confirmed),
            Rejected = publishers.Sum(publisher => publisher.Rejected),
            Received = consumers.Sum(consumer => consumer.Received),
            LastReceivedAt = consumers.Select(consumer => consumer.LastReceivedAt).DefaultIfEmpty().Max(),
            Delivery = delivery,
            Confirm = confirm,
            Cpu = process.TotalProcessorTime,
            Allocated = GC.GetTotalAllocatedBytes(),
        };
    }

    /// <summary>What happened since an earlier moment.</summary>
    public Figures Since(Figures earlier) => this with
    {
        Sent = Sent - earlier.Sent,
        Writes = Writes - earlier.Writes,
        Confirmed = Confirmed - earlier.Confirmed,
        Rejected = Rejected - earlier.Rejected,
        Received = Received - earlier.Received,
        Delivery = Delivery.Since(earlier.Delivery),
        Confirm = Confirm.Since(earlier.Confirm),
        Cpu = Cpu - earlier.Cpu,
        Allocated = Allocated - earlier.Allocated,
    };
}
