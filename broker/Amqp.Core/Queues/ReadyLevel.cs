namespace Amqp.Core.Queues;

/// <summary>
/// The ready messages of one priority in the order in which they leave the queue, which is that of their positions:
/// <code>
///     returned: 3 7      run, from RunStart on: 12 13 . 15 16 ... to the end of the log
/// </code>
/// The run is every message of the priority from <see cref="RunStart"/> on that has no holder; it costs nothing, however long it is. Messages that
/// came back wait in a heap. They are all older, so that what is requeued is again in front of everything published after it.
/// </summary>
internal sealed class ReadyLevel
{
    /// <summary>Room that the heap of returned messages keeps when it is empty.</summary>
    private const int ReturnedRoomKept = 1024;

    private readonly MessageLog _log;
    private readonly byte _priority;
    private readonly PriorityQueue<long, long> _returned = new();
    private readonly List<long> _visited = [];

    /// <param name="log">Has the messages. One without a holder is ready.</param>
    /// <param name="priority">Of all messages here.</param>
    /// <param name="reading">Takes what has to be read.</param>
    public ReadyLevel(MessageLog log, byte priority, List<long> reading)
    {
        (_log, _priority) = (log, priority);
        Window = new ReadWindow(log, this, reading);
    }

    /// <summary>Which of them are in memory.</summary>
    public ReadWindow Window { get; }

    public int Count { get; private set; }

    /// <summary>Size of their bodies.</summary>
    public long Bytes { get; private set; }

    /// <summary>What was never handed out is at or above this position, what was below it.</summary>
    public long RunStart { get; private set; }

    /// <summary>How many came back; at most, since some may have been damaged.</summary>
    public int ReturnedCount => _returned.Count;

    /// <summary>A message without a holder was appended to the log.</summary>
    public void Append(long position, int bodySize)
    {
        // What lies between may be many messages of other priorities.
        if (Count == 0) RunStart = position;
        Add(1, bodySize);
    }

    /// <summary>A message without a holder is in the log, anywhere; none came back.</summary>
    public void Insert(long position, int bodySize)
    {
        if (Count == 0 || position < RunStart) RunStart = position;
        Add(1, bodySize);
        Window.ComeBetween(position);
    }

    public void Clear()
    {
        _returned.Clear();
        (Count, Bytes, RunStart) = (0, 0, 0);
        Window.Clear();
    }

    /// <summary>The first message, or false when there is none.</summary>
    public bool TryPeek(out long position)
    {
        while (_returned.TryPeek(out position, out _))
        {
            if (_log.Contains(position)) return true;
            _returned.Dequeue(); // it was damaged
        }
        if (Count == 0) return false;
        // Over holes, and over what a transaction holds: that comes back as a returned message, being older.
        position = RunStart = _log.NextReady(RunStart, _priority);
        return true;
    }

    /// <summary>Takes out the message that <see cref="TryPeek"/> showed.</summary>
    public void TakeFirst(long position)
    {
        Window.Leave(position);
        if (position >= RunStart) RunStart = position + 1;
        else
        {
            _returned.Dequeue();
            if (_returned.Count == 0 && _returned.EnsureCapacity(0) > ReturnedRoomKept) _returned.TrimExcess();
        }
        Add(-1, -_log[position].BodySize);
    }

    /// <summary>A message has no holder any more, and is back in its old place.</summary>
    public void Return(long position)
    {
        if (position < RunStart) _returned.Enqueue(position, position);
        Add(1, _log[position].BodySize);
        Window.Enter(position);
    }

    /// <summary>A ready message is about to leave the log, wherever it stands here.</summary>
    public void Lose(long position)
    {
        Window.Leave(position);
        Add(-1, -_log[position].BodySize);
    }

    /// <summary>The next one at or above a position of the run, or the end of the log.</summary>
    public long NextOfRun(long position) => _log.NextReady(position, _priority);

    /// <summary>Shows the first returned messages, in order, until enough were seen.</summary>
    /// <param name="most">So many at most.</param>
    /// <param name="isEnough">Told each position; true ends it.</param>
    public void VisitReturned(int most, Func<long, bool> isEnough)
    {
        while (_visited.Count < most && _returned.TryDequeue(out var position, out _))
        {
            if (!_log.Contains(position)) continue;
            _visited.Add(position);
            if (isEnough(position)) break;
        }
        foreach (var position in _visited) _returned.Enqueue(position, position);
        _visited.Clear();
    }

    private void Add(int messages, long bytes)
    {
        Count += messages;
        Bytes += bytes;
    }
}
