namespace Amqp.Replication;

/// <summary>Who may lead a queue whose leader is gone.</summary>
public static class Election
{
    /// <summary>
    /// The next leader: a copy in sync whose node runs; rather one that never stopped, since the others have lost their transient messages, and then the
    /// first of the policy's order.
    /// </summary>
    /// <param name="configuration">As stored; the answer holds for a compare-and-swap with its revision only.</param>
    /// <param name="running">Nodes that run, as they are now.</param>
    /// <param name="promotesUnsynchronised">What <c>ha-promote-on-failure: always</c> asks for: if no copy in sync is left, a replica that is not, and confirmed
    /// messages may be lost.</param>
    /// <returns>Null: the queue has to wait.</returns>
    public static Member? Choose(QueueConfiguration configuration, IReadOnlyCollection<Member> running, bool promotesUnsynchronised = false)
    {
        var candidates = running.Where(configuration.IsInSync).ToArray();
        if (candidates.Length == 0 && promotesUnsynchronised) candidates = [.. running.Where(member => configuration.Replicas.Contains(member.Node))];
        if (candidates.Length == 0) return null;
        return candidates.OrderByDescending(member => configuration.InSync.Contains(member)).ThenBy(member => Order(configuration, member.Node)).First();
    }

    /// <summary>The configuration with a new leader.</summary>
    /// <param name="epoch">Above every one that this queue had.</param>
    public static QueueConfiguration Promote(QueueConfiguration configuration, Member leader, uint epoch)
    {
        // A copy that was started again is known by its new start from here on; the others find out when they join.
        var next = configuration with { Revision = 0, Epoch = epoch, Leader = leader, Proposal = default };
        if (configuration.IsInSync(leader)) return next with { InSync = [.. configuration.InSync.Select(member => member.IsSameCopy(leader) ? leader : member)] };
        // What such a copy does not have was not settled for that: whatever others have besides is kept aside.
        return next with { InSync = [leader], Ends = [new EpochEnd(0, 0), new EpochEnd(configuration.Epoch, 0)] };
    }

    private static int Order(QueueConfiguration configuration, string node) =>
        configuration.Replicas.IndexOf(node) is >= 0 and var place ? place : int.MaxValue;
}
