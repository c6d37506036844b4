using System.Text;
using Amqp.Core.Messages;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Broker.Tests.Nodes;

/// <summary>
/// A message store without a disk. It answers on another thread, as a real one does; not before the test lets it, if it is
/// held. A record that makes no sense is remembered as a complaint.
/// </summary>
internal sealed class MemoryMessageStore : IMessageStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<QueueId, Kept> _queues = [];
    private readonly Queue<Action> _answers = new();
    private readonly List<string> _complaints = [];
    private bool _held;
    private bool _running;
    private bool _isStarted;
    private long _lastBodyId;

    /// <summary>What queues did that they must not.</summary>
    public IEnumerable<string> Complaints
    {
        get
        {
            lock (_lock) return [.. _complaints];
        }
    }

    /// <summary>There is no disk, so nothing is counted.</summary>
    public StoreCounters Counters { get; } = new();

    /// <summary>Answers that were not given yet.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock) return _answers.Count;
        }
    }

    /// <summary>Messages that were paged out, ever.</summary>
    public int PagesWritten { get; private set; }

    public int ReadsAsked { get; private set; }

    /// <summary>The thread that has committed last.</summary>
    public int CommittedBy { get; private set; }

    /// <summary>Positions that cannot be read.</summary>
    public HashSet<long> Damaged { get; } = [];

    /// <summary>What the store has of a queue: position and body, <c>~</c> for what was paged out, <c>!</c> for what was handed out.</summary>
    public string Text(long queue)
    {
        lock (_lock)
        {
            if (!_queues.TryGetValue(new QueueId(queue), out var kept)) return "nothing";
            return string.Join(' ', kept.Messages.Select(pair =>
                $"{pair.Key}:{Encoding.UTF8.GetString(pair.Value.Message!.Content.Body)}"
                + (pair.Value.Type == RecordType.Page ? "~" : "") + (kept.Delivered.Contains(pair.Key) ? "!" : "")));
        }
    }

    public int Count(long queue)
    {
        lock (_lock) return _queues.TryGetValue(new QueueId(queue), out var kept) ? kept.Messages.Count : 0;
    }

    /// <summary>Nothing is answered from here on until <see cref="Release"/>.</summary>
    public void Hold()
    {
        lock (_lock) _held = true;
    }

    public void Release()
    {
        lock (_lock)
        {
            _held = false;
            RunIfNeeded();
        }
    }

    /// <summary>The process ends and begins again.</summary>
    /// <param name="clean">It was stopped in order.</param>
    public void Restart(bool clean)
    {
        lock (_lock)
        {
            _isStarted = false;
            foreach (var kept in _queues.Values)
            {
                kept.Listener = null;
                foreach (var position in kept.Messages.Keys.ToArray())
                {
                    if (kept.Messages[position].Type == RecordType.Page) kept.Messages.Remove(position);
                    else if (!clean) kept.Delivered.Add(position);
                }
            }
        }
    }

    public RecoveredQueue? Open(QueueId queue, IStoreListener listener)
    {
        lock (_lock)
        {
            if (!_queues.TryGetValue(queue, out var kept))
            {
                _queues.Add(queue, new Kept { Listener = listener });
                return null;
            }
            if (kept.Listener is not null && _isStarted) _complaints.Add($"{queue} is open already");
            kept.Listener = listener;
            return new RecoveredQueue(kept.NextPosition, [.. kept.Messages.Select(pair => new RecoveredMessage(
                pair.Key, pair.Value.Message!.Size, pair.Value.Message.BodySize, pair.Value.Attributes, kept.Delivered.Contains(pair.Key)))]);
        }
    }

    public void Start(Action<bool> fullChanged)
    {
        lock (_lock) _isStarted = true;
    }

    public void Commit(QueueId queue, ReadOnlySpan<StoreRecord> records, long ticket, bool isTogether = false)
    {
        lock (_lock)
        {
            CommittedBy = Environment.CurrentManagedThreadId;
            foreach (var record in records) Apply(record);
            if (ticket > 0 && _queues.TryGetValue(queue, out var kept) && kept.Listener is { } listener) Answer(() => listener.Committed(ticket));
        }
    }

    public void CommitTransaction(StoreRecord[] records, Action committed)
    {
        lock (_lock)
        {
            foreach (var record in records) Apply(record);
            _answers.Enqueue(committed);
            RunIfNeeded();
        }
    }

    public void Read(QueueId queue, long[] positions, IMessageReader reader)
    {
        lock (_lock)
        {
            ReadsAsked++;
            var kept = _queues[queue];
            Answer(() => reader.Loaded(positions, Read(kept, positions)));
        }
    }

    public long NextBodyId() => Interlocked.Increment(ref _lastBodyId);

    public void Close(QueueId queue, Action closed)
    {
        lock (_lock)
        {
            var kept = _queues[queue];
            foreach (var position in kept.Messages.Keys.Where(position => kept.Messages[position].Type == RecordType.Page).ToArray()) kept.Messages.Remove(position);
            kept.Listener = null;
            Answer(closed);
        }
    }

    public void Forget(QueueId queue)
    {
        lock (_lock) _queues.Remove(queue);
    }

    public IReadOnlyList<(QueueId Queue, int Messages)> NotOpen()
    {
        lock (_lock) return [.. _queues.Where(queue => queue.Value.Listener is null).Select(queue => (queue.Key, queue.Value.Messages.Count))];
    }

    private void Apply(in StoreRecord record)
    {
        if (!_isStarted) _complaints.Add($"{record} before the start");
        if (!_queues.TryGetValue(record.Queue, out var kept))
        {
            _complaints.Add($"{record} of a queue that is not open");
            return;
        }
        var position = record.Position;
        kept.NextPosition = Math.Max(kept.NextPosition, position + Math.Max(1, record.Count));
        switch (record.Type)
        {
            case RecordType.Enqueue or RecordType.Page when !kept.Messages.TryAdd(position, record):
                _complaints.Add($"{record} is there already");
                break;
            case RecordType.Enqueue:
                break;
            case RecordType.Page:
                PagesWritten++;
                break;
            case RecordType.Settle:
                for (; position < record.Position + record.Count; position++)
                {
                    if (!kept.Messages.Remove(position)) _complaints.Add($"{position} of {record} is not there");
                    kept.Delivered.Remove(position);
                }
                break;
            case RecordType.Change when kept.Messages.TryGetValue(position, out var changed):
                kept.Messages[position] = changed with { Attributes = record.Attributes };
                break;
            case RecordType.Delivered:
                kept.Delivered.Add(position);
                break;
            default:
                _complaints.Add($"{record} is no record of a queue");
                break;
        }
    }

    private Message?[] Read(Kept kept, long[] positions)
    {
        lock (_lock)
        {
            return Array.ConvertAll(positions, position =>
                kept.Messages.TryGetValue(position, out var record) && !Damaged.Contains(position) ? Copy(record.Message!) : null);
        }
    }

    /// <summary>Another object with the same content, as from a disk.</summary>
    private static Message Copy(Message message) =>
        new(message.Exchange, message.RoutingKey, message.Content) { ExpirationMs = message.ExpirationMs, BodyId = message.BodyId };

    private void Answer(Action answer)
    {
        _answers.Enqueue(answer);
        RunIfNeeded();
    }

    private void RunIfNeeded()
    {
        if (_held || _running || _answers.Count == 0) return;
        _running = true;
        ThreadPool.QueueUserWorkItem(_ => Run());
    }

    private void Run()
    {
        while (true)
        {
            Action answer;
            lock (_lock)
            {
                if (_held || !_answers.TryDequeue(out answer!))
                {
                    _running = false;
                    return;
                }
            }
            answer();
        }
    }

    private sealed class Kept
    {
        public IStoreListener? Listener;
        public long NextPosition;
        public SortedDictionary<long, StoreRecord> Messages { get; } = [];
        public HashSet<long> Delivered { get; } = [];
    }
}
