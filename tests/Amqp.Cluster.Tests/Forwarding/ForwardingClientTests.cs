using AMQP.Net;
using Amqp.Testing;

namespace Amqp.Cluster.Tests.Forwarding;

/// <summary>Clients of one node and queues of another, as clients see it: there is no difference.</summary>
public class ForwardingClientTests
{
    private ForwardingCluster _cluster = null!;

    [SetUp]
    public async Task Start() => _cluster = await ForwardingCluster.Start();

    [TearDown]
    public async Task Stop()
    {
        _cluster.NothingIsWrong();
        await _cluster.DisposeAsync();
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Publishes_are_confirmed_and_delivered_in_order(bool durable)
    {
        await _cluster.Declare("q", durable);
        var client = await _cluster.Edge.Connect();
        await client.Send(1, default(ConfirmSelect));
        await client.Expect<ConfirmSelectOk>(1);
        for (var number = 1; number <= 500; number++) client.WriteMessage(1, "q", $"m{number}", persistent: durable);
        await client.Flush();
        for (var confirmed = 0UL; confirmed < 500;)
        {
            var ack = await client.Expect<BasicAck>(1);
            confirmed = ack.Multiple ? ack.DeliveryTag : confirmed + 1;
        }
        Assert.That(await client.ReadyCount(1, "q"), Is.EqualTo(500));
        await client.Consume(1, "q", "c");
        for (var number = 1; number <= 500; number++) Assert.That((await client.ExpectDelivery(1)).Body, Is.EqualTo($"m{number}"));
        await client.Send(1, new BasicAck(500, Multiple: true));
        Assert.That(await client.ReadyCount(1, "q"), Is.Zero);
        client.Drop();
        if (durable) await Eventually.That(() => _cluster.Leader.Messages.Count(1), Is.Zero);
    }

    [Test]
    public async Task What_comes_back_is_delivered_again_in_its_place()
    {
        await _cluster.Declare("q");
        var client = await _cluster.Edge.Connect();
        await Publish(client, 4);
        await client.Consume(1, "q", "c");
        for (var number = 1; number <= 4; number++) await client.ExpectDelivery(1);
        await client.Send(1, new BasicReject(2, Requeue: true));
        var again = await client.ExpectDelivery(1);
        Assert.That((again.Body, again.Method.Redelivered, again.Method.DeliveryTag), Is.EqualTo(("m2", true, 5UL)));
        await client.Send(1, new BasicAck(1, Multiple: false));
        Assert.That(await client.ReadyCount(1, "q"), Is.Zero);
        // The channel's end gives the rest back, in order.
        client.Drop();
        await client.Served;
        var other = await _cluster.Edge.Connect();
        await Eventually.That(async () => await other.ReadyCount(1, "q"), Is.EqualTo(3u));
        foreach (var body in new[] { "m2", "m3", "m4" }) Assert.That(await Get(other, noAck: true), Is.EqualTo(body));
        Assert.That(await Get(other, noAck: true), Is.Null);
    }

    [Test]
    public async Task Prefetch_holds_for_each_consumer()
    {
        await _cluster.Declare("q");
        var client = await _cluster.Edge.Connect();
        await Qos(client, 2, isGlobal: false);
        await client.Consume(1, "q", "c");
        await Publish(client, 5);
        await client.ExpectDelivery(1);
        await client.ExpectDelivery(1);
        Assert.That(await client.ReadyCount(1, "q"), Is.EqualTo(3));
        await client.Send(1, new BasicAck(1, Multiple: false));
        Assert.That((await client.ExpectDelivery(1)).Body, Is.EqualTo("m3"));
    }

    [Test]
    public async Task A_prefetch_of_the_channel_keeps_no_message_from_others()
    {
        await _cluster.Declare("q");
        await _cluster.Declare("other");
        var client = await _cluster.Edge.Connect();
        await Qos(client, 1, isGlobal: true);
        await client.Consume(1, "other", "first");
        await client.Consume(1, "q", "second");
        await client.Publish(1, "other", "fills the channel");
        Assert.That((await client.ExpectDelivery(1)).Body, Is.EqualTo("fills the channel"));
        await Publish(client, 3);
        Assert.That(await client.ReadyCount(1, "q"), Is.EqualTo(3), "none is taken for the channel that is full");
        var free = await _cluster.Edge.Connect();
        await free.Consume(1, "q", "free");
        for (var number = 1; number <= 3; number++) Assert.That((await free.ExpectDelivery(1)).Body, Is.EqualTo($"m{number}"));
        await Publish(free, 1);
        await free.ExpectDelivery(1);
        await client.Send(1, new BasicAck(1, Multiple: false));
        free.Drop();
        // What the other one had returns, one at a time.
        foreach (var (tag, body) in new[] { (2UL, "m1"), (3UL, "m2"), (4UL, "m3"), (5UL, "m1") })
        {
            Assert.That((await client.ExpectDelivery(1)).Body, Is.EqualTo(body));
            await client.Send(1, new BasicAck(tag, Multiple: false));
        }
    }

    [Test]
    public async Task Gets_leave_messages_with_their_channel()
    {
        await _cluster.Declare("q");
        var client = await _cluster.Edge.Connect();
        Assert.That(await Get(client), Is.Null);
        await Publish(client, 2);
        Assert.That(await Get(client), Is.EqualTo("m1"));
        Assert.That(await Get(client), Is.EqualTo("m2"));
        await client.Send(1, new BasicNack(1, Multiple: false, Requeue: true));
        Assert.That(await Get(client), Is.EqualTo("m1"));
        await client.Send(1, new BasicAck(3, Multiple: true));
        Assert.That(await Get(client), Is.Null);
    }

    [Test]
    public async Task Purge_and_delete_answer_as_the_queue_does()
    {
        await _cluster.Declare("q");
        var client = await _cluster.Edge.Connect();
        await Publish(client, 3);
        await client.Send(1, new QueuePurge("q", NoWait: false));
        Assert.That((await client.Expect<QueuePurgeOk>(1)).MessageCount, Is.EqualTo(3));
        await Publish(client, 2);
        await client.Send(1, new QueueDelete("q", IfUnused: false, IfEmpty: false, NoWait: false));
        Assert.That((await client.Expect<QueueDeleteOk>(1)).MessageCount, Is.EqualTo(2));
        Assert.That(_cluster.Leader.Definition("q"), Is.Null);
    }

    [TestCase(true, false, "PRECONDITION_FAILED - queue 'q' in vhost '/' in use")]
    [TestCase(false, true, "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty")]
    public async Task A_delete_has_its_conditions(bool ifUnused, bool ifEmpty, string error)
    {
        await _cluster.Declare("q");
        var client = await _cluster.Edge.Connect();
        if (ifUnused) await client.Consume(1, "q", "c");
        else await Publish(client, 1);
        await client.Send(1, new QueueDelete("q", ifUnused, ifEmpty, NoWait: false));
        Assert.That((await client.Expect<ChannelClose>(1)).ReplyText, Is.EqualTo(error));
    }

    [Test]
    public async Task A_deleted_queue_cancels_its_consumers()
    {
        await _cluster.Declare("q");
        var client = await _cluster.Edge.Connect();
        await client.Consume(1, "q", "c");
        var other = await _cluster.Leader.Connect();
        await other.Send(1, new QueueDelete("q", IfUnused: false, IfEmpty: false, NoWait: false));
        await other.Expect<QueueDeleteOk>(1);
        Assert.That((await client.Expect<BasicCancel>(1)).ConsumerTag, Is.EqualTo("c"));
    }

    [Test]
    public async Task An_exclusive_consumer_has_the_queue_for_itself_on_all_nodes()
    {
        await _cluster.Declare("q");
        var client = await _cluster.Edge.Connect();
        await client.Send(1, new BasicConsume("q", "c", NoLocal: false, NoAck: false, Exclusive: true, NoWait: false, FieldTable.Empty));
        await client.Expect<BasicConsumeOk>(1);
        foreach (var node in new[] { _cluster.Leader, _cluster.Edge })
        {
            var other = await node.Connect();
            await other.Send(1, Amqp.Broker.Tests.Nodes.TestClient.Consumption("q", "d"));
            Assert.That((await other.Expect<ChannelClose>(1)).ReplyText, Does.Contain("in exclusive use"));
        }
    }

    [Test]
    public async Task A_cancelled_consumer_gets_nothing_behind_cancel_ok_and_keeps_what_it_has()
    {
        await _cluster.Declare("q");
        var client = await _cluster.Edge.Connect();
        await client.Consume(1, "q", "c");
        await Publish(client, 1);
        await client.ExpectDelivery(1);
        await client.Send(1, new BasicCancel("c", NoWait: false));
        await client.Expect<BasicCancelOk>(1);
        await Publish(client, 1);
        Assert.That(await client.ReadyCount(1, "q"), Is.EqualTo(1));
        await client.Send(1, new BasicReject(1, Requeue: true));
        Assert.That(await client.ReadyCount(1, "q"), Is.EqualTo(2));
    }

    [Test]
    public async Task A_slow_reader_without_acknowledgements_takes_no_more_than_its_windows()
    {
        await _cluster.Declare("q");
        var reader = await _cluster.Edge.Connect();
        await reader.Consume(1, "q", "c", noAck: true);
        var client = await _cluster.Edge.Connect();
        var body = new string('x', 50_000);
        for (var number = 0; number < 200; number++) await client.Publish(1, "q", $"{number} {body}");
        await Eventually.That(async () => await client.ReadyCount(1, "q"), Is.InRange(100u, 180u));
        for (var number = 0; number < 200; number++) Assert.That((await reader.ExpectDelivery(1)).Body, Is.EqualTo($"{number} {body}"));
    }

    [Test]
    public async Task Large_bodies_arrive_whole()
    {
        await _cluster.Declare("q");
        var client = await _cluster.Edge.Connect();
        var body = string.Concat(Enumerable.Range(0, 400_000).Select(number => $"{number},"));
        await client.Publish(1, "q", body);
        Assert.That(await Get(client), Is.EqualTo(body));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_transaction_over_queues_of_both_nodes_happens_or_does_not(bool commits)
    {
        await _cluster.Declare("remote", durable: true);
        var client = await _cluster.Edge.Connect();
        await client.Declare(1, "local", durable: true);
        await client.Publish(1, "remote", "settled by it");
        Assert.That(await Get(client, queue: "remote"), Is.EqualTo("settled by it"));
        await client.Send(1, default(TxSelect));
        await client.Expect<TxSelectOk>(1);
        client.WriteMessage(1, "remote", "r", persistent: true);
        client.WriteMessage(1, "local", "l", persistent: true);
        await client.Send(1, new BasicAck(1, Multiple: false));
        if (commits)
        {
            await client.Send(1, default(TxCommit));
            await client.Expect<TxCommitOk>(1);
            Assert.That(_cluster.Leader.Messages.Text(1), Does.EndWith(":r"));
        }
        else
        {
            await client.Send(1, default(TxRollback));
            await client.Expect<TxRollbackOk>(1);
        }
        Assert.That(await client.ReadyCount(1, "remote"), Is.EqualTo(commits ? 1 : 0));
        Assert.That(await client.ReadyCount(1, "local"), Is.EqualTo(commits ? 1 : 0));
        client.Drop();
        await client.Served;
        var other = await _cluster.Leader.Connect();
        await Eventually.That(async () => await other.ReadyCount(1, "remote"), Is.EqualTo(1u));
        Assert.That(await Get(other, queue: "remote"), Is.EqualTo(commits ? "r" : "settled by it"));
    }

    [Test]
    public async Task A_transaction_that_a_remote_queue_refuses_does_not_happen()
    {
        await _cluster.Declare("remote", arguments: FieldTable.From(("x-max-length", FieldValue.From(1)), ("x-overflow", FieldValue.From("reject-publish"))));
        var client = await _cluster.Edge.Connect();
        await client.Declare(1, "local");
        await client.Send(1, default(TxSelect));
        await client.Expect<TxSelectOk>(1);
        client.WriteMessage(1, "local", "l");
        client.WriteMessage(1, "remote", "r1");
        client.WriteMessage(1, "remote", "r2");
        await client.Send(1, default(TxCommit));
        Assert.That((await client.Expect<ChannelClose>(1)).ReplyText, Does.Contain("partial tx completion"));
        var other = await _cluster.Edge.Connect();
        Assert.That(await other.ReadyCount(1, "local"), Is.Zero);
        Assert.That(await other.ReadyCount(1, "remote"), Is.Zero);
    }

    [Test]
    public async Task A_queue_that_is_declared_on_another_node_is_used_at_once()
    {
        var client = await _cluster.Edge.Connect();
        _cluster.Edge.Locator = "balanced";
        var homes = new List<string?>();
        for (var number = 0; number < 20; number++)
        {
            await client.Declare(1, $"q{number}");
            homes.Add(_cluster.Edge.Definition($"q{number}")!.Home.Node);
            await client.Publish(1, $"q{number}", "m");
            Assert.That(await Get(client, queue: $"q{number}"), Is.EqualTo("m"));
        }
        Assert.That(homes.Distinct().Count(), Is.EqualTo(2));
    }

    private static async Task Publish(Amqp.Broker.Tests.Nodes.TestClient client, int count)
    {
        for (var number = 1; number <= count; number++) client.WriteMessage(1, "q", $"m{number}");
        await client.Flush();
    }

    private static async Task Qos(Amqp.Broker.Tests.Nodes.TestClient client, ushort count, bool isGlobal)
    {
        await client.Send(1, new BasicQos(0, count, isGlobal));
        await client.Expect<BasicQosOk>(1);
    }

    private static async Task<string?> Get(Amqp.Broker.Tests.Nodes.TestClient client, bool noAck = false, string queue = "q")
    {
        await client.Send(1, new BasicGet(queue, noAck));
        var frame = await client.Read();
        if (frame!.Method == MethodId.BasicGetEmpty) return null;
        Assert.That(frame.Method, Is.EqualTo(MethodId.BasicGetOk), $"{frame}");
        return await client.ReadBody();
    }
}
