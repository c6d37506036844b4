namespace Amqp.Core.Metrics;

/// <summary>What the store of messages did since the node started. Its writer and its reader count, each for itself; any thread reads.</summary>
public sealed class StoreCounters
{
    /// <summary>How long flushes took, seconds.</summary>
    public Histogram FlushSeconds { get; } = new(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5);

    /// <summary>How many messages became durable with one flush.</summary>
    public Histogram GroupMessages { get; } = new(1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000);

    /// <summary>Groups of records that were handed to the system to be written.</summary>
    public IoCounter Writes { get; } = new();

    /// <summary>Flushes; their bytes are not counted.</summary>
    public IoCounter Flushes { get; } = new();

    /// <summary>Ranges that were read.</summary>
    public IoCounter Reads { get; } = new();

    /// <summary>Messages that were written.</summary>
    public Tally MessagesWritten { get; } = new();

    /// <summary>Messages that were read back.</summary>
    public Tally MessagesRead { get; } = new();
}

/// <summary>How often something was done with a disk, for how long, and with how many bytes. One thread counts, any thread reads.</summary>
public sealed class IoCounter
{
    private long _count;
    private long _bytes;
    private long _ticks;

    public long Count => Volatile.Read(ref _count);

    public long Bytes => Volatile.Read(ref _bytes);

    public double Seconds => TimeSpan.FromTicks(Volatile.Read(ref _ticks)).TotalSeconds;

    /// <summary>Milliseconds, on the average; 0: none yet.</summary>
    public double AverageMs => Count is > 0 and var count ? Seconds * 1_000 / count : 0;

    public void Add(TimeSpan took, long bytes)
    {
        Volatile.Write(ref _ticks, _ticks + took.Ticks);
        Volatile.Write(ref _bytes, _bytes + bytes);
        Volatile.Write(ref _count, _count + 1);
    }
}
