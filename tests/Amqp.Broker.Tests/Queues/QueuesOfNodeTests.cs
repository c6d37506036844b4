using AMQP.Net;
using Amqp.Broker.Queues;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Core.Ports;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Queues;

/// <summary>Queues, their store and clients together.</summary>
internal sealed class QueuesOfNodeTests
{
    private const int Messages = 3_000;
    private const long MemoryBytes = 50_000; // of about 130 a message

    private readonly TestNode _node = new(new Limits { PageOutBytes = MemoryBytes });

    [TearDown]
    public void No_complaint_is_logged() => Assert.That(_node.Messages.Complaints.Concat(_node.Logs.Complaints), Is.Empty);

    [TestCase(false)]
    [TestCase(true)]
    public async Task Consumers_drain_a_queue_larger_than_memory_in_order(bool persistent)
    {
        var client = await Fill("q", persistent);
        await client.Consume(1, "q", "c", noAck: true);
        for (var number = 0; number < Messages; number++)
            Assert.That((await client.ExpectDelivery(1)).Body, Is.EqualTo($"m{number}"));
        await Eventually.That(() => _node.Messages.Count(1), Is.Zero);
        Assert.That(_node.Messages.ReadsAsked, Is.LessThan(Messages / 10), "several at a time");
    }

    [Test]
    public async Task Other_queues_that_are_idle_make_room_too()
    {
        await Fill("first", persistent: true);
        await Fill("second", persistent: true);
        await Eventually.That(() => QueueOf("first").BodyBytes + QueueOf("second").BodyBytes, Is.LessThan(MemoryBytes));
    }

    [Test]
    public async Task A_message_is_confirmed_when_every_queue_has_it_on_the_disk()
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        await client.Declare(1, "q", durable: true);
        await client.Send(1, default(ConfirmSelect));
        await client.Expect<ConfirmSelectOk>(1);
        _node.Messages.Hold();
        client.WriteMessage(1, "q", "m1", persistent: true);
        client.WriteMessage(1, "q", "transient");
        await client.Flush();
        Assert.That(await client.Expect<BasicAck>(1), Is.EqualTo(new BasicAck(2, Multiple: false)));
        _node.Messages.Release();
        Assert.That(await client.Expect<BasicAck>(1), Is.EqualTo(new BasicAck(1, Multiple: false)));
    }

    [Test]
    public async Task A_commit_is_answered_when_all_of_it_is_stored()
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        await client.Declare(1, "first", durable: true);
        await client.Declare(1, "second", durable: true);
        await client.Send(1, default(TxSelect));
        await client.Expect<TxSelectOk>(1);
        _node.Messages.Hold();
        client.WriteMessage(1, "first", "m1", persistent: true);
        client.WriteMessage(1, "second", "m2", persistent: true);
        await client.Send(1, default(TxCommit));
        await Eventually.That(() => _node.Messages.Waiting, Is.EqualTo(1)); // both queues' records are one
        Assert.That(await ReadyCount("first"), Is.Zero);
        _node.Messages.Release();
        await client.Expect<TxCommitOk>(1);
        Assert.That(await ReadyCount("first"), Is.EqualTo(1));
        Assert.That((_node.Messages.Text(1), _node.Messages.Text(2)), Is.EqualTo(("0:m1", "0:m2")));
    }

    [Test]
    public async Task A_deleted_queue_leaves_nothing_in_the_store()
    {
        var client = await Fill("q", persistent: false);
        await client.Send(1, new QueueDelete("q", IfUnused: false, IfEmpty: false, NoWait: false));
        Assert.That((await client.Expect<QueueDeleteOk>(1)).MessageCount, Is.EqualTo((uint)Messages));
        Assert.That(_node.Messages.Text(1), Is.EqualTo("nothing"));
    }

    [Test]
    public async Task A_node_that_stops_says_what_was_handed_out()
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        await client.Declare(1, "q", durable: true);
        client.WriteMessage(1, "q", "m1", persistent: true);
        client.WriteMessage(1, "q", "m2", persistent: true);
        await client.Flush();
        await client.Send(1, new BasicGet("q", NoAck: false));
        await client.Expect<BasicGetOk>(1);
        await client.ReadBody();
        var stopped = _node.Broker.Stop();
        await client.Expect<ConnectionClose>(0);
        await client.Send(0, default(ConnectionCloseOk));
        await stopped;
        Assert.That(_node.Messages.Text(1), Is.EqualTo("0:m1! 1:m2"));
    }

    private async Task<TestClient> Fill(string queue, bool persistent)
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        await client.Declare(1, queue, durable: persistent);
        for (var number = 0; number < Messages; number++) client.WriteMessage(1, queue, $"m{number}", persistent: persistent);
        await client.Flush();
        await Eventually.That(() => client.ReadyCount(1, queue), Is.EqualTo((uint)Messages));
        await Eventually.That(() => QueueOf(queue).BodyBytes, Is.LessThan(MemoryBytes));
        return client;
    }

    private async Task<uint> ReadyCount(string queue)
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        return await client.ReadyCount(1, queue);
    }

    private QueueActor QueueOf(string name)
    {
        var services = _node.Broker.Services;
        return services.Queues.TryFind(services.Topology.Current.Find("/")!.FindQueue(name)!, out var queue) ? (QueueActor)queue : throw new InvalidOperationException();
    }
}
