using System.Buffers;
using AMQP.Net;
using Amqp.Broker.Flow;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Flow;

/// <summary>A small memory bounds what publishers can fill, and all clients get through all the same.</summary>
internal sealed class MemoryAlarmTests
{
    private const int MemoryBytes = 1_000_000;
    private const int MessageBytes = 10_000;

    private readonly TestNode _node = new(new Limits
    {
        MemoryBytes = MemoryBytes,
        // So that the alarm is there before queues have begun to evict.
        PageOutBytes = MemoryBytes,
        PublishWindowBytes = 65_536,
        ConsumerWindowBytes = 65_536,
        TransactionBytes = 200_000,
    });

    private MemoryBudget Memory => _node.Broker.Services.Memory;

    [Test]
    public async Task Publishers_that_are_faster_than_the_disk_are_blocked_until_the_queue_has_let_go()
    {
        var (publisher, other) = (await Open(), await Open());
        await other.Declare(1, "q");
        _node.Messages.Hold();
        var publishing = Task.Run(async () =>
        {
            for (var message = 0; message < 200; message++) await publisher.Publish(1, "q", new string('x', MessageBytes));
        });
        Assert.That((await publisher.Expect<ConnectionBlocked>(0)).Reason, Is.EqualTo("low on memory"));
        Assert.That(Memory.UsedBytes, Is.InRange(MemoryBytes, MemoryBytes + 200_000));

        _node.Messages.Release();
        await publisher.Expect<ConnectionUnblocked>(0);
        // It may be blocked again, but not for good.
        var drain = Task.Run(async () =>
        {
            while (await publisher.Read() is { Method: MethodId.ConnectionBlocked or MethodId.ConnectionUnblocked }) { }
        });
        await publishing.WaitAsync(Patience.Answer);
        await Eventually.That(() => other.ReadyCount(1, "q"), Is.EqualTo(200));
        await Eventually.That(() => Memory.UsedBytes, Is.LessThan(MemoryBytes));
        publisher.Drop();
        await drain;
        Assert.That(_node.Logs.Complaints, Has.Some.Contains("Memory resource limit alarm set").And.Some.Contains("cleared"));
    }

    [Test]
    public async Task With_connections_of_their_own_for_publishing_everybody_gets_through()
    {
        const int Publishers = 6;
        const int Each = 300;
        var declarer = await Open();
        for (var queue = 0; queue < 3; queue++) await declarer.Declare(1, $"q{queue}", durable: queue == 0);
        var publishing = Enumerable.Range(0, Publishers).Select(number => Task.Run(async () =>
        {
            var publisher = await Open(wantsBlocked: false);
            for (var message = 0; message < Each; message++)
            {
                publisher.WriteMessage(1, $"q{number % 3}", new string('x', MessageBytes), persistent: number % 2 == 0);
                await publisher.Flush();
            }
            // Its answer says that everything has been read.
            await publisher.Send(1, new BasicQos(0, 1, Global: false));
            await publisher.Expect<BasicQosOk>(1);
        })).ToArray();
        var consuming = Enumerable.Range(0, 3).Select(queue => Task.Run(async () =>
        {
            var consumer = await Open();
            await consumer.Send(1, new BasicQos(0, 20, Global: false));
            await consumer.Expect<BasicQosOk>(1);
            await consumer.Consume(1, $"q{queue}", "c");
            for (var left = Publishers / 3 * Each; left > 0; left--)
            {
                var (delivery, _) = await consumer.ExpectDelivery(1);
                await consumer.Send(1, new BasicAck(delivery.DeliveryTag, Multiple: false));
            }
        })).ToArray();
        await Task.WhenAll([.. publishing, .. consuming]).WaitAsync(Patience.Start);
        await Eventually.That(() => Memory.UsedBytes, Is.Zero);
    }

    [Test]
    public async Task A_consumer_that_does_not_read_has_what_it_was_handed_counted()
    {
        var (consumer, publisher) = (await Open(), await Open());
        await publisher.Declare(1, "q");
        await consumer.Consume(1, "q", "c", noAck: true);
        for (var message = 0; message < 30; message++) await publisher.Publish(1, "q", new string('x', MessageBytes));
        await publisher.ReadyCount(1, "q");
        Assert.That(Memory.UsedBytes, Is.GreaterThan(20 * MessageBytes), "some of it is in the pipe");
        consumer.Drop();
        await consumer.Served.WaitAsync(Patience.Answer);
        Assert.That(await publisher.ReadyCount(1, "q"), Is.LessThan(30));
        await publisher.Send(1, new QueuePurge("q", NoWait: true));
        await Eventually.That(() => Memory.UsedBytes, Is.Zero);
    }

    [Test]
    public async Task A_body_that_is_promised_and_not_sent_to_its_end_counts_and_is_held_back_by_an_alarm()
    {
        var (half, other) = (await Open(), await Open());
        await other.Declare(1, "q");
        await half.SendBytes(Half("q", promised: 100_000, sent: 60_000));
        await Eventually.That(() => Memory.UsedBytes, Is.EqualTo(60_000));
        _node.Broker.Services.Alarms.Set(Shortage.Disk, isOn: true);
        await half.SendBytes(BodyFrame(20_000));
        await half.Expect<ConnectionBlocked>(0);
        await half.SendBytes(BodyFrame(20_000));
        _node.Broker.Services.Alarms.Set(Shortage.Disk, isOn: false);
        await half.Expect<ConnectionUnblocked>(0);
        await Eventually.That(() => other.ReadyCount(1, "q"), Is.EqualTo(1));
        await other.Send(1, new QueuePurge("q", NoWait: true));
        await Eventually.That(() => Memory.UsedBytes, Is.Zero);

        await half.SendBytes(Half("q", promised: 100_000, sent: 60_000));
        await Eventually.That(() => Memory.UsedBytes, Is.EqualTo(60_000));
        half.Drop();
        await Eventually.That(() => Memory.UsedBytes, Is.Zero);
    }

    private static byte[] Half(string queue, int promised, int sent)
    {
        var whole = new ArrayBufferWriter<byte>();
        FrameWriter.WriteMethod(whole, 1, new BasicPublish("", queue, Mandatory: false, Immediate: false));
        var header = new ArrayBufferWriter<byte>();
        FrameWriter.WriteContent(header, 1, new MutableProperties().Encode(), new byte[promised], frameMax: 131_072);
        // The header frame is what comes before the first body frame.
        whole.Write(header.WrittenSpan[..^(promised + 8)]);
        whole.Write<byte>(BodyFrame(sent));
        return whole.WrittenSpan.ToArray();
    }

    private static byte[] BodyFrame(int bytes) =>
        [(byte)FrameType.Body, 0, 1, 0, (byte)(bytes >> 16), (byte)(bytes >> 8), (byte)bytes, .. new byte[bytes], Frame.End];

    [Test]
    public async Task What_a_transaction_has_published_counts_until_its_end()
    {
        var client = await Open();
        await client.Declare(1, "q");
        await client.Send(1, default(TxSelect));
        await client.Expect<TxSelectOk>(1);
        foreach (var ends in (MethodId[])[MethodId.TxRollback, MethodId.TxCommit, MethodId.ChannelClose])
        {
            await client.Publish(1, "q", new string('x', MessageBytes));
            await client.Send(1, new BasicQos(0, 1, Global: false));
            await client.Expect<BasicQosOk>(1);
            Assert.That(Memory.UsedBytes, Is.GreaterThan(MessageBytes));
            switch (ends)
            {
                case MethodId.TxRollback:
                    await client.Send(1, default(TxRollback));
                    await client.Expect<TxRollbackOk>(1);
                    break;
                case MethodId.TxCommit:
                    await client.Send(1, default(TxCommit));
                    await client.Expect<TxCommitOk>(1);
                    await client.Send(1, new QueuePurge("q", NoWait: false));
                    await client.Expect<QueuePurgeOk>(1);
                    break;
                default:
                    await client.Send(1, new ChannelClose(ReplyCode.Success, "", default));
                    await client.Expect<ChannelCloseOk>(1);
                    break;
            }
            await Eventually.That(() => Memory.UsedBytes, Is.Zero);
        }
    }

    [Test]
    public async Task A_transaction_that_would_be_too_large_closes_its_channel()
    {
        var client = await Open();
        await client.Declare(1, "q");
        await client.Send(1, default(TxSelect));
        await client.Expect<TxSelectOk>(1);
        for (var message = 0; message < 20; message++) await client.Publish(1, "q", new string('x', MessageBytes));
        var close = await client.Expect<ChannelClose>(1);
        Assert.That(
            (close.ReplyCode, close.ReplyText),
            Is.EqualTo((ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - transaction size 205160 is larger than configured max size 200000")));
        await client.Send(1, default(ChannelCloseOk));
        await Eventually.That(() => Memory.UsedBytes, Is.Zero);
        await client.OpenChannel(2);
        Assert.That(await client.ReadyCount(2, "q"), Is.Zero);
    }

    private async Task<TestClient> Open(bool wantsBlocked = true)
    {
        var client = _node.Dial();
        await client.Handshake(wantsBlocked: wantsBlocked);
        await client.OpenChannel(1);
        return client;
    }
}
