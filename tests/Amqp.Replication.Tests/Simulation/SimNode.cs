using Amqp.Core.Queues;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Replication.Tests.Simulation;

/// <summary>A node with a copy of the queue: what its actor would do. It can stop, stand still, and come back with its disk or another one.</summary>
internal sealed partial class SimNode(SimCluster simulation, string name)
{
    private static readonly QueueId Queue = new(7);

    /// <summary>More are taken in the middle of an operation: at a mirror other ones than at its leader.</summary>
    private readonly int _recordsMax = simulation.Scheduler.Random.Next(2) == 0 ? 3 : 4_096;

    private readonly Queue<Action> _untilResumed = new();
    private QueueEffects _effects = new();
    private bool _hasPublished;
    private bool _isPublishing;
    private (uint Epoch, long Number) _written;
    private (long Session, long Place) _mirrored;
    private uint _leads;
    private bool _wasComplete;
    private bool _isStepping;
    private long _renewedAt;
    private bool _isInDoubt;
    private long _completed;
    private long _pages;

    public string Name => name;

    public SimDisk Disk { get; } = new(simulation.Scheduler, simulation.Wire, simulation.Bug);

    public Member Self { get; private set; }

    public bool IsUp { get; private set; }

    public bool IsPaused { get; private set; }

    public QueueState State { get; private set; } = null!;

    public QueueReplica Replica { get; private set; } = null!;

    /// <summary>The store may have given its lease to nobody by now, but not much longer.</summary>
    private bool IsLeaseInDoubt => simulation.Scheduler.Now - _renewedAt > SimStore.LeaseMs * 2 / 3;

    private long Now => simulation.Scheduler.Now + 1_000;

    private Random Random => simulation.Scheduler.Random;

    public void Start()
    {
        Self = new Member(name, Disk.Directory, simulation.NewBoot());
        (IsUp, IsPaused) = (true, false);
        _effects = new QueueEffects(HandOverMany, _recordsMax);
        State = new QueueState(Queue, epoch: 0, isDurable: true, simulation.Settings, _effects);
        State.Restore(Disk.Recover(), Now);
        LearnKeys();
        Replica = new QueueReplica(Self, State, simulation.Options, simulation.NewBoot);
        simulation.Trace.Add(name, $"starts as {Self} with {State.ReadyCount} messages");
        (_renewedAt, _isInDoubt) = (simulation.Scheduler.Now, false);
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
        LoseClients();
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
        if (IsLeaseInDoubt != _isInDoubt)
        {
            _isInDoubt = IsLeaseInDoubt;
            Replica.Suspend(_isInDoubt, Now);
            CarryOut();
        }
        action();
        CarryOut();
        _isStepping = false;
    }

    /// <param name="isCurrent">The store has just said so: what a late watch tells is no reason to forget anything.</param>
    public void Configured(QueueConfiguration configuration, bool isCurrent = false)
    {
        Replica.Configured(configuration, Now);
        if (Replica.Role == ReplicaRole.Leader) LearnKeys();
        if (isCurrent && !configuration.Concerns(name) && Disk.Durable.Count > 0) Forget();
    }

    /// <summary>The queue is to be led by another node.</summary>
    public void HandOver(string to)
    {
        if (!Replica.HandsOut) return;
        Replica.HandOver(to, simulation.Store.NewEpoch(), Now);
    }

    public void CancelHandOver()
    {
        if (!Replica.HandsOut) Replica.CancelHandOver(Now);
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

    /// <summary>Its heart: it renews its lease, asks for the configuration, and tends its queue.</summary>
    private void Live(long boot)
    {
        if (!IsUp || Self.Boot != boot) return;
        if (!IsPaused)
        {
            if (!simulation.IsCutOff(name) && simulation.Store.Renew(Self)) _renewedAt = simulation.Scheduler.Now;
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
                simulation.Checker.Appended(this, epoch, number: 1, [], isWhole: true);
            }
            if (!Replica.IsFrozen) State.SendDeadLetters(Now);
        }
        _wasComplete = Replica.Role == ReplicaRole.Leader || Replica.MirroredNumber > 0;
        HandOver(isWhole: true);
        Deliver();
        Exchange();
        Confirm();
    }

    /// <summary>It does not lead any more, or in another epoch: consumers and publishers turn elsewhere.</summary>
    private void LoseLead()
    {
        if (_leads == 0 || (Replica.Role == ReplicaRole.Leader && Replica.Configuration!.Epoch == _leads)) return;
        _leads = 0;
        LoseClients();
    }

    /// <summary>Many records have come together in the middle of an operation. What a publish leads to is told as a whole: its mark with its message.</summary>
    private void HandOverMany()
    {
        if (!_isPublishing && _isStepping && (Replica.Role != ReplicaRole.Leader || Replica.Configuration!.Epoch == _leads)) HandOver(isWhole: false);
    }

    /// <summary>Mirrors and disk are told of what has happened.</summary>
    private void HandOver(bool isWhole)
    {
        if (_leads != 0 && (_effects.Stream.Length > 0 || _hasPublished))
        {
            var number = Replica.Append(_effects.Stream, _effects.KeepsTogether, Now);
            simulation.Checker.Appended(this, _leads, number, _effects.Stream, isWhole);
            foreach (ref readonly var record in _effects.Stream)
            {
                if (record.Type == RecordType.Settle) _unfinal.Enqueue((number, record));
            }
        }
        _effects.ClearStream();
        _hasPublished = false;
        Commit(isWhole);
    }

    private void Commit(bool isWhole)
    {
        if (Replica.Role != ReplicaRole.Leader) simulation.Checker.Drops(this, _effects.Records);
        if (isWhole && Replica.MirroredNumber > 0 && Replica.Place != _mirrored) simulation.Checker.Mirrors(this, Replica.Configuration!.Epoch, Replica.MirroredNumber);
        var written = Replica.Role == ReplicaRole.Leader ? (Replica.Configuration!.Epoch, Replica.LastNumber) : default;
        var mirrored = Replica.Place;
        if (_effects.Records.Length == 0 && written == _written && mirrored == _mirrored) return;
        (_written, _mirrored) = (written, mirrored);
        var (end, late) = (_effects.EnqueuedEnd, _effects.LateCount);
        var pages = _effects.HoldsPages ? ++_pages : 0;
        if (simulation.Bug == Bug.AckBeforeFlush) simulation.Scheduler.After(0, () => Step(() => Replica.Flushed(mirrored.Session, mirrored.Mark, Now)));
        Disk.Write(_effects.Records, () => Step(() =>
        {
            State.Written(end, late);
            if (pages != 0 && pages == _pages) State.PagedOut();
            if (written != default) Replica.Durable(written.Item1, written.Item2, Now);
            if (mirrored != default) Replica.Flushed(mirrored.Session, mirrored.Mark, Now);
        }));
        _effects.ClearRecords();
    }

    /// <summary>Of restored messages, and of those that others with the same keys have hidden, if the queue goes by their keys.</summary>
    private void LearnKeys()
    {
        for (var from = 0L; State.LacksKeys;)
        {
            var part = new BrowsedPart(from, countMax: 1_000);
            var absent = State.Browse(part, Now);
            State.Browsed(part, absent, Disk.Read(absent));
            State.Index(part, part.IsLast);
            from = part.Next;
        }
    }

    private void Undamaged(int damaged)
    {
        if (damaged > 0) throw simulation.Checker.Broken($"{name} has {damaged} messages that cannot be read");
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
        if (effects.Orphans is { } orphans)
            simulation.Scheduler.After(0, 5, () => Step(() =>
            {
                simulation.Checker.KeptAside(orphans.Positions);
                Replica.KeptAside(orphans, Now);
            }));
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

    private void Forget()
    {
        simulation.Trace.Add(name, "forgets the queue");
        Stop();
        Disk.Clear();
        Start();
    }
}
