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

    /// <summary>The broker's processor time, and bytes of memory that it has from the system; 0 if it is not looked at.</summary>
    public TimeSpan BrokerCpu { get; init; }
    public long BrokerResident { get; init; }

    public static Figures Now(IReadOnlyList<Publisher> publishers, IReadOnlyList<Consumer> consumers, int brokerPid)
    {
        var (delivery, confirm) = (new Histogram(), new Histogram());
        foreach (var consumer in consumers) delivery.Add(consumer.Latency);
        foreach (var publisher in publishers)
            if (publisher.Latency is { } latency) confirm.Add(latency);
        using var process = Process.GetCurrentProcess();
        var (brokerCpu, brokerResident) = LookAt(brokerPid);
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
            BrokerCpu = brokerCpu,
            BrokerResident = brokerResident,
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
        BrokerCpu = BrokerCpu - earlier.BrokerCpu,
    };

    private static (TimeSpan Cpu, long Resident) LookAt(int brokerPid)
    {
        if (brokerPid == 0) return default;
        try
        {
            using var broker = Process.GetProcessById(brokerPid);
            return (broker.TotalProcessorTime, broker.WorkingSet64);
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException)
        {
            throw new PerfException($"there is no process {brokerPid} to look at", gone);
        }
    }
}
