using AMQP.Net;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;
using BasicProperties = RabbitMQ.Client.BasicProperties;

namespace Amqp.Conformance.Tests;

/// <summary>confirm.select, and the basic.ack and basic.nack that it asks the server for.</summary>
[Same]
public sealed class ConfirmTests : ConformanceFixture
{
    private const string NoQueue = "a queue that nobody has declared";

    [Test]
    public async Task Numbers_count_from_1_at_the_first_publish_after_the_select()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Publish(1, "", NoQueue, "before");
        await Select(raw, 1);
        for (ulong number = 1; number <= 3; number++)
        {
            await raw.Publish(1, "", NoQueue, "after");
            Assert.That(await raw.Expect<BasicAck>(1), Is.EqualTo(new BasicAck(number, Multiple: false)));
        }
    }

    [Test]
    public async Task A_second_select_changes_nothing()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await Select(raw, 1);
        await raw.Publish(1, "", NoQueue, "1");
        await raw.Expect<BasicAck>(1);
        await Select(raw, 1);
        await raw.Publish(1, "", NoQueue, "2");
        Assert.That(await raw.Expect<BasicAck>(1), Is.EqualTo(new BasicAck(2, Multiple: false)));
    }

    [Test]
    public async Task A_select_without_wait_is_not_answered()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Send(1, new ConfirmSelect(NoWait: true));
        await raw.Publish(1, "", NoQueue, "1");
        Assert.That(await raw.Expect<BasicAck>(1), Is.EqualTo(new BasicAck(1, Multiple: false)));
    }

    [Test]
    public async Task Without_a_select_nothing_is_confirmed()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Publish(1, "", NoQueue, "1");
        await raw.Call<BasicQos, BasicQosOk>(1, new BasicQos(0, 1, Global: false));
    }

    [Test]
    public async Task A_channel_in_confirm_mode_cannot_be_transactional()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await Select(raw, 1);
        await raw.Send(1, default(TxSelect));
        await raw.ExpectChannelClose(1, ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - cannot switch from confirm to tx mode", MethodId.TxSelect);
    }

    [Test]
    public async Task A_transactional_channel_cannot_confirm()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Call<TxSelect, TxSelectOk>(1, default);
        await raw.Send(1, new ConfirmSelect(NoWait: false));
        await raw.ExpectChannelClose(1, ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - cannot switch from tx to confirm mode", MethodId.ConfirmSelect);
    }

    [TestCase(false, false)]
    [TestCase(false, true)]
    [TestCase(true, false)]
    [TestCase(true, true)]
    public async Task Every_message_is_confirmed_and_there(bool durable, bool persistent)
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, durable: durable);
        var properties = new BasicProperties { Persistent = persistent };
        // The client waits for the confirm of each and throws for a basic.nack.
        foreach (var text in Numbers(10)) await channel.BasicPublishAsync("", queue, mandatory: true, properties, Bytes(text));
        Assert.That((await channel.QueueDeclarePassiveAsync(queue)).MessageCount, Is.EqualTo(10));
        Assert.That(await Drain(await OpenChannel(), queue), Is.EqualTo(Numbers(10)));
    }

    [Test]
    public async Task A_message_for_many_queues_is_confirmed_once()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        var channel = await OpenChannel();
        for (var i = 0; i < 5; i++) await channel.QueueBindAsync(await DeclareQueue(channel, durable: i % 2 == 0), "amq.fanout", "");
        await Select(raw, 1);
        for (ulong number = 1; number <= 10; number++)
        {
            await raw.SendContent(1, new BasicPublish("amq.fanout", "", Mandatory: false, Immediate: false), Persistent, [1]);
            Assert.That(await raw.Expect<BasicAck>(1), Is.EqualTo(new BasicAck(number, Multiple: false)));
        }
    }

    [Test]
    public async Task A_message_that_goes_nowhere_is_confirmed()
    {
        var channel = await OpenConfirmChannel();
        await channel.BasicPublishAsync("", NoQueue, Bytes("gone"));
    }

    [Test]
    public async Task A_mandatory_message_that_goes_nowhere_is_returned_before_it_is_confirmed()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await Select(raw, 1);
        for (ulong number = 1; number <= 100; number++)
        {
            // Other confirms are on their way meanwhile.
            await raw.Publish(1, "", NoQueue, "not mandatory");
            await raw.Publish(1, "", NoQueue, "mandatory", mandatory: true);
            var acknowledged = 0UL;
            while (true)
            {
                var frame = await raw.ReadFrame();
                if (frame.Is(MethodId.BasicReturn)) break;
                acknowledged = frame.Read<BasicAck>().DeliveryTag;
            }
            Assert.That(acknowledged, Is.LessThan(number * 2), "nothing may confirm it before it is returned");
            await raw.ExpectContent(1);
            while (acknowledged < number * 2) acknowledged = (await raw.Expect<BasicAck>(1)).DeliveryTag;
        }
    }

    [Test]
    public async Task The_client_says_of_a_mandatory_message_that_it_was_returned()
    {
        var channel = await OpenConfirmChannel();
        await channel.BasicPublishAsync("", NoQueue, Bytes("1"));
        try
        {
            await channel.BasicPublishAsync("", NoQueue, mandatory: true, Bytes("2"));
            Assert.Fail("the message was not returned");
        }
        catch (PublishException exception)
        {
            Assert.That((exception.PublishSequenceNumber, exception.IsReturn), Is.EqualTo((2, true)));
        }
    }

    [Test]
    public async Task A_direct_reply_is_confirmed()
    {
        var requester = await OpenChannel();
        var replies = await Subscriber.Start(requester, "amq.rabbitmq.reply-to", autoAck: true);
        var queue = await DeclareQueue(requester);
        await requester.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { ReplyTo = "amq.rabbitmq.reply-to" }, Bytes("?"));
        var channel = await OpenConfirmChannel();
        var request = await Get(channel, queue, autoAck: true);
        await channel.BasicPublishAsync("", request.BasicProperties.ReplyTo!, Bytes("!"));
        Assert.That((await replies.Next()).Text, Is.EqualTo("!"));
    }

    [Test]
    public async Task A_message_that_expires_at_once_is_confirmed()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel);
        await channel.BasicPublishAsync("", queue, mandatory: true, new BasicProperties { Expiration = "0" }, Bytes("gone"));
    }

    [Test]
    public async Task A_message_that_is_refused_is_not_confirmed()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await Select(raw, 1);
        await raw.SendContent(
            1, new BasicPublish("", NoQueue, Mandatory: false, Immediate: false), PropertiesOf(properties => properties.Expiration = "soon"), []);
        await raw.ExpectChannelClose(1, ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - invalid expiration 'soon': no_integer");
    }

    [Test]
    public async Task What_is_delivered_and_acknowledged_before_the_confirm_is_confirmed()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, durable: true);
        var consumer = await OpenChannel();
        await Subscriber.Start(consumer, queue, autoAck: true);
        var properties = new BasicProperties { Persistent = true };
        for (var i = 0; i < 100; i++) await channel.BasicPublishAsync("", queue, mandatory: true, properties, Bytes("quick"));
    }

    [Test]
    public async Task Channels_count_for_themselves()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.OpenChannel(2);
        await Select(raw, 1);
        await raw.Publish(1, "", NoQueue, "1");
        await raw.Expect<BasicAck>(1);
        await Select(raw, 2);
        await raw.Publish(2, "", NoQueue, "1");
        Assert.That(await raw.Expect<BasicAck>(2), Is.EqualTo(new BasicAck(1, Multiple: false)));
        await raw.Publish(1, "", NoQueue, "2");
        Assert.That(await raw.Expect<BasicAck>(1), Is.EqualTo(new BasicAck(2, Multiple: false)));
    }

    [Test]
    public async Task A_channel_that_is_opened_again_counts_from_1_and_confirms_only_when_it_is_asked_to()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await Select(raw, 1);
        await raw.Publish(1, "", NoQueue, "1");
        await raw.Expect<BasicAck>(1);
        await raw.Call<ChannelClose, ChannelCloseOk>(1, new ChannelClose(ReplyCode.Success, "bye", default));
        await raw.OpenChannel(1);
        await raw.Publish(1, "", NoQueue, "not confirmed");
        await Select(raw, 1);
        await raw.Publish(1, "", NoQueue, "1");
        Assert.That(await raw.Expect<BasicAck>(1), Is.EqualTo(new BasicAck(1, Multiple: false)));
    }

    [Test]
    public async Task Ten_thousand_outstanding_are_all_confirmed_and_many_by_one_frame()
    {
        const int Count = 10_000;
        var channel = await OpenChannel();
        var durable = await DeclareQueue(channel, durable: true);
        var transient = await DeclareQueue(channel);
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await Select(raw, 1);
        var open = new SortedSet<ulong>();
        for (var number = 1; number <= Count; number++)
        {
            open.Add((ulong)number);
            var queue = number % 3 == 0 ? durable : transient;
            await raw.SendContent(1, new BasicPublish("", queue, Mandatory: false, Immediate: false), number % 2 == 0 ? Persistent : [0, 0], [1]);
        }
        var frames = 0;
        for (; open.Count > 0; frames++)
        {
            var ack = await raw.Expect<BasicAck>(1);
            var confirmed = ack.Multiple ? open.RemoveWhere(number => number <= ack.DeliveryTag) : open.Remove(ack.DeliveryTag) ? 1 : 0;
            Assert.That(confirmed, Is.GreaterThan(0), $"{ack} confirms what was confirmed before");
        }
        Assert.That(frames, Is.LessThan(Count));
        await ExpectReady(channel, durable, Count / 3);
        await ExpectReady(channel, transient, Count - (Count / 3));
    }

    [Test]
    public async Task A_publish_that_races_the_deletion_of_its_queue_is_confirmed()
    {
        const int Rounds = 50;
        const int Messages = 50;
        var deleter = await OpenChannel();
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await Select(raw, 1);
        for (var round = 1; round <= Rounds; round++)
        {
            var queue = await DeclareQueue(deleter, durable: round % 2 == 0);
            var deleting = Task.CompletedTask;
            for (var i = 0; i < Messages; i++)
            {
                await raw.SendContent(1, new BasicPublish("", queue, Mandatory: false, Immediate: false), Persistent, [1]);
                if (i == round % Messages) deleting = deleter.QueueDeleteAsync(queue);
            }
            await deleting;
            var left = (ulong)Messages;
            var first = (ulong)((round - 1) * Messages);
            var told = new HashSet<ulong>();
            while ((ulong)told.Count < left)
            {
                var ack = await raw.Expect<BasicAck>(1);
                for (var number = ack.Multiple ? first + 1 : ack.DeliveryTag; number <= ack.DeliveryTag; number++) told.Add(number);
            }
            Assert.That(told.Max(), Is.EqualTo(first + left));
        }
    }

    [Test]
    public async Task Closing_a_channel_with_outstanding_confirms_keeps_what_was_published()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, durable: true);
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await Select(raw, 1);
        for (var number = 1; number <= 1000; number++)
            await raw.SendContent(1, new BasicPublish("", queue, Mandatory: false, Immediate: false), Persistent, Bytes($"{number}"));
        await raw.Send(1, new ChannelClose(ReplyCode.Success, "bye", default));
        RawFrame frame;
        do frame = await raw.ReadFrame();
        while (frame.Is(MethodId.BasicAck));
        Assert.That(frame.Is(MethodId.ChannelCloseOk), Is.True, $"{frame}");
        // And nothing of the old channel's comes on the new one.
        await raw.OpenChannel(1);
        await Eventually.That(async () => (await channel.QueueDeclarePassiveAsync(queue)).MessageCount, Is.EqualTo(1000));
        await raw.Close();
    }

    [Test]
    public async Task The_client_waits_for_batches()
    {
        const int Batches = 50;
        const int BatchSize = 100;
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, durable: true);
        var properties = new BasicProperties { Persistent = true };
        for (var batch = 0; batch < Batches; batch++)
        {
            await Task.WhenAll(Enumerable.Range(1, BatchSize).Select(
                n => channel.BasicPublishAsync("", queue, mandatory: true, properties, Bytes($"{n}")).AsTask()));
        }
        Assert.That((await channel.QueueDeclarePassiveAsync(queue)).MessageCount, Is.EqualTo(Batches * BatchSize));
    }

    [Test]
    public async Task The_client_that_counts_itself_is_told_every_number()
    {
        var connection = await Connect();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(
            publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false));
        var queue = await DeclareQueue(channel);
        var open = new SortedSet<ulong>();
        var done = new TaskCompletionSource();
        channel.BasicAcksAsync += (_, ack) => Confirmed(ack);
        Assert.That(await channel.GetNextPublishSequenceNumberAsync(), Is.EqualTo(1));
        for (ulong number = 1; number <= 1000; number++)
        {
            lock (open) open.Add(number);
            await channel.BasicPublishAsync("", queue, Bytes("counted"));
        }
        Assert.That(await channel.GetNextPublishSequenceNumberAsync(), Is.EqualTo(1001));
        await done.Task.WaitAsync(Patience.Answer);

        Task Confirmed(BasicAckEventArgs ack)
        {
            lock (open)
            {
                if (ack.Multiple) open.RemoveWhere(number => number <= ack.DeliveryTag);
                else open.Remove(ack.DeliveryTag);
                if (open.Count == 0 && ack.DeliveryTag == 1000) done.TrySetResult();
            }
            return Task.CompletedTask;
        }
    }

    private static byte[] Persistent { get; } = PropertiesOf(properties => properties.DeliveryMode = 2);

    private static byte[] PropertiesOf(Action<MutableProperties> set)
    {
        var properties = new MutableProperties();
        set(properties);
        return properties.Encode();
    }

    private static async Task Select(RawConnection raw, ushort channel) =>
        await raw.Call<ConfirmSelect, ConfirmSelectOk>(channel, new ConfirmSelect(NoWait: false));
}
