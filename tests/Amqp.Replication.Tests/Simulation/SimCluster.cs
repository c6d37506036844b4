using Amqp.Core.Queues;

namespace Amqp.Replication.Tests.Simulation;

/// <summary>
/// A cluster with one mirrored queue, on one thread, in a time of its own: the real queue state, the real protocol and the real format of records, on simulated
/// disks, links and store that fail in every way that the seed thinks of. In the end everything is mended, and everything confirmed has to be there.
/// </summary>
internal sealed class SimCluster
{
    private const long FaultsMs = 30_000;
    private const long MendedMs = 120_000;

    /// <summary>More messages show nothing more, and take time.</summary>
    private const int BacklogMax = 100;

    private readonly List<SimPublisher> _publishers = [];
    private readonly Faults _faults;
    private long _boots;

    /// <param name="bug">To be found.</param>
    /// <param name="isTraced">If not, a run that fails is repeated, traced.</param>
    public SimCluster(int seed, Bug bug = Bug.None, bool isTraced = false)
    {
        (Seed, Bug) = (seed, bug);
        Scheduler = new Scheduler(seed);
        Trace = new Trace(Scheduler, isTraced);
        Network = new SimNetwork(Scheduler);
        var random = Scheduler.Random;
        Store = new SimStore(Scheduler, Trace, bug) { PromotesUnsynchronised = random.Next(8) == 0 };
        Checker = new Checker(this);
        Settings = SettingsOf(random);
        IsMemoryTight = random.Next(3) == 0;
        var catchUpBytes = random.Next(2) == 0 ? 1_000 : 1_000_000;
        Options = new ReplicaOptions
        {
            PartCount = random.Next(2) == 0 ? 5 : 100,
            WantCount = random.Next(2) == 0 ? 3 : 50,
            FillBytes = random.Next(2) == 0 ? 500 : 100_000,
            LackingMax = random.Next(2) == 0 ? 10 : 10_000,
            CatchUpBytes = catchUpBytes,
            TailBytesMax = random.Next(2) == 0 ? 20 * catchUpBytes : 100_000_000,
        };
        var count = random.Next(3) == 0 ? random.Next(2, 6) : 3;
        Nodes = [.. Enumerable.Range(1, count).Select(number => new SimNode(this, $"n{number}"))];
        _faults = new Faults(this);
    }

    public int Seed { get; }

    public Bug Bug { get; }

    public Scheduler Scheduler { get; }

    public Trace Trace { get; }

    public SimNetwork Network { get; }

    public Wire Wire { get; } = new();

    public SimStore Store { get; }

    public Checker Checker { get; }

    public QueueSettings Settings { get; }

    public ReplicaOptions Options { get; }

    public bool IsMemoryTight { get; }

    public IReadOnlyList<SimNode> Nodes { get; }

    /// <summary>Numbers that are never used again: of starts, sessions, consumers.</summary>
    public long NewBoot() => ++_boots;

    public SimNode Node(string name) => Nodes.First(node => node.Name == name);

    /// <summary>The node does not reach the store.</summary>
    public bool IsCutOff(string node) => Network.IsCut(node, "etcd") || Network.IsCut("etcd", node);

    /// <summary>The run, from the first declare until all is quiet again.</summary>
    public void Run()
    {
        try
        {
            Begin();
            while (Scheduler.TryStep(FaultsMs)) { }
            _faults.Mend();
            for (var until = FaultsMs; !IsQuiet; until += 1_000)
            {
                if (until > FaultsMs + MendedMs) throw Checker.Broken($"it does not come to rest: {WhatIsLeft()}");
                while (Scheduler.TryStep(until + 1_000)) { }
            }
            Checker.End();
        }
        catch (Exception broken) when (broken is not OutOfMemoryException)
        {
            if (!Trace.IsKept) new SimCluster(Seed, Bug, isTraced: true).Run();
            throw new AssertionException($"seed {Seed}: {broken.Message}\n{Options} {(IsMemoryTight ? "memory is tight" : "")}\n{Settings}\n{(broken is AssertionException ? "" : broken.StackTrace)}\n{Trace.Shortened(last: 60, "etcd", "starts", "stops", "is ", broken.Message.Split(' ')[0])}", broken);
        }
    }

    /// <summary>All that a queue can be, in a random mix.</summary>
    private static QueueSettings SettingsOf(Random random)
    {
        var role = random.Next(10) switch { 0 => QueueRole.Delays, 1 => QueueRole.Deduplication, _ => QueueRole.ForClients };
        return new QueueSettings
        {
            Role = role,
            DeadLetterExchange = random.Next(2) == 0 && role == QueueRole.ForClients ? "dead" : null,
            DeliveryLimit = random.Next(3) == 0 ? 2 : long.MaxValue,
            Retry = random.Next(3) == 0 ? new RetryDelay(RetryType.All, MinMs: 50, MaxMs: 500, Multiplier: 0) : default,
            LengthMax = random.Next(5) == 0 && role != QueueRole.Delays ? 50 : long.MaxValue,
            Overflow = random.Next(2) == 0 ? Overflow.DropHead : Overflow.RejectPublish,
            MessageTtlMs = role == QueueRole.Deduplication || random.Next(5) == 0 ? 5_000 : null, // in the former keys live so long
            MaxPriority = (byte)(role == QueueRole.Deduplication ? 1 : random.Next(4) == 0 && role == QueueRole.ForClients ? 3 : 0), // in the former to tell keys
            MessageGroups = random.Next(4) == 0 && role == QueueRole.ForClients,
            Deduplicates = random.Next(6) == 0 && role == QueueRole.ForClients,
            SingleActiveConsumer = random.Next(6) == 0,
            KeysInMemory = random.Next(2) == 0,
        };
    }

    private bool IsQuiet => _publishers.TrueForAll(publisher => publisher.IsDone)
        && Nodes.All(node => node.IsUp)
        && Store.Current is { } stored && stored.InSync.Length == stored.Replicas.Length && stored.InSync.All(member => Node(member.Node).Self == member)
        && Node(stored.Leader.Node).Replica.Role == ReplicaRole.Leader && Node(stored.Leader.Node).State is { ReadyCount: 0, UnackedCount: 0 };

    private string WhatIsLeft() =>
        $"{Store.Current}; publishers that wait: {_publishers.Count(publisher => !publisher.IsDone)}; "
        + string.Join(", ", Nodes.Select(node => $"{node.Name} {(node.IsUp ? node.Replica.Role : "down")} {node.Self} ready {node.State.ReadyCount} unacked {node.State.UnackedCount} place {node.Replica.Place} mirrored {node.Replica.MirroredNumber} last {node.Replica.LastNumber} complete {node.Replica.Completed} [{string.Join(' ', node.Replica.Mirrors)}]"));

    private void Begin()
    {
        Store.Changed = (before, after) => Checker.Configured(before, after);
        Store.Chosen = Checker.Chosen;
        foreach (var node in Nodes)
        {
            node.Start();
            Store.Watches.Add(stored =>
            {
                if (!IsCutOff(node.Name)) node.Step(() => node.Configured(stored));
            });
        }
        Store.Create(new QueueConfiguration
        {
            Revision = 1,
            Epoch = Store.NewEpoch(),
            Leader = Nodes[0].Self,
            Replicas = [.. Nodes.Select(node => node.Name)],
            InSync = [Nodes[0].Self],
            MinInSync = Scheduler.Random.Next(1, 3),
        });
        Every(100, () => Store.Control(isMistaken: Scheduler.Now < FaultsMs && Scheduler.Chance(0.002)));
        Every(30, Work);
        Every(500, Checker.Look);
        _faults.Begin(FaultsMs);
    }

    private void Work()
    {
        var node = Scheduler.Pick(Nodes);
        if (node.IsUp && !node.IsPaused && Scheduler.Chance(0.3)) node.Step(node.Consume);
        foreach (var publisher in _publishers) publisher.Tick();
        if (Scheduler.Now >= FaultsMs) return;
        if (node.IsUp && Scheduler.Chance(0.03)) node.Step(node.Cancel);
        if (node.IsUp && !node.IsPaused && _publishers.Count(publisher => !publisher.IsDone) < 6 && Scheduler.Chance(0.2))
            _publishers.Add(new SimPublisher(this, node, new ProducerId(node.Self.Boot, _publishers.Count)));
        if (Nodes.Any(each => each.IsUp && each.State.ReadyCount > BacklogMax)) return;
        if (node.IsUp && !node.IsPaused && Scheduler.Chance(0.1)) node.Step(() => node.Transact());
        foreach (var publisher in _publishers)
        {
            if (Scheduler.Chance(0.3)) publisher.Publish();
        }
    }

    private void Every(long ms, Action action)
    {
        action();
        Scheduler.After(ms, () => Every(ms, action));
    }
}
