using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Records;
using Amqp.Storage.Messages.Writing;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.Messages;

/// <summary>
/// Random use of a store, with books of what it has promised. After a crash the books say what must be there, what may be
/// there and what must not, and go on from what was found.
/// </summary>
internal sealed class StoreModel
{
    private readonly TestStore _store;
    private readonly Random _random;
    private readonly List<QueueBooks> _queues = [];
    private int _lastQueue;
    private readonly List<Unit> _transactions = [];
    private long _ticket;
    private int _number;

    public StoreModel(TestStore store, Random random, int queueCount)
    {
        (_store, _random) = (store, random);
        while (_lastQueue < queueCount) _queues.Add(new QueueBooks(++_lastQueue, store.FirstPosition));
    }

    /// <summary>Messages that are in the queues as far as the books know.</summary>
    public int Count => _queues.Sum(queue => queue.Messages.Count(message => !message.Value.Settled));

    public int LargestBody { get; init; } = 3_000;

    public void Step()
    {
        NoteTogether();
        switch (_random.Next(88))
        {
            case >= 84: CommitTogether(_queues[_random.Next(_queues.Count)]); break;
            case >= 80: Return(_queues[_random.Next(_queues.Count)]); break;
            case < 32: Publish(_queues[_random.Next(_queues.Count)]); break;
            case < 40: PublishShared(); break;
            case < 64: Settle(_queues[_random.Next(_queues.Count)]); break;
            case < 69: Transact(); break;
            case < 73: Change(_queues[_random.Next(_queues.Count)]); break;
            case < 78: ReadSome(_queues[_random.Next(_queues.Count)]); break;
            case 78: CloseAndOpen(_queues[_random.Next(_queues.Count)]); break;
            default: Forget(_random.Next(_queues.Count)); break;
        }
    }

    /// <summary>Waits until everything is durable, settlements too.</summary>
    public void Quiesce()
    {
        foreach (var queue in _queues)
        {
            var ticket = ++_ticket;
            var position = queue.Next++;
            _store.Commit(_store.Queue(queue.Id), ticket, StoreRecord.Enqueue(new(queue.Id), position, MessageOf("quiet"), expiresAt: 0));
            queue.Messages.Add(position, new Entry("quiet", default) { Ticket = ticket });
            _store.WaitFor(_store.Queue(queue.Id), ticket);
        }
        // Settlements are written behind the messages they came with: the second round is behind the first one's.
        if (_store.Failure is not null) return;
        foreach (var entry in _queues.SelectMany(queue => queue.Messages.Values)) entry.SettledForGood |= entry.Settled;
    }

    /// <summary>The books are held against what an opening has found.</summary>
    public void Check(string when)
    {
        foreach (var queue in _queues)
        {
            _store.Recovered.TryGetValue(new(queue.Id), out var found);
            queue.Found = (found.Messages ?? []).ToDictionary(message => message.Position, message => message.Attributes);
            var there = queue.Found.Keys;
            Assert.That(there, Is.SubsetOf(queue.Messages.Keys), $"{when}: queue {queue.Id} has what was never handed over");
            Assert.That(found.NextPosition, Is.GreaterThan(there.DefaultIfEmpty(-1).Max()), $"{when}: positions do not come back");
            Assert.That(_store.FirstPosition, Is.GreaterThan(queue.Next), $"{when}: positions do not come back, whatever was forgotten");
            foreach (var message in found.Messages ?? []) CheckAttributes(queue, message, when);
            foreach (var (position, entry) in queue.Messages)
            {
                var promised = entry.Unit is null ? entry.Ticket <= queue.CommittedTicket : entry.Unit.Committed;
                if (promised && !entry.Settled && !entry.InTransaction)
                    Assert.That(there, Does.Contain(position), $"{when}: message {position} of queue {queue.Id} is lost");
                if (entry.SettledForGood) Assert.That(there, Does.Not.Contain(position), $"{when}: message {position} of queue {queue.Id} came back");
            }
        }
        foreach (var unit in _transactions) CheckTransaction(unit, when);
        _transactions.Clear();
        Assert.That(_store.Store.NotOpen().Select(queue => (int)queue.Queue.Value), Is.SubsetOf(Enumerable.Range(1, _lastQueue).Except(_queues.Select(queue => queue.Id))), $"{when}: queues that were forgotten");
        foreach (var (queue, _) in _store.Store.NotOpen()) _store.Store.Forget(queue);
        Adopt(when);
    }

    private static void CheckAttributes(QueueBooks queue, RecoveredMessage found, string when)
    {
        var entry = queue.Messages[found.Position];
        Assert.That(found.BodySize, Is.EqualTo(entry.Text.Length), $"{when}: message {found.Position} of queue {queue.Id}");
        // What was promised, or something newer.
        var promised = Math.Max(0, entry.Changes.FindLastIndex(change => change.Ticket <= queue.CommittedTicket));
        Assert.That(entry.Changes.Skip(promised).Select(change => change.Attributes), Does.Contain(found.Attributes), $"{when}: message {found.Position} of queue {queue.Id}");
    }

    private static void CheckTransaction(Unit unit, string when)
    {
        var published = unit.Published.Where(part => !part.Queue.Messages[part.Position].Settled).ToList();
        var present = published.Count(part => part.Queue.Found.ContainsKey(part.Position));
        if (unit.Committed) Assert.That(present, Is.EqualTo(published.Count), $"{when}: a committed transaction is not whole");
        else Assert.That(present, Is.Zero.Or.EqualTo(published.Count), $"{when}: part of a transaction");
        var happened = unit.Committed || (published.Count > 0 && present > 0);
        foreach (var part in unit.Settled)
        {
            if (happened) Assert.That(part.Queue.Found.Keys, Does.Not.Contain(part.Position), $"{when}: a transaction's settlement is missing");
            else if (published.Count > 0 && part.MustBeThere)
                Assert.That(part.Queue.Found.Keys, Does.Contain(part.Position), $"{when}: a settlement without its transaction");
        }
    }

    private void Adopt(string when)
    {
        foreach (var queue in _queues)
        {
            var texts = queue.Found.Keys.Order().ToArray();
            var read = texts.Length == 0 ? [] : _store.Read(_store.Queue(queue.Id), texts);
            Assert.That(read, Is.EqualTo(texts.Select(position => queue.Messages[position].Text)), $"{when}: bodies of queue {queue.Id}");
            queue.Messages = queue.Found.ToDictionary(found => found.Key, found => new Entry(queue.Messages[found.Key].Text, found.Value));
            queue.Next = _store.FirstPosition;
        }
        _ticket = 0;
    }

    /// <summary>Power is about to fail: what the store has said until now counts.</summary>
    public void NotePromises()
    {
        foreach (var queue in _queues) queue.CommittedTicket = _store.CommittedTicket(queue.Id);
        NoteTogether();
        foreach (var unit in _transactions) unit.Committed = unit.IsCommitted;
    }

    /// <summary>The store was closed in order: everything that was handed over counts.</summary>
    public void NotePromisesOfOrderlyEnd()
    {
        NotePromises();
        foreach (var queue in _queues)
        {
            queue.CommittedTicket = long.MaxValue;
            foreach (var unit in _transactions.Where(unit => unit.By == queue)) Happened(unit);
            foreach (var entry in queue.Messages.Values) entry.SettledForGood |= entry.Settled;
        }
    }

    private void Publish(QueueBooks queue)
    {
        var records = new List<StoreRecord>();
        var ticket = ++_ticket;
        for (var count = _random.Next(1, 5); count > 0; count--) records.Add(queue.Publish(NewMessage(bodyId: 0), ticket, unit: null) with { MayHaveBeenHere = _random.Next(8) == 0 });
        _store.Commit(_store.Queue(queue.Id), ticket, records.ToArray());
    }

    private void PublishShared()
    {
        var message = NewMessage(_store.Store.NextBodyId());
        foreach (var queue in _queues.Where(_ => _random.Next(2) == 0))
        {
            var ticket = ++_ticket;
            _store.Commit(_store.Queue(queue.Id), ticket, queue.Publish(message, ticket, unit: null));
        }
    }

    private void Settle(QueueBooks queue)
    {
        var settled = queue.Messages.Where(message => message.Value.IsSettleable && _random.Next(3) > 0).Select(message => message.Key).Take(20).ToList();
        foreach (var position in settled) queue.Messages[position].Settled = true;
        if (settled.Count > 0) _store.Commit(_store.Queue(queue.Id), 0, settled.Select(position => StoreRecord.Settle(new(queue.Id), position)).ToArray());
    }

    /// <summary>A mirror is given again what it has settled, at the same place: its new leader did not know of that.</summary>
    private void Return(QueueBooks queue)
    {
        var ticket = ++_ticket;
        var records = new List<StoreRecord>();
        foreach (var (position, entry) in queue.Messages.Where(message => IsGone(message.Value) && _random.Next(2) == 0).Take(10).ToList())
        {
            // What settled it may not be durable yet, and is by the time that this is.
            foreach (var unit in _transactions) unit.Settled.RemoveAll(part => part.Queue == queue && part.Position == position);
            var attributes = new MessageAttributes(_random.Next(2) * 4_000_000_000_000, (byte)_random.Next(3), _random.Next(1_000));
            var enqueue = StoreRecord.Enqueue(new(queue.Id), position, MessageOf(entry.Text), attributes.ExpiresAt, attributes.Priority, attributes.DeliveryCount) with { MayHaveBeenHere = true };
            records.Add(enqueue);
            if (_random.Next(3) == 0) records.AddRange(StoreRecord.Settle(new(queue.Id), position), enqueue);
            queue.Messages[position] = entry.Returned(attributes, ticket);
        }
        if (records.Count > 0) _store.Commit(_store.Queue(queue.Id), ticket, records.ToArray());
    }

    private static bool IsGone(Entry entry) => entry is { Unit: null } and ({ Settled: true, InTransaction: false } or { IsSettledTogether: true });

    /// <summary>What a transaction does in one queue, as one commit of it: others follow before it is durable.</summary>
    private void CommitTogether(QueueBooks queue)
    {
        var unit = new Unit { By = queue, Ticket = ++_ticket };
        var records = new List<StoreRecord>();
        foreach (var (position, entry) in queue.Messages.Where(message => message.Value is { Settled: false, Unit: null, InTransaction: false } && _random.Next(3) == 0).Take(_random.Next(8)))
        {
            (entry.InTransaction, entry.IsSettledTogether) = (true, true);
            unit.Settled.Add((queue, position, MustBeThere: entry.Ticket <= _store.CommittedTicket(queue.Id)));
            records.Add(StoreRecord.Settle(new(queue.Id), position));
        }
        for (var count = _random.Next(6); count > 0; count--)
        {
            unit.Published.Add((queue, queue.Next));
            records.Insert(_random.Next(records.Count + 1), queue.Publish(NewMessage(_random.Next(3) == 0 ? _store.Store.NextBodyId() : 0), unit.Ticket, unit) with { MayHaveBeenHere = _random.Next(2) == 0 });
        }
        // One is there and gone within it.
        if (_random.Next(3) == 0) records.AddRange(queue.Publish(NewMessage(bodyId: 0), unit.Ticket, unit), StoreRecord.Settle(new(queue.Id), queue.Next - 1));
        if (records.Count == 0) return;
        if (records[^1].Type == RecordType.Settle && records[^1].Position == queue.Next - 1) queue.Messages[queue.Next - 1].Settled = true;
        _transactions.Add(unit);
        _store.Store.Commit(_store.Queue(queue.Id).Id, records.ToArray(), unit.Ticket, isTogether: true);
    }

    /// <summary>Which of those have been told of.</summary>
    private void NoteTogether()
    {
        foreach (var unit in _transactions)
        {
            if (unit.By is { } queue && _store.CommittedTicket(queue.Id) >= unit.Ticket) Happened(unit);
        }
    }

    private static void Happened(Unit unit)
    {
        if (unit.IsCommitted && unit.Committed) return;
        foreach (var part in unit.Settled) part.Queue.Messages[part.Position].Settled = true;
        unit.IsCommitted = true;
        unit.Committed = true;
    }

    private void Change(QueueBooks queue)
    {
        var ticket = ++_ticket;
        var records = new List<StoreRecord>();
        foreach (var (position, entry) in queue.Messages.Where(message => message.Value.IsSettleable && _random.Next(3) > 0).Take(_random.Next(1, 20)))
        {
            var attributes = new MessageAttributes(_random.Next(2) * 4_000_000_000_000, (byte)_random.Next(3), _random.Next(1, 1_000), _random.Next(2) * 4_100_000_000_000);
            entry.Changes.Add((attributes, ticket));
            records.Add(StoreRecord.Change(new(queue.Id), position, attributes));
        }
        if (records.Count > 0) _store.Commit(_store.Queue(queue.Id), ticket, records.ToArray());
    }

    private void Transact()
    {
        var unit = new Unit();
        var records = new List<StoreRecord>();
        var message = NewMessage(_random.Next(2) == 0 ? _store.Store.NextBodyId() : 0);
        foreach (var queue in _queues.Where(_ => _random.Next(3) > 0))
        {
            _store.Queue(queue.Id);
            unit.Published.Add((queue, queue.Next));
            records.Add(queue.Publish(message, ticket: 0, unit));
        }
        foreach (var queue in _queues.Where(_ => _random.Next(3) == 0))
        {
            var settled = queue.Messages.FirstOrDefault(entry => entry.Value is { Settled: false, Unit: null, InTransaction: false });
            if (settled.Value is null) continue;
            settled.Value.InTransaction = true;
            unit.Settled.Add((queue, settled.Key, MustBeThere: settled.Value.Ticket <= _store.Queue(queue.Id).CommittedTicket));
            records.Add(StoreRecord.Settle(new(queue.Id), settled.Key));
        }
        if (records.Count == 0) return;
        _transactions.Add(unit);
        // The books themselves are for one thread only.
        var entries = unit.Settled.ConvertAll(part => part.Queue.Messages[part.Position]);
        _store.Store.CommitTransaction([.. records], () =>
        {
            entries.ForEach(entry => entry.Settled = true);
            unit.IsCommitted = true;
        });
    }

    private void ReadSome(QueueBooks queue)
    {
        var committed = _store.CommittedTicket(queue.Id);
        var positions = queue.Messages.Where(message => message.Value.IsSettleable && message.Value.Ticket <= committed).Select(message => message.Key).Order().Take(_random.Next(1, 10)).ToArray();
        if (positions.Length == 0 || _store.Failure is not null) return;
        if (_store.Read(_store.Queue(queue.Id), positions) is { } read)
            Assert.That(read, Is.EqualTo(positions.Select(position => queue.Messages[position].Text)));
    }

    /// <summary>The queue goes to somewhere else and comes back: everything is there, and nothing more.</summary>
    private void CloseAndOpen(QueueBooks queue)
    {
        if (_store.Failure is not null) return;
        _store.CloseQueue(_store.Queue(queue.Id));
        if (_store.Failure is null) foreach (var unit in _transactions.Where(unit => unit.By == queue)) Happened(unit);
        _store.Recovered.Remove(new(queue.Id));
        _store.Queue(queue.Id);
        var found = _store.Recovered.TryGetValue(new(queue.Id), out var recovered) ? recovered.Messages : [];
        var expected = queue.Messages.Where(message => !message.Value.Settled && message.Value.Unit is null or { IsCommitted: true });
        if (_store.Failure is not null) return;
        Assert.That(found.Select(message => message.Position), Is.EqualTo(expected.Select(message => message.Key).Order()), $"queue {queue.Id} opened again");
        foreach (var message in found)
        {
            Assert.That(message.Attributes, Is.EqualTo(queue.Messages[message.Position].Changes[^1].Attributes), $"message {message.Position} of queue {queue.Id} opened again");
        }
        // What it committed before has been made durable, and its tickets are not told of any more.
        foreach (var entry in queue.Messages.Values.Where(entry => entry.Unit is null or { By: not null })) entry.Ticket = 0;
        foreach (var entry in queue.Messages.Values) entry.Changes.RemoveRange(0, entry.Changes.Count - 1);
        foreach (var entry in queue.Messages.Values) entry.Changes[0] = (entry.Changes[0].Attributes, 0);
    }

    /// <summary>The queue is deleted, and another one declared.</summary>
    private void Forget(int index)
    {
        if (_store.Failure is not null) return;
        _store.Remove(_store.Queue(_queues[index].Id));
        foreach (var unit in _transactions)
        {
            unit.Published.RemoveAll(part => part.Queue == _queues[index]);
            unit.Settled.RemoveAll(part => part.Queue == _queues[index]);
        }
        _queues[index] = new QueueBooks(++_lastQueue, _store.FirstPosition);
    }

    private Message NewMessage(long bodyId) => MessageOf($"{_number++}:{new string((char)('a' + _random.Next(26)), _random.Next(LargestBody))}", bodyId);

    private sealed class QueueBooks(int id, long first)
    {
        public int Id { get; } = id;
        public Dictionary<long, Entry> Messages { get; set; } = [];
        public Dictionary<long, MessageAttributes> Found { get; set; } = [];
        public long Next { get; set; } = first;
        public long CommittedTicket { get; set; }

        public StoreRecord Publish(Message message, long ticket, Unit? unit)
        {
            // Some of a kind, each with its own.
            var attributes = new MessageAttributes(Next % 3 == 0 ? 4_000_000_000_000 + Next : 0, (byte)(Next % 5 == 0 ? Next % 256 : 0), Next % 7 == 0 ? (int)(Next % 100_000) : 0);
            Messages.Add(Next, new Entry(TextOf(message), attributes) { Ticket = ticket, Unit = unit });
            return StoreRecord.Enqueue(new(Id), Next++, message, attributes.ExpiresAt, attributes.Priority, attributes.DeliveryCount);
        }
    }

    private sealed class Entry(string text, MessageAttributes attributes)
    {
        public string Text { get; } = text;

        /// <summary>What it entered with, and what it became. Durable when the tickets are.</summary>
        public List<(MessageAttributes Attributes, long Ticket)> Changes { get; } = [(attributes, 0)];

        /// <summary>Durable when this is; 0: with its transaction, or since the last opening.</summary>
        public long Ticket { get; set; }

        /// <summary>It was settled, and is there again: until that is durable, it may also be as it was before.</summary>
        public Entry Returned(MessageAttributes attributes, long ticket)
        {
            var entry = new Entry(Text, attributes) { Ticket = ticket };
            entry.Changes.Clear();
            entry.Changes.AddRange([.. Changes, (attributes, ticket)]);
            return entry;
        }

        public Unit? Unit { get; init; }
        public volatile bool Settled;
        public bool SettledForGood { get; set; }
        public bool InTransaction { get; set; }

        /// <summary>By a transaction in this queue alone, which is in order with all else that happens there.</summary>
        public bool IsSettledTogether { get; set; }

        /// <summary>It is in its queue, and no transaction has a hand on it.</summary>
        public bool IsSettleable => !Settled && !InTransaction && (Unit is null or { By: not null } || Unit.IsCommitted);
    }

    /// <summary>A transaction.</summary>
    private sealed class Unit
    {
        public List<(QueueBooks Queue, long Position)> Published { get; } = [];
        public List<(QueueBooks Queue, long Position, bool MustBeThere)> Settled { get; } = [];

        /// <summary>The queue whose commit it is, if it is one.</summary>
        public QueueBooks? By { get; init; }
        public long Ticket { get; init; }
        public volatile bool IsCommitted;
        public bool Committed { get; set; }
    }
}
