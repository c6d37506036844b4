namespace Amqp.Broker.Flow;

/// <summary>
/// What the messages of all queues may take in memory. Queues report what they have; when it is too much, memory is tight until
/// a quarter of the limit is free, and queues with a backlog let go of messages that the store has.
/// <para>A message in several queues counts in each: it is let go when the last of them lets go of it.</para>
/// </summary>
internal sealed class MemoryBudget(long limitBytes)
{
    /// <summary>What a queue reads ahead of its consumers when there is room: a few dozen milliseconds of a fast consumer.</summary>
    private const long WindowBytesMax = 4_194_304;

    private const long WindowBytesMin = 65_536;

    private long _usedBytes;
    private int _isTight;
    private int _queues;

    public bool IsTight => Volatile.Read(ref _isTight) != 0;

    public long LimitBytes => limitBytes;

    /// <summary>What a queue keeps when memory is tight: all of them together no more than half of the limit, windows and
    /// what consumers hold.</summary>
    public long KeptBytes => Math.Min(WindowBytesMax, limitBytes / 4 / Math.Max(1, Volatile.Read(ref _queues)));

    /// <summary>What a queue whose messages are in the store has in memory ahead of its consumers: when memory is tight no more than
    /// it would keep, or what is let go would be read at once.</summary>
    public long WindowBytes => IsTight ? KeptBytes : Math.Max(KeptBytes, Math.Min(WindowBytesMin, limitBytes / 4));

    /// <summary>Called when memory has become tight, on the thread that noticed, which is some queue's: it must neither block nor throw.</summary>
    public Action? BecameTight { get; set; }

    /// <summary>How many queues share it.</summary>
    public void Share(int queues) => Volatile.Write(ref _queues, queues);

    /// <summary>A queue has so much more, or less; from any thread. Called once for many messages, not for each.</summary>
    public void Add(long bytes)
    {
        var used = Interlocked.Add(ref _usedBytes, bytes);
        if (used > limitBytes)
        {
            if (!IsTight && Interlocked.Exchange(ref _isTight, 1) == 0) BecameTight?.Invoke();
        }
        else if (IsTight && used <= limitBytes - (limitBytes / 4)) Volatile.Write(ref _isTight, 0);
    }
}
