using Amqp.Testing;

namespace Amqp.Failover.Tests;

/// <summary>A queue gets mirrors, others, and none, under load.</summary>
[Ours, NonParallelizable]
public sealed class PolicyTests : FailoverFixture
{
    private const int Some = 300;

    [TestCase(2)]
    [TestCase(30, Category = "Long")]
    public async Task A_queue_is_mirrored_elsewhere_and_not_at_all_by_turns(int rounds)
    {
        var load = await BeginLoad("n1", policy: null, "n1", "n2", "n3");
        for (var round = 0; round < rounds; round++)
        {
            await load.MoreConfirms(Some);
            await Cluster.SetPolicy(Queue, Mirrored);
            await InSync(3);
            await load.MoreConfirms(Some);
            await Cluster.SetPolicy(Queue, On("n2", "n3"));
            await Eventually.True(async () => (await Cluster.LeaderOf(Queue)).Name != "n1", ToRecover, "another node leads");
            await InSync(2);
            await load.MoreConfirms(Some);
            await Cluster.ClearPolicy(Queue);
            await InSync(1);
            await load.MoreConfirms(Some);
            await Cluster.SetPolicy(Queue, On("n1", "n2"));
            await InSync(2);
            await Cluster.ClearPolicy(Queue);
            await InSync(1);
        }
        var verdict = await Judge(load, copies: 1);
        Assert.That(verdict.Duplicates, Is.Zero, verdict.ToString());
        Assert.That(verdict.AckedAgain, Is.Zero, "a planned change of leader loses no acknowledgement");
    }

    private static Dictionary<string, object> On(params string[] nodes) => new()
    {
        ["ha-mode"] = "nodes",
        ["ha-params"] = nodes.Select(node => $"{node}@127.0.0.1").ToArray(),
        ["ha-sync-mode"] = "automatic",
    };
}
