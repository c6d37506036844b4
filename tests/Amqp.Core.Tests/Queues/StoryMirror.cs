using System.Globalization;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Core.Tests.Queues;

/// <summary>
/// A mirror of a <see cref="QueueStory"/>, with a store and a clock of its own. It joins as a new mirror does, and as one that led does: it is told what the leader has,
/// and gets what it lacks bit by bit and in no order, while it replays what happens. It can lead.
/// </summary>
internal sealed class StoryMirror
{
    /// <summary>Its clock began earlier.</summary>
    private const long ClockAheadMs = 500;

    private readonly QueueStory _leader;
    private readonly QueueStory _own;
    private readonly Random _random;
    private readonly bool _isMemoryTight;
    private readonly List<long> _missing = [];
    private int _leads;

    public StoryMirror(QueueStory leader, Random random, bool isMemoryTight)
    {
        (_leader, _random, _isMemoryTight) = (leader, random, isMemoryTight);
        _own = new QueueStory(durable: true, settings: leader.State.Settings) { Now = leader.Now + ClockAheadMs };
        _own.State.WallClockAheadMs = -ClockAheadMs;
        Join();
    }

    private QueueState State => _own.State;

    /// <summary>Does what the leader did, and is as the leader is then.</summary>
    public void Follow(StoreRecord[] stream)
    {
        _own.Now = _leader.Now + ClockAheadMs;
        foreach (var record in stream) State.Replay(record, _own.Now);
        Fill(_random.Next(5));
        TendMemory();
        var theirs = _leader.Described();
        if (_missing.Count > 0) theirs.RemoveAll(message => _missing.Contains(message.Position));
        Assert.That(_own.Described(), Is.EqualTo(theirs));
        Assert.That(PositionsStored(_own), Is.EqualTo(PositionsStored(_leader).Intersect(theirs.Select(message => message.Position))), "what has to survive would");
        var figures = State.Figures();
        Assert.That((figures.Ready - figures.ReadyInMemory) + (figures.Unacked - figures.UnackedInMemory), Is.EqualTo(State.AbsentCount));
        Assert.That(State.ReadyCount + State.UnackedCount, Is.EqualTo(theirs.Count));
        if (State.Settings.Role != QueueRole.Deduplication) Assert.That(State.UnackedCount, Is.EqualTo(State.DelayedCount), "nobody has anything of it");
    }

    /// <summary>It leads for a while, and does not know what the leader does meanwhile; then it follows again.</summary>
    public void LeadForAWhile()
    {
        State.Lead((uint)++_leads, mayHaveBeenHandedOut: true, _own.Now);
        var consumers = new List<StoryConsumer>();
        for (var step = _random.Next(20); step > 0; step--) Act(consumers);
        _own.CarryOut();
        if (_random.Next(2) == 0) _own.Release([.. consumers]);
        State.Follow();
        Assert.That(consumers.Select(consumer => consumer.UnackedCount), Is.All.Zero);
        Assert.That((State.ConsumerCount, State.UnackedCount), Is.EqualTo((0, State.DelayedCount)));
        // Answers to what it decided before.
        _own.Arrive();
        _own.Load(windowBytes: 0);
        _own.DeadLetters();
        _own.Deliveries();
        Join();
    }

    /// <summary>It leads in its leader's place, which is no more.</summary>
    public QueueStory Lead()
    {
        Fill(int.MaxValue);
        State.Lead((uint)++_leads, mayHaveBeenHandedOut: true, _own.Now);
        return _own;
    }

    /// <summary>It leads, and hands out everything that the leader has.</summary>
    public void LeadToTheEnd()
    {
        var expected = _leader.Described().OrderByDescending(message => message.Attributes.Priority).ThenBy(message => message.Position).Select(message => QueueStory.NameOf(BodyOf(message.Position))).ToArray();
        var next = Lead().State.End;
        _own.Consume("last");
        var (delivered, left) = (new List<string>(), new List<string>());
        Take(delivered, left);
        Assert.That(delivered, Is.EqualTo(expected.Where(delivered.ToHashSet().Contains)), "in order");
        for (var rest = 100; State.DelayedCount > 0; rest--)
        {
            Assert.That(rest, Is.Positive, "it goes on");
            _own.Now += 10;
            State.ReleaseDue(_own.Now);
            Take(delivered, left);
        }
        Assert.That(delivered.Concat(left), Is.EquivalentTo(expected), "each once, and nothing that was not there");
        Assert.That(delivered, Has.Count.EqualTo(State.UnackedCount - left.Count));
        Assert.That(next, Is.EqualTo(Positions.First((uint)_leads)));
    }

    private static IEnumerable<long> PositionsStored(QueueStory queue) => queue.Store.Messages.Values.Where(record => record.Type == RecordType.Enqueue).Select(record => record.Position);

    private static string[] Split(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Hears what the leader has: drops what it has besides, and is to get what it lacks.</summary>
    private void Join()
    {
        _missing.Clear();
        var theirs = _leader.Described().ToDictionary(message => message.Position, message => message.Attributes);
        foreach (var (position, attributes) in _own.Described())
        {
            if (!theirs.Remove(position, out var known)) State.Replay(StoreRecord.Settle(State.Id, position), _own.Now);
            else if (known != attributes) State.Replay(StoreRecord.Change(State.Id, position, known), _own.Now);
        }
        long[] missing = [.. theirs.Keys];
        _random.Shuffle(missing);
        _missing.AddRange(missing);
    }

    private void Fill(int count)
    {
        for (; count > 0 && _missing.Count > 0; count--)
        {
            var position = _missing[^1];
            _missing.RemoveAt(_missing.Count - 1);
            if (!_leader.State.Contains(position)) continue;
            var live = new List<LiveMessage>();
            _leader.State.Describe(position, countMax: 1, live, _leader.Now);
            var attributes = live[0].Attributes;
            State.Replay(StoreRecord.Enqueue(State.Id, position, BodyOf(position), attributes.ExpiresAt, attributes.Priority, attributes.DeliveryCount), _own.Now);
            if (attributes.ReadyAt != 0) State.Replay(StoreRecord.Change(State.Id, position, attributes), _own.Now);
        }
    }

    private Message BodyOf(long position) => _leader.State.MessageAt(position) ?? _leader.Store.Read([position])[0]!;

    private void TendMemory()
    {
        if (_random.Next(2) == 0) _own.Write();
        if (_isMemoryTight) _own.Evict(keptBytes: _random.Next(2) * 1_000);
        _own.CarryOut();
    }

    private void Act(List<StoryConsumer> consumers)
    {
        var now = _own.Now;
        switch (_random.Next(8))
        {
            case 0 when consumers.Count < 3: consumers.Add(_own.Consume($"m{_leads}.{consumers.Count}", prefetch: _random.Next(4))); break;
            case 1: State.Publish(NewMessage(), now); break;
            case 2: State.Prepare(QueueStory.Part(NewMessage(), NewMessage()), now); break;
            case 3: TendMemory(); break;
            case 4: _own.Load(windowBytes: 1_000); break;
            case 5: _own.DeadLetters(); break;
            case 6: _own.Arrive(_random.Next(2)); break;
            case 7: SettleSome(consumers); break;
        }
        _own.CarryOut();
    }

    private void SettleSome(List<StoryConsumer> consumers)
    {
        foreach (var delivery in Split(_own.Deliveries()))
        {
            var (tag, name) = (delivery.Split(':')[0], delivery.Split(':')[1].TrimEnd('!'));
            if (_random.Next(2) == 0) _own.Settle(consumers.Single(consumer => consumer.Tag == tag), (Settlement)_random.Next(3), name);
        }
    }

    private Message NewMessage() => QueueStory.NewMessage(string.Create(CultureInfo.InvariantCulture, $"x{_random.Next()}"), persistent: _random.Next(2) == 0);

    private void Take(List<string> delivered, List<string> left)
    {
        State.DropExpired(_own.Now);
        do
        {
            if (_isMemoryTight) TendMemory();
            delivered.AddRange(Split(_own.Deliveries()).Select(delivery => delivery[(delivery.IndexOf(':', StringComparison.Ordinal) + 1)..].TrimEnd('!')));
        }
        while (ReadMore() > 0);
        left.AddRange(Split(_own.DeadLetters()).Select(letter => letter[..letter.IndexOf(':', StringComparison.Ordinal)]));
    }

    private int ReadMore()
    {
        _own.Write();
        return State.ReadyCount == 0 ? 0 : _own.Load(windowBytes: 1_000);
    }
}
