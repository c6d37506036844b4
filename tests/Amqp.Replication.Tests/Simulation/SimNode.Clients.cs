using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Replication.Tests.Simulation;

/// <content>What clients do on a node, and what they hear from it.</content>
internal sealed partial class SimNode
{
    private readonly Dictionary<ProducerId, (long Connection, long Index)> _connections = [];
    private readonly Queue<Unconfirmed> _unconfirmed = new();
    private readonly Queue<(long Number, StoreRecord Settle)> _unfinal = new();
    private readonly List<(SimConsumer Consumer, long Number)> _consumers = [];

    public void Publish(SimPublisher publisher, long connection, long index, long sequence, long floor, bool isPersistent)
    {
        if (Replica.Role != ReplicaRole.Leader || Replica.IsFrozen) return;
        var known = _connections.GetValueOrDefault(publisher.Id);
        if (connection < known.Connection || index != (connection > known.Connection ? 1 : known.Index + 1)) return; // something before it was lost
        _connections[publisher.Id] = (connection, index);
        var messageName = SimMessages.NameOf(publisher.Id, sequence);
        simulation.Checker.Published(messageName);
        var end = State.End;
        // As the queue's actor does it: what it knows it refuses too while too few have it.
        if (Replica.AcceptsPublishes && Replica.IsDuplicate(publisher.Id, sequence) && simulation.Bug != Bug.ResendStoredTwice)
        {
            simulation.Trace.Add(name, $"gets {messageName} again, safe with number {Replica.LastNumber}");
            _unconfirmed.Enqueue(new Unconfirmed(Replica.LastNumber, messageName, isPersistent, QueueState.NotStored, Answer));
            return;
        }
        _isPublishing = true;
        var position = Replica.AcceptsPublishes ? State.Publish(SimMessages.New(publisher.Id, sequence, isPersistent), Now) : QueueState.Refused;
        _isPublishing = false;
        simulation.Trace.Add(name, $"gets {messageName}{(isPersistent ? "" : ", transient")}: {position}");
        if (position == QueueState.Refused)
        {
            simulation.Checker.Refused(messageName);
            Answer();
            return;
        }
        var isThere = position != QueueState.NotStored && position >= end;
        if (!isThere) simulation.Checker.GoneAtOnce(messageName); // beyond the length; or the queue has its key, and what that one is, this is
        Replica.Published(publisher.Id, sequence, floor);
        _hasPublished = true;
        _unconfirmed.Enqueue(new Unconfirmed(Replica.LastNumber + 1, messageName, isPersistent, isThere ? QueueState.NotStored : position, Answer));

        void Answer() => simulation.Network.Send(name, publisher.Edge, () => publisher.Answered(sequence));
    }

    /// <summary>A consumer comes, if this node leads.</summary>
    public void Consume()
    {
        if (!Replica.HandsOut || _consumers.Count >= 3 || simulation.Settings.HoldsBack) return;
        var consumer = new SimConsumer { Tag = $"{name}c{simulation.NewBoot()}", AutoAck = false, Exclusive = false, Priority = 0, Prefetch = Random.Next(1, 10) };
        _consumers.Add((consumer, simulation.NewBoot()));
        State.AddConsumer(consumer, Now);
    }

    /// <summary>A consumer goes.</summary>
    public void Cancel()
    {
        if (_consumers.Count == 0 || Replica.IsFrozen) return;
        var (consumer, _) = _consumers[Random.Next(_consumers.Count)];
        _consumers.RemoveAll(each => each.Consumer == consumer);
        State.RemoveConsumer(consumer);
        State.Release(consumer, Now);
        State.DeliverReturned(Now);
    }

    /// <summary>A client commits a transaction that publishes, and settles what it has.</summary>
    /// <param name="holder">Null: it settles nothing.</param>
    public void Transact(SimConsumer? holder = null, long position = 0)
    {
        if (!Replica.AcceptsPublishes) return;
        var producer = new ProducerId(simulation.NewBoot(), 0);
        var part = new TransactionPart();
        for (var number = Random.Next(1, 4); number > 0; number--) part.Publishes.Insert(0, SimMessages.New(producer, number, isPersistent: simulation.Scheduler.Chance(0.7)));
        if (holder is not null) part.Settlements.Add(new HeldMessage(holder, position, Random.Next(4) == 0 ? Settlement.Reject : Settlement.Acknowledge));
        if (!State.Prepare(part, Now))
        {
            if (holder is not null) State.Settle(holder, position, Settlement.Acknowledge, Now);
            return;
        }
        simulation.Trace.Add(name, $"prepares {string.Join(' ', part.Publishes.Select(SimMessages.NameOf))} and the settlement of {part.Settlements.Count}");
        var epoch = _leads;
        var commits = simulation.Scheduler.Chance(0.8);
        simulation.Scheduler.After(0, 20, () => Step(() => Finish(part, commits, epoch)));
    }

    private void Finish(TransactionPart part, bool commits, uint epoch)
    {
        if (_leads != epoch) return; // whoever leads now knows nothing of it
        if (Replica.IsFrozen)
        {
            simulation.Scheduler.After(20, () => Step(() => Finish(part, commits, epoch)));
            return;
        }
        if (!commits)
        {
            State.Abort(part, Now);
            return;
        }
        foreach (var message in part.Publishes) simulation.Checker.Published(SimMessages.NameOf(message));
        State.Commit(part, Now);
        foreach (var message in part.Publishes) _unconfirmed.Enqueue(new Unconfirmed(Replica.LastNumber + 1, SimMessages.NameOf(message), message.IsPersistent, QueueState.NotStored, () => { }));
        _hasPublished = true;
    }

    private void Deliver()
    {
        foreach (var delivery in _effects.Deliveries.ToArray())
        {
            var consumer = (SimConsumer)delivery.Consumer;
            if (_consumers.Find(each => each.Consumer == consumer) is not { Consumer: not null } known) continue; // the node leads no more, and has told its clients
            var messageName = SimMessages.NameOf(delivery.Message);
            simulation.Checker.Leaves(_leads, delivery.Position, messageName);
            simulation.Checker.Delivered(consumer, known.Number, messageName, delivery.Redelivered);
            var (position, epoch) = (delivery.Position, _leads);
            simulation.Scheduler.After(0, 60, () => Step(() => Settle(consumer, position, epoch)));
        }
        foreach (var letter in _effects.DeadLetters.ToArray()) Send(letter);
        foreach (var positions in _effects.Reads.ToArray())
            simulation.Scheduler.After(0, 5, () => Step(() => Undamaged(State.Loaded(positions, Disk.Read(positions), Now))));
        if (_effects.DeadLetterRead is { } letters)
            simulation.Scheduler.After(0, 5, () => Step(() => Undamaged(State.DeadLettersRead(letters, Disk.Read(letters), Now))));
        _effects.Clear();
    }

    /// <summary>A dead letter goes to another queue, which is safe, and says so. What does not arrive the next leader sends again.</summary>
    private void Send(DeadLetter letter)
    {
        var (epoch, boot, messageName) = (_leads, Self.Boot, SimMessages.NameOf(letter.Message));
        simulation.Checker.Leaves(epoch, letter.Position, messageName);
        simulation.Scheduler.After(0, simulation.Scheduler.Chance(0.05) ? 1_000 : 20, () =>
        {
            if (!IsUp || Self.Boot != boot) return;
            simulation.Checker.DeadLettered(messageName);
            simulation.Scheduler.After(0, 20, () => Step(() =>
            {
                if (_leads == epoch && !Replica.IsFrozen) State.DeadLettered(letter.Position, Now);
            }));
        });
    }

    private void Settle(SimConsumer consumer, long position, uint epoch)
    {
        if (_leads != epoch || Replica.IsFrozen || !_consumers.Exists(each => each.Consumer == consumer)) return;
        var what = Random.Next(12);
        if (what == 0 && Replica.AcceptsPublishes) Transact(consumer, position);
        else State.Settle(consumer, position, what switch { 1 => Settlement.Requeue, 2 => Settlement.Reject, _ => Settlement.Acknowledge }, Now);
        State.DeliverReturned(Now);
    }

    /// <summary>Everything up to the last batch that is complete is safe: what was published, and that what was settled is.</summary>
    private void Confirm()
    {
        if (Replica.Completed > _completed && simulation.Scheduler.Now - _renewedAt > SimStore.LeaseMs) throw simulation.Checker.Broken($"{name} completes number {Replica.Completed}, and its lease is over");
        _completed = Replica.Completed;
        while (_unfinal.TryPeek(out var settle) && settle.Number <= Replica.Completed) simulation.Checker.Final(_leads, _unfinal.Dequeue().Settle);
        while (_unconfirmed.TryPeek(out var first) && first.Number <= Replica.Completed)
        {
            _unconfirmed.Dequeue();
            simulation.Checker.Confirms(this, first.Name, first.IsPersistent);
            if (first.Original != QueueState.NotStored) simulation.Checker.ConfirmsAt(this, first.Original);
            first.Answer();
        }
    }

    /// <summary>Whoever is connected turns elsewhere.</summary>
    private void LoseClients()
    {
        foreach (var (consumer, _) in _consumers) State.RemoveConsumer(consumer);
        _consumers.Clear();
        _unconfirmed.Clear();
        _unfinal.Clear();
        _connections.Clear();
    }

    /// <param name="Number">Of the batch that has to be complete.</param>
    /// <param name="Original">Where the message is that this one is a duplicate of, or <see cref="QueueState.NotStored"/>.</param>
    private readonly record struct Unconfirmed(long Number, string Name, bool IsPersistent, long Original, Action Answer);
}
