using System.Text;
using AMQP.Net;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Replication.Tests.Simulation;

/// <summary>A node with a copy of the queue: what its actor would do. It can stop, stand still, and come back with its disk or another one.</summary>
internal sealed class SimNode(SimCluster simulation, string name)
{
    private static readonly QueueId Queue = new(7);

    private readonly Queue<Action> _untilResumed = new();
    private readonly Dictionary<ProducerId, (long Connection, long Index)> _connections = [];
    private readonly Queue<(long Number, SimPublisher Publisher, long Sequence, bool IsPersistent)> _unconfirmed = new();
    private readonly List<(SimConsumer Consumer, long Number)> _consumers = [];
    private QueueEffects _effects = new();
    private bool _hasPublished;
    private (uint Epoch, long Number) _written;
    private (long Session, long Place) _mirrored;
    private uint _leads;
    private bool _wasComplete;
    private bool _isStepping;

    public string Name => name;

    public SimDisk Disk { get; } = new(simulation.Scheduler, simulation.Wire, simulation.Bug);

    public Member Self { get; private set; }

    public bool IsUp { get; private set; }

    public bool IsPaused { get; private set; }

    public QueueState State { get; private set; } = null!;

    public QueueReplica Replica { get; private set; } = null!;

    private long Now => simulation.Scheduler.Now + 1_000;

    private Random Random => simulation.Scheduler.Random;

    public static string NameOf(Message message) => Encoding.UTF8.GetString(message.Content.Body);

    public void Start()
    {
        Self = new Member(name, Disk.Directory, simulation.NewBoot());
        (IsUp, IsPaused) = (true, false);
        _effects = new QueueEffects();
        State = new QueueState(Queue, epoch: 0, isDurable: true, simulation.Settings, _effects);
        State.Restore(Disk.Recover(), Now);
        Replica = new QueueReplica(Self, State, simulation.Options, simulation.NewBoot);
        simulation.Trace.Add(name, $"starts as {Self} with {State.ReadyCount} messages");
        simulation.Store.Renew(Self);
        var boot = Self.Boot;
        simulation.Scheduler.After(0, 50, () => Live(boot));
    }

    /// <summary>kill -9.</summary>
    public void Stop()
    {
        simulation.Trace.Add(name, "stops");
        IsUp = false;
        Disk.Stop();
        _untilResumed.Clear();
        _connections.Clear();
        _unconfirmed.Clear();
        _consumers.Clear();
        (_hasPublished, _wasComplete, _written, _mirrored, _leads) = (false, false, default, default, 0);
    }

    public void Pause()
    {
        simulation.Trace.Add(name, "is paused");
        IsPaused = true;
    }

    public void Resume()
    {
        simulation.Trace.Add(name, "goes on");
        IsPaused = false;
        while (IsUp && !IsPaused && _untilResumed.TryDequeue(out var action)) Step(action);
    }

    /// <summary>Something happens to the node, and it does what comes of that. What happens to one that stands still waits.</summary>
    public void Step(Action action)
    {
        if (!IsUp) return;
        if (IsPaused)
        {
            _untilResumed.Enqueue(action);
            return;
        }
        if (_isStepping) throw new InvalidOperationException("a step inside a step");
        _isStepping = true;
        action();
        CarryOut();
        _isStepping = false;
    }

    /// <param name="isCurrent">The store has just said so: what a late watch tells is no reason to forget anything.</param>
    public void Configured(QueueConfiguration configuration, bool isCurrent = false)
    {
        Replica.Configured(configuration, Now);
        if (isCurrent && !configuration.Concerns(name) && Disk.Durable.Count > 0) Forget();
    }

    public void Publish(SimPublisher publisher, long connection, long index, long sequence, long floor, bool isPersistent)
    {
        if (Replica.Role != ReplicaRole.Leader || Replica.IsFrozen) return;
        var known = _connections.GetValueOrDefault(publisher.Id);
        if (connection < known.Connection || index != (connection > known.Connection ? 1 : known.Index + 1)) return; // something before it was lost
        _connections[publisher.Id] = (connection, index);
        var messageName = SimPublisher.NameOf(publisher.Id, sequence);
        simulation.Checker.Published(messageName);
        if (Replica.IsDuplicate(publisher.Id, sequence) && simulation.Bug != Bug.ResendStoredTwice)
        {
            simulation.Trace.Add(name, $"gets {messageName} again, safe with number {Replica.LastNumber}");
            _unconfirmed.Enqueue((Replica.LastNumber, publisher, sequence, isPersistent));
            return;
        }
        var position = Replica.AcceptsPublishes ? State.Publish(NewMessage(messageName, isPersistent), Now) : QueueState.Refused;
        simulation.Trace.Add(name, $"gets {messageName}{(isPersistent ? "" : ", transient")}: {position}");
        if (position == QueueState.NotStored) simulation.Checker.GoneAtOnce(messageName);
        if (position == QueueState.Refused)
        {
            simulation.Checker.Refused(messageName);
            simulation.Network.Send(name, publisher.Edge, () => publisher.Answered(sequence));
            return;
        }
        Replica.Published(publisher.Id, sequence, floor);
        _hasPublished = true;
        _unconfirmed.Enqueue((Replica.LastNumber + 1, publisher, sequence, isPersistent));
    }

    /// <summary>A consumer comes, if this node leads.</summary>
    public void Consume()
    {
        if (!Replica.HandsOut || _consumers.Count >= 3) return;
        var consumer = new SimConsumer { Tag = $"{name}c{simulation.NewBoot()}", AutoAck = false, Exclusive = false, Priority = 0, Prefetch = Random.Next(1, 10) };
        _consumers.Add((consumer, simulation.NewBoot()));
        State.AddConsumer(consumer, Now);
    }

    /// <summary>The queue is to be led by another node.</summary>
    public void HandOver(string to)
    {
        if (!Replica.HandsOut) return;
        foreach (var (consumer, _) in _consumers) State.RemoveConsumer(consumer); // what they have they may settle
        Replica.HandOver(to, simulation.Store.NewEpoch());
    }

    public void CancelHandOver()
    {
        if (Replica.HandsOut || !Replica.CancelHandOver()) return;
        foreach (var (consumer, _) in _consumers) State.Release(consumer, Now);
        _consumers.Clear();
        State.DeliverReturned(Now);
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

    /// <summary>What a queue does by itself.</summary>
    public void Tend()
    {
        Replica.Tick(Now);
        if (Replica.Successor is { } next) HandOver(next);
        if (Replica.Role == ReplicaRole.Leader && Replica.HandsOut)
        {
            State.DropExpired(Now);
            State.ReleaseDue(Now);
        }
        if (simulation.IsMemoryTight) State.Evict(keptBytes: 500);
        State.ReadAhead(windowBytes: 1_000, isGetWaiting: false);
    }

    private static Message NewMessage(string name, bool isPersistent)
    {
        var properties = new MutableProperties { DeliveryMode = isPersistent ? (byte)2 : (byte)1 }.Encode();
        return new Message("", "q", new Content([.. properties, .. Encoding.UTF8.GetBytes(name)], properties.Length));
    }

    /// <summary>Its heart: it renews its lease, asks for the configuration, and tends its queue.</summary>
    private void Live(long boot)
    {
        if (!IsUp || Self.Boot != boot) return;
        if (!IsPaused)
        {
            if (!simulation.IsCutOff(name)) simulation.Store.Renew(Self);
            if (simulation.Store is { IsReachable: true, Current: { } stored } && !simulation.IsCutOff(name) && Random.Next(5) == 0) Step(() => Configured(stored, isCurrent: true));
            Step(Tend);
        }
        simulation.Scheduler.After(50, 150, () => Live(boot));
    }

    private void CarryOut()
    {
        LoseLead();
        if (Replica.Role == ReplicaRole.Leader)
        {
            var epoch = Replica.Configuration!.Epoch;
            if (_leads != epoch)
            {
                _leads = epoch;
                simulation.Checker.Leads(this, epoch, _wasComplete);
                simulation.Checker.Appended(this, epoch, number: 1, []);
            }
            if (!Replica.IsFrozen) State.SendDeadLetters(Now);
            if (_effects.Stream.Length > 0 || _hasPublished)
            {
                var number = Replica.Append(_effects.Stream, Now);
                simulation.Checker.Appended(this, epoch, number, _effects.Stream);
            }
        }
        _wasComplete = Replica.Role == ReplicaRole.Leader || Replica.MirroredNumber > 0;
        _effects.ClearStream();
        _hasPublished = false;
        Commit();
        Deliver();
        Exchange();
        Confirm();
    }

    /// <summary>It does not lead any more, or in another epoch: consumers and publishers turn elsewhere.</summary>
    private void LoseLead()
    {
        if (_leads == 0 || (Replica.Role == ReplicaRole.Leader && Replica.Configuration!.Epoch == _leads)) return;
        _leads = 0;
        foreach (var (consumer, _) in _consumers) State.RemoveConsumer(consumer);
        _consumers.Clear();
        _unconfirmed.Clear();
        _connections.Clear();
    }

    private void Commit()
    {
        if (Replica.MirroredNumber > 0 && Replica.Place != _mirrored) simulation.Checker.Mirrors(this, Replica.Configuration!.Epoch, Replica.MirroredNumber);
        var written = Replica.Role == ReplicaRole.Leader ? (Replica.Configuration!.Epoch, Replica.LastNumber) : default;
        var mirrored = Replica.Place;
        if (_effects.Records.Length == 0 && written == _written && mirrored == _mirrored) return;
        (_written, _mirrored) = (written, mirrored);
        var (end, late, hasPages) = (_effects.EnqueuedEnd, _effects.LateCount, _effects.HoldsPages);
        if (simulation.Bug == Bug.AckBeforeFlush) simulation.Scheduler.After(0, () => Step(() => Replica.Flushed(mirrored.Session, mirrored.Place, Now)));
        Disk.Write(_effects.Records, () => Step(() =>
        {
            State.Written(end, late);
            if (hasPages) State.PagedOut();
            if (written != default) Replica.Durable(written.Item1, written.Item2, Now);
            if (mirrored != default) Replica.Flushed(mirrored.Session, mirrored.Place, Now);
        }));
    }

    private void Deliver()
    {
        foreach (var delivery in _effects.Deliveries.ToArray())
        {
            var consumer = (SimConsumer)delivery.Consumer;
            simulation.Checker.Delivered(consumer, _consumers.First(each => each.Consumer == consumer).Number, NameOf(delivery.Message), delivery.Redelivered);
            var (position, epoch) = (delivery.Position, _leads);
            simulation.Scheduler.After(0, 60, () => Step(() => Settle(consumer, position, epoch)));
        }
        foreach (var letter in _effects.DeadLetters.ToArray())
        {
            simulation.Checker.DeadLettered(NameOf(letter.Message));
            var (position, epoch) = (letter.Position, _leads);
            simulation.Scheduler.After(0, 20, () => Step(() =>
            {
                if (_leads == epoch && !Replica.IsFrozen) State.DeadLettered(position, Now);
            }));
        }
        foreach (var positions in _effects.Reads.ToArray())
            simulation.Scheduler.After(0, 5, () => Step(() => Undamaged(State.Loaded(positions, Disk.Read(positions), Now))));
        if (_effects.DeadLetterRead is { } letters)
            simulation.Scheduler.After(0, 5, () => Step(() => Undamaged(State.DeadLettersRead(letters, Disk.Read(letters), Now))));
        _effects.Clear();
    }

    private void Undamaged(int damaged)
    {
        if (damaged > 0) throw simulation.Checker.Broken($"{name} has {damaged} messages that cannot be read");
    }

    private void Settle(SimConsumer consumer, long position, uint epoch)
    {
        if (_leads != epoch || Replica.IsFrozen || !_consumers.Exists(each => each.Consumer == consumer)) return;
        State.Settle(consumer, position, Random.Next(10) switch { 0 => Settlement.Requeue, 1 => Settlement.Reject, _ => Settlement.Acknowledge }, Now);
        State.DeliverReturned(Now);
    }

    private void Exchange()
    {
        var effects = Replica.Effects;
        foreach (var (to, message) in effects.Sends.ToArray())
        {
            var copy = simulation.Wire.Copy(message);
            if (simulation.Bug == Bug.ReconciliationKeepsSurplus && copy is Feed { Item: Part part } described) copy = described with { Item = part with { End = part.From } };
            if (simulation.Bug == Bug.SettleLostInReconciliation && copy is Feed { Item: Batch batch } feed && Replica.Mirrors.Any(mirror => mirror.Mirror.Node == to && !mirror.IsComplete))
                copy = feed with { Item = batch with { Records = [.. batch.Records.Where(record => record.Type != RecordType.Settle)] } };
            simulation.Network.Send(name, to, () => simulation.Node(to).Step(() => simulation.Node(to).Replica.Received(name, copy, Now)));
        }
        if (effects.Proposal is var (revision, proposal)) Propose(revision, proposal);
        foreach (var read in effects.Reads.ToArray())
            simulation.Scheduler.After(0, 5, () => Step(() =>
            {
                var found = Disk.Read(read.Absent);
                Undamaged(found.Where((message, index) => message is null && State.Contains(read.Absent[index])).Count());
                Replica.Read(read, found, Now);
            }));
        if (effects.Orphans is { } orphans) simulation.Scheduler.After(0, 5, () => Step(() => Replica.KeptAside(orphans, Now)));
        effects.Clear();
    }

    private void Propose(long revision, QueueConfiguration proposal)
    {
        if (simulation.Bug == Bug.ConfirmBeforeCompareAndSwap)
            simulation.Scheduler.After(0, () => Step(() => Configured(proposal with { Revision = revision + 1 })));
        if (simulation.Bug == Bug.MinimalSet && Replica.Configuration is { } known && proposal.InSync.Length > known.InSync.Length && Random.Next(3) == 0)
            simulation.Scheduler.After(5, () => Step(() => Configured(known with { Revision = revision + 1 })));
        if (simulation.IsCutOff(name)) return;
        var boot = Self.Boot;
        simulation.Store.Propose(revision, proposal, stored =>
        {
            if (Self.Boot == boot && !simulation.IsCutOff(name)) Step(() => Configured(stored));
        });
    }

    private void Confirm()
    {
        while (_unconfirmed.TryPeek(out var first) && first.Number <= Replica.Completed)
        {
            _unconfirmed.Dequeue();
            simulation.Checker.Confirms(this, SimPublisher.NameOf(first.Publisher.Id, first.Sequence), first.IsPersistent);
            simulation.Network.Send(name, first.Publisher.Edge, () => first.Publisher.Answered(first.Sequence));
        }
    }

    private void Forget()
    {
        simulation.Trace.Add(name, "forgets the queue");
        Stop();
        Disk.Clear();
        Start();
    }
}
