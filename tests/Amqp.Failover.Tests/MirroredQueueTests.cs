using Amqp.Failover.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Failover.Tests;

/// <summary>Nodes end and come back under load on a mirrored queue: nothing that was confirmed is lost.</summary>
[Ours, NonParallelizable]
public sealed class MirroredQueueTests : FailoverFixture
{
    private const int Some = 500;

    [Test]
    public async Task The_leader_is_killed()
    {
        var load = await BeginLoad("n1", Mirrored, "n2", "n3");
        await load.MoreConfirms(Some);
        await Cluster["n1"].Kill();
        await load.MoreConfirms(Some);
        await Cluster["n1"].Start();
        await Judge(load, copies: 3);
    }

    [Test]
    public async Task A_mirror_is_killed_and_returns()
    {
        var load = await BeginLoad("n1", Mirrored, "n1");
        await load.MoreConfirms(Some);
        await Cluster["n2"].Kill();
        await load.MoreConfirms(Some);
        await Cluster["n2"].Start();
        await Judge(load, copies: 3);
        Assert.That((await LeaderOf(Queue)).Name, Is.EqualTo("n1"), "the end of a mirror leaves the leader alone");
    }

    /// <summary>A frame between nodes has its bounds, and what is kept for a mirror, too: all of these messages at once would be beyond both.</summary>
    [Test]
    public async Task Large_messages_reach_mirrors()
    {
        const int Large = 24;
        var body = new byte[8 << 20];
        var persistent = new BasicProperties { Persistent = true };
        await using var connection = await LoadClient.Connect(Cluster["n1"], "large messages");
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.QueueDeclareAsync(Queue, durable: true, exclusive: false, autoDelete: false);
        for (var number = 0; number < Large; number++) await channel.BasicPublishAsync("", Queue, mandatory: true, persistent, body);
        await Cluster.SetPolicy(Queue, Mirrored);
        await InSync(3);
        Assert.That((await AllTheSame(3)).Messages, Is.EqualTo(Large));
        Assert.That(Cluster.Nodes.SelectMany(node => node.Broker.Log.Lines), Has.None.Contains("a frame of"), "a frame that is too large breaks the link for all queues");
    }

    [Test]
    public async Task All_nodes_are_killed_and_started_again()
    {
        var load = await BeginLoad("n2", Mirrored, "n1");
        await load.MoreConfirms(Some);
        await Task.WhenAll(Cluster.Nodes.Select(node => node.Kill()));
        await Cluster.StartAll();
        await load.MoreConfirms(Some);
        await Judge(load, copies: 3);
    }

    [Test]
    public async Task The_leader_stands_still_for_longer_than_its_lease()
    {
        var load = await BeginLoad("n3", Mirrored, "n1");
        await load.MoreConfirms(Some);
        var frozen = Cluster["n3"];
        await frozen.Freeze();
        try
        {
            var number = await Cluster.NumberOf(Queue, than: frozen);
            await Eventually.True(async () => (await Records.Of(number)).Leader.Node != frozen.FullName, ToRecover, "another node leads");
            await load.MoreConfirms(Some);
            // It is replaced before its lease ends; others take it for ended when it does.
            await Eventually.True(async () => !(await Cluster["n1"].Running()).Contains(frozen.FullName), ToRecover, "its lease has ended");
        }
        finally
        {
            await frozen.Thaw();
        }
        await load.MoreConfirms(Some);
        await Judge(load, copies: 3);
    }

    [Test, Category("Long")]
    public async Task Each_node_is_stopped_and_started_in_turn()
    {
        var load = await BeginLoad("n1", Mirrored, "n1", "n2", "n3");
        await load.MoreConfirms(Some);
        foreach (var node in Cluster.Nodes)
        {
            await node.Stop();
            await load.MoreConfirms(Some / 2);
            await node.Start();
            await InSync(3);
        }
        await Judge(load, copies: 3);
    }

    [Test]
    public async Task A_node_comes_back_with_an_empty_disk()
    {
        var load = await BeginLoad("n1", Mirrored);
        await load.MoreConfirms(Some);
        var node = Cluster["n1"];
        await node.Kill();
        node.Wipe();
        await load.MoreConfirms(Some);
        await node.Start();
        await Judge(load, copies: 3);
    }

    [TestCase(2)]
    [TestCase(100, Category = "Long")]
    public async Task Nodes_are_killed_in_random_order(int rounds)
    {
        var random = new Random(Seed);
        var load = await BeginLoad("n1", Mirrored, "n1", "n2");
        for (var round = 0; round < rounds; round++)
        {
            await load.MoreConfirms(random.Next(1, Some));
            var node = Cluster.Nodes[random.Next(Cluster.Nodes.Count)];
            await node.Kill();
            if (random.Next(2) == 0) await load.MoreConfirms(random.Next(1, Some));
            await node.Start();
            // A copy that is killed before it is in sync again does not count, and two in sync have to be left to lose one.
            await InSync(3);
        }
        await Judge(load, copies: 3);
    }

    [Test]
    public async Task A_transaction_is_committed_as_a_whole_or_not_at_all()
    {
        const int Parts = 20;
        var load = await BeginLoad("n1", Mirrored);
        await using var connection = await LoadClient.Connect(Cluster["n2"], "transactions");
        await using (var channel = await connection.CreateChannelAsync())
        {
            await channel.TxSelectAsync();
            await Publish(channel, from: 1, Parts);
            await channel.TxCommitAsync();
            for (var number = 1; number <= Parts; number++) load.History.Add(What.Confirmed, new MessageKey(Transactions, number));
            await Publish(channel, from: Parts + 1, Parts);
            await channel.TxRollbackAsync();
        }
        await Cluster["n1"].Kill();
        await load.MoreConfirms(Some);
        await Cluster["n1"].Start();
        await Judge(load, copies: 3);
        var delivered = load.History.Events.Where(each => each is { What: What.Delivered, Message.Publisher: Transactions }).Select(each => each.Message.Number);
        Assert.That(delivered, Is.EqualTo(Enumerable.Range(1, Parts)), "what was committed, in its order, and not what was rolled back");

        async Task Publish(IChannel channel, int from, int count)
        {
            for (var number = from; number < from + count; number++)
            {
                var message = new MessageKey(Transactions, number);
                load.History.Add(What.Published, message);
                await channel.BasicPublishAsync("", Queue, mandatory: false, new BasicProperties { Persistent = true }, Body.Of(message));
            }
        }
    }

    private const int Transactions = 99;
}
