using Amqp.Core;

namespace Amqp.Broker.Flow;

/// <summary>
/// What messages take in memory, in the broker's own count: holders report more and less. Never by the size of the
/// process, which does not fall when a heap is free. Two things happen when it is much:
/// <code>
/// 0 ........... 3/4 . PageOutBytes ................... 9/10 . LimitBytes
///                |---------| tight: long queues evict         |----| short: publishers are blocked
/// </code>
/// Each begins at the right end of its range, and ends at the left.
/// </summary>
internal sealed class MemoryBudget(long limitBytes, long pageOutBytes)
{
    /// <summary>What a queue reads ahead of its consumers when there is room: a few dozen milliseconds of a fast consumer.</summary>
    private const long WindowBytesMax = 4_194_304;

    private const long WindowBytesMin = 65_536;

    /// <summary>What pages are begun with at least, however low the limit is set while the node runs: consumers have to read back what
    /// was paged out, so that a limit which is to block publishers would slow them down as well.</summary>
    private const long PageOutBytesMin = 1_048_576;

    /// <summary>What the process takes without a message, about. An operator who sets less means to block publishers, as it does in
    /// RabbitMQ, which goes by the size of the process.</summary>
    public const long IdleBytes = 67_108_864;

    private readonly double _pageOutShare = (double)pageOutBytes / limitBytes;
    private long _limitBytes = limitBytes;
    private long _pageOutBytes = pageOutBytes;
    private long _usedBytes;
    private int _isTight;
    private int _isShort;
    private int _isLimitNew;
    private int _isAlwaysBeyond;
    private int _changes;
    private int _queues;
    private int _reports;
    private Marked _marked = new(Watermark.Absolute(limitBytes));

    public bool IsTight => Volatile.Read(ref _isTight) != 0;

    public long UsedBytes => Interlocked.Read(ref _usedBytes);

    /// <summary>Beyond it publishers are blocked.</summary>
    public long LimitBytes => Volatile.Read(ref _limitBytes);

    /// <summary>Where <see cref="LimitBytes"/> come from.</summary>
    public Watermark Watermark
    {
        get => Volatile.Read(ref _marked).Watermark;
        init => _marked = new Marked(value);
    }

    /// <summary>Beyond it long queues keep the messages at their end in the store only.</summary>
    public long PageOutBytes => Volatile.Read(ref _pageOutBytes);

    /// <summary>What a queue keeps when memory is tight: all of them together no more than half of what there is before it is, windows and
    /// what consumers hold.</summary>
    public long KeptBytes => Math.Min(WindowBytesMax, PageOutBytes / 4 / Math.Max(1, Volatile.Read(ref _queues)));

    /// <summary>What a queue whose messages are in the store has in memory ahead of its consumers: when memory is tight no more than
    /// it would keep, or what is evicted would be read at once.</summary>
    public long WindowBytes => IsTight ? KeptBytes : Math.Max(KeptBytes, Math.Min(WindowBytesMin, PageOutBytes / 4));

    /// <summary>How many reports have come, about; a number that goes round. What is added to it tells how busy the node is.</summary>
    public int Reports => Volatile.Read(ref _reports);

    /// <summary>Called when memory has become tight, on the thread that noticed, which is some queue's or connection's: it must neither block nor throw.</summary>
    public Action? BecameTight { get; set; }

    /// <summary>Called when the limit is passed, and when there is room again; likewise.</summary>
    public Action<bool>? ShortageChanged { get; set; }

    /// <summary>How many queues share it.</summary>
    public void Share(int queues) => Volatile.Write(ref _queues, queues);

    /// <summary>A holder has so much more, or less; from any thread. Called once for many messages, not for each.</summary>
    public void Add(long bytes)
    {
        var used = Interlocked.Add(ref _usedBytes, bytes);
        Volatile.Write(ref _reports, unchecked(_reports + 1)); // two at once may count as one
        SeeIfTight(used);
        if (IsShortWith(used) != (Volatile.Read(ref _isShort) != 0)) TellShortage();
    }

    /// <summary>
    /// An operator wants another limit, and one below <see cref="IdleBytes"/> is passed whatever is used; pages begin at the same share
    /// of it as before. Whether memory is short now goes by the limit alone, and not by what was before.
    /// </summary>
    public void SetLimit(Watermark watermark, long newLimitBytes)
    {
        Volatile.Write(ref _marked, new Marked(watermark));
        Volatile.Write(ref _limitBytes, newLimitBytes);
        Volatile.Write(ref _isAlwaysBeyond, newLimitBytes < IdleBytes ? 1 : 0);
        Volatile.Write(ref _pageOutBytes, Math.Max(PageOutBytesMin, (long)(newLimitBytes * _pageOutShare)));
        Volatile.Write(ref _isTight, 0);
        SeeIfTight(UsedBytes);
        Volatile.Write(ref _isLimitNew, 1);
        TellShortage();
    }

    private void SeeIfTight(long used)
    {
        var beginsAt = PageOutBytes;
        if (used > beginsAt)
        {
            if (!IsTight && Interlocked.Exchange(ref _isTight, 1) == 0) BecameTight?.Invoke();
        }
        else if (IsTight && used <= beginsAt - (beginsAt / 4)) Volatile.Write(ref _isTight, 0);
    }

    private bool IsShortWith(long used) => IsBeyondLimit(used) || (used > LimitBytes - (LimitBytes / 10) && Volatile.Read(ref _isShort) != 0);

    private bool IsBeyondLimit(long used) => used > LimitBytes || Volatile.Read(ref _isAlwaysBeyond) != 0;

    /// <summary>One at a time tells, and as often as it has to until what was told last is so: others report meanwhile, and go by what
    /// was told before.</summary>
    private void TellShortage()
    {
        if (Interlocked.Increment(ref _changes) > 1) return; // the thread that is telling looks once more
        int seen;
        do
        {
            seen = Volatile.Read(ref _changes);
            var isNew = Interlocked.Exchange(ref _isLimitNew, 0) != 0;
            for (bool isShort; (isShort = isNew ? IsBeyondLimit(UsedBytes) : IsShortWith(UsedBytes)) != (_isShort != 0); isNew = false)
            {
                Interlocked.Exchange(ref _isShort, isShort ? 1 : 0);
                ShortageChanged?.Invoke(isShort);
            }
        }
        while (Interlocked.CompareExchange(ref _changes, 0, seen) != seen);
    }

    private sealed record Marked(Watermark Watermark);
}
