using AMQP.Net;
using Amqp.Broker.Flow;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Flow;

/// <summary>Who publishes faster than the disk takes it is held back, and what he has on the way is bounded.</summary>
internal sealed class PublishCreditTests
{
    private const int WindowBytes = 100_000;
    private const int MessageBytes = 10_000;
    private const int Many = 100;

    private readonly TestNode _node = new(new Limits { PublishWindowBytes = WindowBytes });

    private MemoryBudget Memory => _node.Broker.Services.Memory;

    [Test]
    public async Task A_publisher_that_outruns_the_disk_waits_for_it()
    {
        var (publisher, other) = (await Open(), await Open());
        await other.Declare(1, "q", durable: true);
        _node.Messages.Hold();
        var publishing = Publish(publisher, "q", Many);
        // A read takes what the pipe holds, so a little more than the window gets through.
        await Eventually.That(() => other.ReadyCount(1, "q"), Is.GreaterThanOrEqualTo(WindowBytes / (MessageBytes + 200)));
        Assert.That(await other.ReadyCount(1, "q"), Is.LessThan(Many / 2));
        await other.Publish(1, "q", "transient");
        await other.Consume(1, "q", "c");
        await other.ExpectDelivery(1);

        _node.Messages.Release();
        await publishing.WaitAsync(Patience.Answer);
        for (var delivered = 1; delivered <= Many; delivered++) await other.ExpectDelivery(1);
        await other.Send(1, new BasicAck(0, Multiple: true));
        await Eventually.That(() => Memory.UsedBytes, Is.Zero);
    }

    [Test]
    public async Task A_publisher_that_waits_for_the_disk_is_told_when_that_is_full()
    {
        var publisher = _node.Dial();
        await publisher.Handshake(wantsBlocked: true);
        await publisher.OpenChannel(1);
        await publisher.Declare(1, "q", durable: true);
        _node.Messages.Hold();
        var publishing = Publish(publisher, "q", Many);
        await Eventually.That(() => Memory.UsedBytes, Is.GreaterThan(WindowBytes));
        _node.Broker.Services.Alarms.Set(Shortage.Disk, isOn: true);
        Assert.That((await publisher.Expect<ConnectionBlocked>(0)).Reason, Is.EqualTo("low on disk"));

        _node.Messages.Release();
        Assert.That(publishing.IsCompleted, Is.False, "the alarm is on still");
        _node.Broker.Services.Alarms.Set(Shortage.Disk, isOn: false);
        await publisher.Expect<ConnectionUnblocked>(0);
        await publishing.WaitAsync(Patience.Answer);
        await Eventually.That(() => publisher.ReadyCount(1, "q"), Is.EqualTo(Many));
    }

    [Test]
    public async Task Transient_messages_beside_it_do_not_wait()
    {
        var publisher = await Open();
        await publisher.Declare(1, "durable", durable: true);
        await publisher.Declare(1, "q");
        _node.Messages.Hold();
        publisher.WriteMessage(1, "durable", new string('x', WindowBytes / 2), persistent: true);
        for (var message = 0; message < Many; message++) await publisher.Publish(1, "q", new string('x', MessageBytes));
        Assert.That(await publisher.ReadyCount(1, "q"), Is.EqualTo(Many));
    }

    [Test]
    public async Task A_queue_that_makes_room_keeps_it_until_it_has_caught_up()
    {
        const int PageOutBytes = 300_000;
        var node = new TestNode(new Limits { PublishWindowBytes = WindowBytes, PageOutBytes = PageOutBytes });
        var (publisher, other) = (await Open(node), await Open(node));
        await other.Declare(1, "q");
        node.Messages.Hold();
        var publishing = Task.Run(async () =>
        {
            for (var message = 0; message < Many; message++) await publisher.Publish(1, "q", new string('x', MessageBytes));
        });
        var memory = node.Broker.Services.Memory;
        await Eventually.That(() => memory.UsedBytes, Is.GreaterThan(PageOutBytes + WindowBytes));
        Assert.That(await other.ReadyCount(1, "q"), Is.LessThan(Many * 3 / 4));
        node.Messages.Release();
        await publishing.WaitAsync(Patience.Answer);
        await Eventually.That(() => other.ReadyCount(1, "q"), Is.EqualTo(Many));
        await Eventually.That(() => memory.UsedBytes, Is.LessThanOrEqualTo(PageOutBytes));
        Assert.That(node.Logs.Complaints, Is.Empty, "no alarm");
    }

    [Test]
    public async Task A_queue_that_is_deleted_gives_the_credit_back()
    {
        var (publisher, other) = (await Open(), await Open());
        await other.Declare(1, "q", durable: true);
        _node.Messages.Hold();
        var publishing = Publish(publisher, "q", Many);
        await Eventually.That(() => other.ReadyCount(1, "q"), Is.GreaterThan(0));
        await other.Send(1, new QueueDelete("q", IfUnused: false, IfEmpty: false, NoWait: false));
        await other.Expect<QueueDeleteOk>(1);
        await publishing.WaitAsync(Patience.Answer);
        await Eventually.That(() => Memory.UsedBytes, Is.Zero);
    }

    [Test]
    public async Task What_goes_to_many_queues_counts_once()
    {
        const int Queues = 50;
        var publisher = await Open();
        for (var queue = 0; queue < Queues; queue++)
        {
            await publisher.Declare(1, $"q{queue}");
            await publisher.Send(1, new QueueBind($"q{queue}", "amq.fanout", "", NoWait: false, FieldTable.Empty));
            await publisher.Expect<QueueBindOk>(1);
        }
        publisher.WriteMessage(1, queue: "", new string('x', MessageBytes), exchange: "amq.fanout");
        Assert.That(await publisher.ReadyCount(1, $"q{Queues - 1}"), Is.EqualTo(1));
        await Eventually.That(() => Memory.UsedBytes, Is.InRange(MessageBytes, 2 * MessageBytes));
        for (var queue = 0; queue < Queues - 1; queue++)
        {
            if (queue % 2 == 0) await publisher.Send(1, new QueuePurge($"q{queue}", NoWait: true));
            else await publisher.Send(1, new QueueDelete($"q{queue}", IfUnused: false, IfEmpty: false, NoWait: true));
        }
        Assert.That(await publisher.ReadyCount(1, $"q{Queues - 2}"), Is.Zero);
        await Eventually.That(() => Memory.UsedBytes, Is.InRange(MessageBytes, MessageBytes + 200)); // the last one has it
        await publisher.Send(1, new QueuePurge($"q{Queues - 1}", NoWait: true));
        await Eventually.That(() => Memory.UsedBytes, Is.Zero);
    }

    private Task<TestClient> Open() => Open(_node);

    private static async Task<TestClient> Open(TestNode node)
    {
        var client = await node.Connect();
        await client.OpenChannel(1);
        return client;
    }

    private static async Task Publish(TestClient publisher, string queue, int count)
    {
        for (var message = 0; message < count; message++)
        {
            publisher.WriteMessage(1, queue, new string('x', MessageBytes), persistent: true);
            await publisher.Flush();
        }
    }
}
