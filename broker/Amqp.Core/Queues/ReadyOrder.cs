namespace Amqp.Core.Queues;

/// <summary>
/// The ready messages of a queue in the order in which they leave it: the highest priority first, and among equals the oldest. A queue without
/// priorities has one level, and one with them as many as are used.
/// </summary>
/// <param name="log">Has the messages. One without a holder is ready.</param>
/// <param name="maxPriority">No message has a higher priority.</param>
internal sealed class ReadyOrder(MessageLog log, byte maxPriority)
{
    private const int ReadsInFlightMax = 2;

    private readonly Level?[] _levels = new Level?[maxPriority + 1];
    private readonly List<long> _reading = [];
    private int _readsInFlight;

    // No level above has a message.
    private int _top;

    public int Count { get; private set; }

    /// <summary>Size of their bodies.</summary>
    public long Bytes { get; private set; }

    /// <summary>Messages leave in the order of their positions.</summary>
    public bool IsByPosition => _levels.Length == 1;

    /// <summary>Those of that priority, and which of them are in memory.</summary>
    public Level LevelOf(byte priority) => _levels[priority] ??= new Level(log, priority, _reading);

    /// <summary>A message without a holder was appended to the log.</summary>
    public void Append(long position, byte priority, int bodySize)
    {
        if (priority > _top) _top = priority;
        LevelOf(priority).Ready.Append(position, bodySize);
        Add(1, bodySize);
    }

    /// <summary>The first message, or false when there is none.</summary>
    public bool TryPeek(out long position)
    {
        position = 0;
        return Count > 0 && Top.Ready.TryPeek(out position);
    }

    /// <summary>Takes out the message that <see cref="TryPeek"/> showed.</summary>
    public void TakeFirst(long position)
    {
        var top = _levels[_top]!;
        top.Window.Leave(position);
        top.Ready.TakeFirst(position);
        Add(-1, -log[position].BodySize);
    }

    /// <summary>A message has no holder any more, and is back in its old place.</summary>
    public void Return(long position)
    {
        ref var entry = ref log[position];
        if (entry.Priority > _top) _top = entry.Priority;
        var level = LevelOf(entry.Priority);
        level.Ready.Return(position);
        level.Window.Enter(position);
        Add(1, entry.BodySize);
    }

    /// <summary>A ready message is about to leave the log, wherever it stands here.</summary>
    public void Lose(long position)
    {
        ref var entry = ref log[position];
        var level = LevelOf(entry.Priority);
        level.Window.Leave(position);
        level.Ready.Lose(position);
        Add(-1, -entry.BodySize);
    }

    /// <summary>From now on not all messages are in memory, but those that are next.</summary>
    /// <param name="bytes">So much of them.</param>
    /// <param name="atLeastOne">One message is, however large.</param>
    public void OpenWindows(long bytes, bool atLeastOne)
    {
        for (var priority = _levels.Length - 1; priority >= 0; priority--)
        {
            if (_levels[priority] is not { } level) continue;
            level.Window.Open();
            level.Window.Refill(bytes, atLeastOne);
            bytes = Math.Max(0, bytes - level.Ready.Bytes);
            atLeastOne &= level.Ready.Count == 0;
        }
    }

    /// <summary>What has to be read now so that consumers find it in memory later.</summary>
    /// <param name="bytes">How much to have in memory ahead of them; at least one message.</param>
    /// <returns>Positions to ask the store for, in order, or null. <see cref="ReadAnswered"/> follows for each answer.</returns>
    public long[]? TryRead(long bytes)
    {
        if (_readsInFlight == ReadsInFlightMax) return null;
        var messages = ReadWindow.MessagesMax;
        for (var priority = _top; priority >= 0 && messages > 0; priority--)
        {
            if (_levels[priority] is not { Ready.Count: > 0 } level) continue;
            level.Window.Extend(bytes);
            if ((bytes -= level.Ready.Bytes) <= 0) break;
            messages -= level.Ready.Count;
        }
        if (_reading.Count == 0) return null;
        _reading.Sort(); // a message that returned may have been noted after younger ones
        long[] positions = [.. _reading];
        _readsInFlight++;
        _reading.Clear();
        return positions;
    }

    /// <summary>The store has answered a read.</summary>
    public void ReadAnswered() => _readsInFlight--;

    /// <summary>The highest one that has a message.</summary>
    private Level Top
    {
        get
        {
            while (_levels[_top] is not { Ready.Count: > 0 }) _top--;
            return _levels[_top]!;
        }
    }

    private void Add(int messages, long bytes)
    {
        Count += messages;
        Bytes += bytes;
    }

    /// <summary>The ready messages of one priority.</summary>
    internal sealed class Level
    {
        public Level(MessageLog log, byte priority, List<long> reading)
        {
            Ready = new ReadyLevel(log, priority);
            Window = new ReadWindow(log, Ready, reading);
        }

        public ReadyLevel Ready { get; }

        public ReadWindow Window { get; }
    }
}
