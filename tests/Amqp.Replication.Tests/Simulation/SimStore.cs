namespace Amqp.Replication.Tests.Simulation;

/// <summary>
/// The metadata store: one record, changed by compare-and-swap, and the leases of the nodes. It is linearizable; but requests and answers are lost on the way, nodes hear
/// of changes late, and at times it cannot be reached at all. In it lives the controller, which replaces leaders that are gone, on what it knew a moment ago.
/// </summary>
internal sealed class SimStore(Scheduler scheduler, Trace trace, Bug bug)
{
    /// <summary>A node that was not heard for so long is taken for gone.</summary>
    public const long LeaseMs = 5_000;

    private readonly Dictionary<string, (Member Member, long Until)> _leases = [];
    private uint _epochs;
    private int _onTheWay;

    public QueueConfiguration? Current { get; private set; }

    public bool IsReachable { get; set; } = true;

    /// <summary>Proposals are on their way.</summary>
    public bool IsBusy => _onTheWay > 0;

    public double LossRate { get; set; }

    /// <summary><c>ha-promote-on-failure: always</c>.</summary>
    public bool PromotesUnsynchronised { get; init; }

    /// <summary>Nodes hear of a change after so long at most.</summary>
    public long WatchMsMax { get; set; } = 50;

    /// <summary>Told of every change, before anything else hears of it.</summary>
    public Action<QueueConfiguration?, QueueConfiguration> Changed { get; set; } = (_, _) => { };

    /// <summary>Told whom the controller chooses among which nodes that run.</summary>
    public Action<QueueConfiguration, IReadOnlyList<Member>, Member> Chosen { get; set; } = (_, _, _) => { };

    /// <summary>Who hears of changes, late.</summary>
    public List<Action<QueueConfiguration>> Watches { get; } = [];

    /// <summary>No other leader of any queue has it, or had, or will have.</summary>
    public uint NewEpoch() => ++_epochs;

    public void Create(QueueConfiguration first) => Store(first with { Revision = 1 });

    public bool IsLeased(Member member) => _leases.TryGetValue(member.Node, out var lease) && lease.Member == member && lease.Until > scheduler.Now;

    /// <returns>False: it was not heard.</returns>
    public bool Renew(Member member)
    {
        var isHeard = IsReachable && !scheduler.Chance(LossRate);
        if (isHeard) _leases[member.Node] = (member, scheduler.Now + LeaseMs);
        return isHeard;
    }

    /// <summary>Its process is gone, which its peers have noticed.</summary>
    public void Expire(string node) => _leases.Remove(node);

    /// <summary>Asks for a change; the answer is what is stored then.</summary>
    /// <param name="answered">Never called if the request or the answer was lost.</param>
    public void Propose(long revision, QueueConfiguration proposal, Action<QueueConfiguration> answered)
    {
        if (!IsReachable || scheduler.Chance(LossRate)) return;
        _onTheWay++;
        scheduler.After(0, 10, () =>
        {
            _onTheWay--;
            if (!IsReachable) return;
            if (Current!.Revision == revision) Store(proposal with { Revision = revision + 1 });
            if (scheduler.Chance(LossRate)) return;
            var stored = Current;
            scheduler.After(0, 10, () => answered(stored));
        });
    }

    /// <summary>Looks whether the leader is gone, and decides a moment later.</summary>
    /// <param name="isMistaken">It takes the leader for gone that is not.</param>
    public void Control(bool isMistaken)
    {
        if (Current is not { } seen || !IsReachable) return;
        if (IsLeased(seen.Leader) && !isMistaken) return;
        var running = _leases.Values.Where(lease => lease.Until > scheduler.Now).Select(lease => lease.Member)
            .Where(member => !isMistaken || member != seen.Leader).ToArray();
        if (Choose(seen, running) is not { } next) return;
        Chosen(seen, running, next);
        scheduler.After(0, 200, () =>
        {
            var epoch = bug == Bug.EpochUsedTwice ? seen.Epoch : NewEpoch();
            if (Current.Revision == seen.Revision) Store(Election.Promote(seen, next, epoch) with { Revision = seen.Revision + 1 });
        });
    }

    private Member? Choose(QueueConfiguration seen, Member[] running) => bug switch
    {
        Bug.LeaderOutsideTheSet when running.Length > 0 => scheduler.Pick(running),
        Bug.RestartedLeadsWhileABetterOneLives => running.Where(seen.IsInSync).OrderBy(seen.InSync.Contains).Select(member => (Member?)member).FirstOrDefault(),
        _ => Election.Choose(seen, running, PromotesUnsynchronised),
    };

    private void Store(QueueConfiguration configuration)
    {
        Changed(Current, configuration);
        Current = configuration;
        trace.Add("etcd", configuration.ToString());
        foreach (var watch in Watches) scheduler.After(0, WatchMsMax, () => watch(configuration));
    }
}
