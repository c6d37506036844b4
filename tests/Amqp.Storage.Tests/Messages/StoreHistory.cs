using Amqp.Core.Records;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.Messages;

/// <summary>
/// Some hundred messages of a few queues: own and shared bodies, transactions, settlements, deliveries, pages; ended in order or
/// by a loss of power. What an opening finds of it is the measure for what another finds when the files are damaged.
/// </summary>
internal sealed class StoreHistory
{
    public const int Queues = 3;

    private readonly Random _random;
    private readonly TestEngine _engine;
    private readonly TestStore _store;
    private readonly List<(int Queue, long Position)> _live = [];
    private readonly long[] _next = new long[Queues + 1];
    private long _ticket;
    private int _number;

    public StoreHistory(TestEngine engine, int seed)
    {
        _engine = engine;
        _random = new Random(seed);
        _store = new TestStore(engine, 8_192 << _random.Next(3));
        _store.Start();
        for (var queue = 1; queue <= Queues; queue++) _store.Queue(queue);
        for (var step = 0; step < 120; step++) Step();
        EndsInOrder = _random.Next(2) == 0;
        if (!EndsInOrder) _store.Files.Break();
        _store.Close();
        if (!EndsInOrder) _store.Files.LosePower(_random);
        Assert.That(_store.Log.Of(Microsoft.Extensions.Logging.LogLevel.Error), Is.Empty);
    }

    public bool EndsInOrder { get; }

    /// <summary>Every message that was ever handed over, those that were settled too.</summary>
    public Dictionary<(int Queue, long Position), string> Texts { get; } = [];

    public int SegmentBytes => _store.SegmentBytes;

    public Journal.MemoryFiles Files => _store.Files;

    /// <summary>Opens a copy of what is on the disk.</summary>
    public TestStore Open(Journal.MemoryFiles files)
    {
        var store = new TestStore(_engine, SegmentBytes / _engine.SegmentScale, files, _store.Opening);
        for (var queue = 1; queue <= Queues; queue++) store.Queue(queue);
        store.Start();
        return store;
    }

    private void Step()
    {
        var queue = _random.Next(1, Queues + 1);
        var isWaited = _random.Next(3) > 0;
        switch (_random.Next(12))
        {
            case < 5:
                for (var count = _random.Next(1, 5); count > 0; count--) Commit(queue, Publish(queue, 0));
                break;
            case 5:
                var id = _store.Store.NextBodyId();
                var message = NewMessage(id);
                for (var each = 1; each <= Queues; each++) Commit(each, Enqueue(each, message));
                break;
            case < 9:
                Commit(queue, [.. TakeLive(queue, 8).Select(position => StoreRecord.Settle(new(queue), position)), Publish(queue, 0)]);
                break;
            case 9: Transact(); break;
            case 10:
                if (_next[queue] > 0) Commit(queue, StoreRecord.Delivered(new(queue), _random.NextInt64(_next[queue])));
                foreach (var (_, position) in _live.Where(message => message.Queue == queue).Take(3).ToList())
                    Commit(queue, StoreRecord.Change(new(queue), position, new MessageAttributes(0, Priority: 3, DeliveryCount: _number)));
                break;
            default: Commit(queue, StoreRecord.Page(new(queue), _next[queue]++, MessageOf("a page"))); break;
        }
        if (isWaited) _store.CommitAndWait(_store.Queue(queue), ++_ticket, Publish(queue, 0));
    }

    private void Transact()
    {
        var committed = false;
        var message = NewMessage(_random.Next(2) == 0 ? _store.Store.NextBodyId() : 0);
        var records = new List<StoreRecord>();
        for (var queue = 1; queue <= Queues; queue++)
        {
            records.Add(Enqueue(queue, message));
            records.Add(Publish(queue, 0));
            foreach (var position in TakeLive(queue, 2)) records.Add(StoreRecord.Settle(new(queue), position));
        }
        _store.Store.CommitTransaction([.. records], () => Volatile.Write(ref committed, true));
        Until(() => Volatile.Read(ref committed), "the transaction is durable");
    }

    private List<long> TakeLive(int queue, int count)
    {
        var taken = _live.Where(message => message.Queue == queue && _random.Next(3) > 0).Take(count).ToList();
        taken.ForEach(message => _live.Remove(message));
        return taken.ConvertAll(message => message.Position);
    }

    private StoreRecord Publish(int queue, long bodyId) => Enqueue(queue, NewMessage(bodyId));

    private StoreRecord Enqueue(int queue, Amqp.Core.Messages.Message message)
    {
        var position = _next[queue]++;
        _live.Add((queue, position));
        Texts.Add((queue, position), TextOf(message));
        return StoreRecord.Enqueue(new(queue), position, message, expiresAt: _random.Next(3) == 0 ? 4_000_000_000_000 : 0);
    }

    private void Commit(int queue, params ReadOnlySpan<StoreRecord> records) => _store.Commit(_store.Queue(queue), ++_ticket, records);

    private Amqp.Core.Messages.Message NewMessage(long bodyId) =>
        MessageOf($"{_number++}:{new string((char)('a' + _random.Next(26)), _random.Next((_random.Next(5) == 0 ? 2_500 : 400) * _engine.BodyScale))}", bodyId);
}
