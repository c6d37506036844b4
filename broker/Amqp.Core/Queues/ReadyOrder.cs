namespace Amqp.Core.Queues;

/// <summary>
/// The ready messages of a queue in the order in which they leave it: the highest priority first, and among equals the oldest. A queue without
/// priorities has one level, which costs it nothing, and one with them as many as are used.
/// </summary>
internal sealed class ReadyOrder
{
    private const int ReadsInFlightMax = 2;

    private readonly MessageLog _log;
    private readonly ReadyLevel?[] _levels;
    private readonly List<long> _reading = [];
    private int _readsInFlight;

    // No level above has a message.
    private int _top;

    // Of all levels, where there are several.
    private int _count;
    private long _bytes;

    /// <param name="log">Has the messages. One without a holder is ready.</param>
    /// <param name="maxPriority">No message has a higher priority.</param>
    public ReadyOrder(MessageLog log, byte maxPriority)
    {
        _log = log;
        _levels = new ReadyLevel?[maxPriority + 1];
        if (maxPriority == 0) Only = LevelOf(0);
    }

    /// <summary>All of them, where there are no priorities: messages leave in the order of their positions.</summary>
    public ReadyLevel? Only { get; }

    public int Count => Only is { } only ? only.Count : _count;

    /// <summary>Size of their bodies.</summary>
    public long Bytes => Only is { } only ? only.Bytes : _bytes;

    /// <summary>Those of that priority.</summary>
    public ReadyLevel LevelOf(byte priority) => _levels[priority] ??= new ReadyLevel(_log, priority, _reading);

    /// <summary>A message without a holder was appended to the log.</summary>
    public void Append(long position, byte priority, int bodySize) => LevelToFill(priority, bodySize).Append(position, bodySize);

    /// <summary>A message without a holder is anywhere in the log, as if it had always been: of a queue that has handed out nothing since <see cref="Clear"/>.</summary>
    public void Insert(long position, byte priority, int bodySize) => LevelToFill(priority, bodySize).Insert(position, bodySize);

    /// <summary>None is ready, whatever came back and was to be read: those in the log are inserted anew.</summary>
    public void Clear()
    {
        foreach (var position in _reading)
        {
            if (_log.Contains(position)) _log[position].Unset(EntryFlags.Loading);
        }
        _reading.Clear();
        foreach (var level in _levels) level?.Clear();
        (_top, _count, _bytes) = (0, 0, 0);
    }

    /// <summary>The first message, or false when there is none.</summary>
    public bool TryPeek(out long position)
    {
        if (Only is { } only) return only.TryPeek(out position);
        position = 0;
        if (_count == 0) return false;
        while (_levels[_top] is not { Count: > 0 }) _top--;
        return _levels[_top]!.TryPeek(out position);
    }

    /// <summary>Takes out the message that <see cref="TryPeek"/> showed.</summary>
    public void TakeFirst(long position)
    {
        if (Only is { } only)
        {
            only.TakeFirst(position);
            return;
        }
        _levels[_top]!.TakeFirst(position);
        Add(-1, -_log[position].BodySize);
    }

    /// <summary>A message has no holder any more, and is back in its old place.</summary>
    public void Return(long position)
    {
        ref var entry = ref _log[position];
        LevelToFill(entry.Priority, entry.BodySize).Return(position);
    }

    /// <summary>A ready message is about to leave the log, wherever it stands here.</summary>
    public void Lose(long position)
    {
        ref var entry = ref _log[position];
        if (Only is null) Add(-1, -entry.BodySize);
        LevelOf(entry.Priority).Lose(position);
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
            bytes = Math.Max(0, bytes - level.Bytes);
            atLeastOne &= level.Count == 0;
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
            if (_levels[priority] is not { Count: > 0 } level) continue;
            level.Window.Extend(bytes);
            if ((bytes -= level.Bytes) <= 0) break;
            messages -= level.Count;
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

    private ReadyLevel LevelToFill(byte priority, int bodySize)
    {
        if (Only is { } only) return only;
        if (priority > _top) _top = priority;
        Add(1, bodySize);
        return LevelOf(priority);
    }

    private void Add(int messages, long bytes)
    {
        _count += messages;
        _bytes += bytes;
    }
}
