using Amqp.Cluster.Operations;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Tests.Operations;

public class LeaderBalanceTests
{
    private static readonly string[] All = ["n1", "n2", "n3"];

    [Test]
    public void Leaders_of_one_node_are_spread_over_all() =>
        Assert.That(Counts(LeaderBalance.Plan([.. Led("n1", 7)], All), 7), Is.EqualTo(new[] { 3, 2, 2 }));

    [Test]
    public void What_is_even_stays() => Assert.That(LeaderBalance.Plan([.. Led("n1", 2), .. Led("n2", 2, from: 3), .. Led("n3", 1, from: 5)], All), Is.Empty);

    [Test]
    public void A_node_that_may_not_lead_gets_nothing_and_loses_what_it_has() =>
        Assert.That(LeaderBalance.Plan([.. Led("n1", 2)], ["n2", "n3"]).Select(move => move.To), Is.EquivalentTo(new[] { "n2", "n3" }));

    [Test]
    public void A_queue_moves_only_to_a_copy_in_sync() =>
        Assert.That(LeaderBalance.Plan([new(new QueueId(1), "n1", ["n1"]), new(new QueueId(2), "n1", ["n1"]), new(new QueueId(3), "n1", ["n1", "n2"])], All), Has.Count.EqualTo(1));

    private static IEnumerable<LedQueue> Led(string node, int count, int from = 1) => Enumerable.Range(from, count).Select(id => new LedQueue(new QueueId(id), node, All));

    private static int[] Counts(IReadOnlyList<LeaderMove> moves, int ofFirst) =>
        [ofFirst - moves.Count, moves.Count(move => move.To == "n2"), moves.Count(move => move.To == "n3")];
}
