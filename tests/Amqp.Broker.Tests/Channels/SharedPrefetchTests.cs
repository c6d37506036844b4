using AMQP.Net;
using Amqp.Broker.Queues;
using Amqp.Broker.Tests.Nodes;
using Amqp.Broker.Tests.Queues;
using Amqp.Core.Queues;

namespace Amqp.Broker.Tests.Channels;

/// <summary>The prefetch that the consumers of a channel share (basic.qos with global).</summary>
internal sealed class SharedPrefetchTests
{
    private readonly TestNode _node = new();

    [Test]
    public async Task A_deleted_queues_messages_give_their_places_back_when_they_are_settled()
    {
        var client = await TwoConsumersAndOnePlace();
        await client.Publish(1, "a", "a1");
        var (delivery, _) = await client.ExpectDelivery(1);
        await client.Send(1, new QueueDelete("a", IfUnused: false, IfEmpty: false, NoWait: false));
        await client.Expect<QueueDeleteOk>(1);
        await client.Expect<BasicCancel>(1);

        await client.Publish(1, "b", "b1");
        Assert.That(await client.ReadyCount(1, "b"), Is.EqualTo(1), "the client has not settled its message yet");
        await client.Send(1, new BasicAck(delivery.DeliveryTag, Multiple: false));
        Assert.That((await client.ExpectDelivery(1)).Body, Is.EqualTo("b1"));
    }

    [Test]
    public async Task A_failed_queue_keeps_no_place_for_what_it_could_not_send()
    {
        var client = await TwoConsumersAndOnePlace();
        var vhost = _node.Broker.Topology.Find("/")!;
        Assert.That(_node.Broker.Services.Queues.TryFind(vhost.FindQueue("a")!, out var queue), Is.True);
        // Handed to the consumer in the very step in which the queue fails.
        queue!.PostAndRun([
            QueueOperation.Publish(ActorStory.Message("lost"), publisher: null, number: 0),
            QueueOperation.Resume(null!),
        ]);
        Assert.That(_node.Logs.Complaints, Has.One.Contains("defect of the broker"));
        await client.Expect<BasicCancel>(1);
        await client.Publish(1, "b", "b1");
        Assert.That((await client.ExpectDelivery(1)).Body, Is.EqualTo("b1"));
    }

    [Test]
    public async Task A_deleted_queue_that_stood_in_line_lets_the_next_one_pass()
    {
        var client = await TwoConsumersAndOnePlace();
        await client.Publish(1, "b", "b1");
        var (delivery, _) = await client.ExpectDelivery(1);
        await client.Publish(1, "a", "a1");
        Assert.That(await client.ReadyCount(1, "a"), Is.EqualTo(1), "no place is left");
        await client.Send(1, new QueueDelete("a", IfUnused: false, IfEmpty: false, NoWait: false));
        await client.Expect<QueueDeleteOk>(1);
        await client.Expect<BasicCancel>(1);

        await client.Publish(1, "b", "b2");
        await client.Send(1, new BasicAck(delivery.DeliveryTag, Multiple: false));
        Assert.That((await client.ExpectDelivery(1)).Body, Is.EqualTo("b2"));
    }

    private async Task<TestClient> TwoConsumersAndOnePlace()
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        await client.Declare(1, "a");
        await client.Declare(1, "b");
        await client.Send(1, new BasicQos(0, 1, Global: true));
        await client.Expect<BasicQosOk>(1);
        await client.Consume(1, "a", "of a");
        await client.Consume(1, "b", "of b");
        return client;
    }
}
