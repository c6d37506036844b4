using Amqp.Failover.Tests.Load;
using Amqp.Failover.Tests.Processes;
using Amqp.Testing;
using Amqp.Testing.Clusters;
using RabbitMQ.Client;

namespace Amqp.Failover.Tests;

/// <summary>A second fault comes while the cluster still deals with the first: while a copy joins, is compared with its leader, is left out, or takes over.</summary>
[Ours, NonParallelizable]
public sealed class InterruptedTests : FailoverFixture
{
    private const int Some = 300;

    /// <summary>So much takes a copy some seconds to take over.</summary>
    private const int Backlog = 15_000;

    /// <summary>One in so many messages of the backlog stays: the rest is settled, and what the disks have of it is merged away.</summary>
    private const int OneStaysOf = 20;

    // A mirror is left out a second after its end, another node takes over at once or when a lease ends, and a copy of some thousand messages has been compared after seconds.
    private const int ShrinkMsMax = 1_500;
    private const int PromotionMsMax = 6_000;
    private const int ReconciliationMsMax = 6_000;

    [Test, Category("Long")]
    public async Task An_empty_mirror_is_killed_while_it_catches_up_and_leads_later()
    {
        await Cluster.SetPolicy(Queue, On("n1", "n3"));
        var load = await BeginLoad("n1", policy: null);
        await InSync(2);
        await load.MoreConfirms(Backlog);
        await Wipe("n3");
        var kills = await KillWhileItCatchesUp("n3", times: 3);
        await LeadsWithTheSame(load, "n3");
        await Record($"killed {kills} times while it caught up");
    }

    [Test, Category("Long")]
    public async Task An_empty_mirror_of_a_queue_that_was_almost_emptied_leads_later()
    {
        await Cluster.SetPolicy(Queue, On("n1", "n3"));
        var load = await BeginLoad("n1", policy: null);
        await InSync(2);
        await load.MoreConfirms(Backlog);
        await SettleMost(load);
        await Wipe("n3");
        var kills = await KillWhileItCatchesUp("n3", times: 2);
        await LeadsWithTheSame(load, "n3");
        await Record($"killed {kills} times while it caught up");
    }

    [Test, Category("Long")]
    public async Task Two_copies_join_at_once_and_one_of_them_is_killed()
    {
        var load = await BeginLoad("n1", policy: null, "n1");
        await load.MoreConfirms(Backlog / 2);
        await Cluster.SetPolicy(Queue, Mirrored);
        await Eventually.True(async () => (await Cluster["n1"].CatchingUpIn(Queue)).Count > 0 || await CopiesInSync() == 3, ToRecover, "the others join");
        await Cluster["n2"].Kill();
        await load.MoreConfirms(Some);
        await Cluster["n2"].Start();
        await Judge(load, copies: 3);
    }

    [TestCase(20, Category = "Long")]
    public Task The_leader_is_killed_while_a_mirror_is_left_out(int rounds) => Rounds(rounds, async (random, leader, mirror, _) =>
    {
        await mirror.Kill();
        await Pass(random.Next(ShrinkMsMax));
        await leader.Kill();
        await StartInAnyOrder(random, leader, mirror);
    });

    [TestCase(20, Category = "Long")]
    public Task The_next_leader_is_killed_while_it_takes_over(int rounds) => Rounds(rounds, async (random, leader, mirror, other) =>
    {
        await leader.Kill();
        await Pass(random.Next(PromotionMsMax));
        var next = (await Records.Find(await Cluster.NumberOf(Queue)))?.Leader.Node == other.FullName ? other : mirror;
        await next.Kill();
        await StartInAnyOrder(random, leader, next);
    });

    [TestCase(20, Category = "Long")]
    public Task A_deposed_leader_is_killed_while_it_is_compared_with_the_next(int rounds) => Rounds(rounds, async (random, leader, _, _) =>
    {
        await leader.Kill();
        await Pass(random.Next(ShrinkMsMax));
        await leader.StartAndKill(TimeSpan.FromMilliseconds(random.Next(ReconciliationMsMax)));
        await leader.Start();
        await Pass(random.Next(ShrinkMsMax));
        await leader.Kill();
        await leader.Start();
    });

    /// <summary>Rounds of a fault under load at all nodes; each begins with all copies in sync.</summary>
    private async Task Rounds(int rounds, Func<Random, ClusterNode, ClusterNode, ClusterNode, Task> fault)
    {
        var random = new Random(Seed);
        var load = await BeginLoad("n1", Mirrored, "n1", "n2");
        for (var round = 0; round < rounds; round++)
        {
            await load.MoreConfirms(random.Next(1, 2 * Some));
            var leader = await LeaderOf(Queue);
            ClusterNode[] others = [.. Cluster.Nodes.Where(node => node != leader)];
            random.Shuffle(others);
            await fault(random, leader, others[0], others[1]);
            await InSync(3);
        }
        await load.MoreConfirms(Some);
        await Judge(load, copies: 3);
    }

    private static async Task StartInAnyOrder(Random random, ClusterNode one, ClusterNode other)
    {
        // Either may be needed for a majority of etcd, so none is waited for alone.
        ClusterNode[] both = [one, other];
        random.Shuffle(both);
        await Task.WhenAll(both.Select(node => node.Start()));
    }

    private async Task Wipe(string name)
    {
        await Cluster[name].Kill();
        Cluster[name].Wipe();
    }

    /// <summary>Starts a node that is down, and kills it when it has been told of a part of the queue, some times; then it may catch up.</summary>
    /// <returns>How often it was killed in the middle: it may be faster than this looks.</returns>
    private async Task<int> KillWhileItCatchesUp(string name, int times)
    {
        var (node, leader, kills) = (Cluster[name], Cluster["n1"], 0);
        for (; kills < times; kills++)
        {
            await node.Start();
            var isInTheMiddle = false;
            await Eventually.True(
                async () =>
                {
                    isInTheMiddle = (await leader.CatchingUpIn(Queue)).GetValueOrDefault(node.FullName) > 0;
                    return isInTheMiddle || await CopiesInSync() == 2;
                },
                ToRecover,
                $"{name} catches up");
            if (!isInTheMiddle) break;
            await node.Kill();
        }
        await node.Start();
        await InSync(2);
        return kills;
    }

    /// <summary>The load ends, the leader is killed, and the mirror has what it had, in the same order.</summary>
    private async Task LeadsWithTheSame(ConfirmedLoad load, string next)
    {
        await load.End(Some);
        var before = await AllTheSame(copies: 2);
        var leader = await LeaderOf(Queue);
        await leader.Kill();
        await Eventually.True(async () => (await LeaderOf(Queue)).Name == next, ToRecover, $"{next} leads");
        Assert.That(await Cluster[next].CopyOf(Queue), Is.EqualTo(before), "what the mirror has that leads now");
        await leader.Start();
        await JudgeAtRest(load, copies: 2);
    }

    /// <summary>Acknowledges nearly all that is in the queue by now, and gives the rest back.</summary>
    private async Task SettleMost(ConfirmedLoad load)
    {
        await using var connection = await LoadClient.Connect(Cluster["n2"], "settles");
        await using var channel = await connection.CreateChannelAsync();
        for (var taken = 0; taken < Backlog; taken++)
        {
            if (await channel.BasicGetAsync(Queue, autoAck: false) is not { } message) break;
            if (taken % OneStaysOf == 0) continue;
            load.History.Add(What.Delivered, Body.Read(message.Body.Span), node: "n2");
            await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
            load.History.Add(What.Acked, Body.Read(message.Body.Span));
        }
    }

    private async Task<int> CopiesInSync() => (await Records.Find(await Cluster.NumberOf(Queue)))?.InSync.Length ?? 0;

    /// <summary>The moment of the second fault is a matter of chance, and nothing tells of it.</summary>
    private static Task Pass(int milliseconds) => Task.Delay(milliseconds);
}
