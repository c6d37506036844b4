using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>Answers without a queue: consume from <c>amq.rabbitmq.reply-to</c> and name it in reply-to. Its errors are in <see cref="ErrorTests"/>.</summary>
[Same]
public sealed class DirectReplyToTests : ConformanceFixture
{
    private const string ReplyTo = "amq.rabbitmq.reply-to";

    [Test]
    public async Task A_request_is_answered()
    {
        var requester = await OpenChannel(await Connect());
        var responder = await OpenChannel(await Connect());
        var queue = await DeclareQueue(responder);
        var requests = await Subscriber.Start(responder, queue, autoAck: true);
        var replies = await Subscriber.Start(requester, ReplyTo, autoAck: true);

        for (var i = 0; i < 3; i++)
        {
            await requester.BasicPublishAsync("", queue, mandatory: true, Asking($"{i}"), Bytes($"question {i}"));
            var request = await requests.Next();
            Assert.That(request.Properties.ReplyTo, Does.StartWith($"{ReplyTo}.").And.Length.GreaterThan(ReplyTo.Length + 10));
            await responder.BasicPublishAsync(
                "", request.Properties.ReplyTo!, mandatory: false,
                new BasicProperties { CorrelationId = request.Properties.CorrelationId }, Bytes($"answer {i}"));
            var reply = await replies.Next();
            Assert.That((reply.Text, reply.Properties.CorrelationId, reply.ConsumerTag, reply.Exchange, reply.RoutingKey, reply.Redelivered),
                Is.EqualTo(($"answer {i}", $"{i}", replies.Tag, "", request.Properties.ReplyTo, false)));
        }
    }

    [Test]
    public async Task Two_requesters_get_their_own_answers()
    {
        var responder = await OpenChannel();
        var queue = await DeclareQueue(responder);
        var requests = await Subscriber.Start(responder, queue, autoAck: true);
        var channels = new List<IChannel>();
        var replies = new List<Subscriber>();
        for (var i = 0; i < 2; i++)
        {
            channels.Add(await OpenChannel());
            replies.Add(await Subscriber.Start(channels[i], ReplyTo, autoAck: true));
            await channels[i].BasicPublishAsync("", queue, mandatory: false, Asking($"{i}"), Bytes("question"));
        }
        for (var i = 0; i < 2; i++)
        {
            var request = await requests.Next();
            await responder.BasicPublishAsync("", request.Properties.ReplyTo!, Bytes(request.Properties.CorrelationId!));
        }
        for (var i = 0; i < 2; i++) Assert.That((await replies[i].Next()).Text, Is.EqualTo($"{i}"));
    }

    [Test]
    public async Task The_reply_queue_exists_as_long_as_its_consumer_and_has_one()
    {
        var requester = await OpenChannel();
        var responder = await OpenChannel();
        var address = await AddressOf(requester, responder);
        var answer = await responder.QueueDeclarePassiveAsync(address);
        Assert.That((answer.QueueName, answer.MessageCount, answer.ConsumerCount), Is.EqualTo((address, 0u, 1u)));

        await requester.CloseAsync();
        await Eventually.That(async () => await IsGone(address), Is.True);
    }

    [Test]
    public async Task Cancelling_the_consumer_ends_the_reply_queue_and_makes_room_for_another()
    {
        var requester = await OpenChannel();
        var address = await AddressOf(requester, await OpenChannel(), tag: "tag");
        await requester.BasicCancelAsync("tag");
        Assert.That(await IsGone(address), Is.True);
        var again = await AddressOf(requester, await OpenChannel());
        Assert.That(again, Is.Not.EqualTo(address));
    }

    [Test]
    public async Task An_answer_to_somebody_who_has_gone_is_dropped()
    {
        var requester = await OpenChannel();
        var responder = await OpenChannel();
        var address = await AddressOf(requester, responder);
        await requester.CloseAsync();
        await responder.BasicPublishAsync("", address, Bytes("too late"));
        await responder.BasicPublishAsync("", $"{ReplyTo}.nonsense", Bytes("nobody"));
        await DeclareQueue(responder); // the channel is in order
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_mandatory_answer_arrives_and_is_returned_all_the_same(bool isThere)
    {
        var requester = await OpenChannel();
        await using var responder = await Amqp.Testing.RawConnection.Open(Broker);
        var address = await AddressOf(requester, await OpenChannel());
        if (!isThere) await requester.CloseAsync();
        await responder.OpenChannel(1);
        await responder.Call<AMQP.Net.ConfirmSelect, AMQP.Net.ConfirmSelectOk>(1, new AMQP.Net.ConfirmSelect(NoWait: false));
        await responder.Publish(1, "", address, "answer", mandatory: true);
        var returned = await responder.Expect<AMQP.Net.BasicReturn>(1);
        Assert.That((returned.ReplyCode, returned.ReplyText, returned.RoutingKey), Is.EqualTo((AMQP.Net.ReplyCode.NoRoute, "NO_ROUTE", address)));
        await responder.ExpectContent(1);
        await responder.Expect<AMQP.Net.BasicAck>(1);
        await responder.Close();
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task The_name_that_requesters_consume_from_can_always_be_declared(bool passive)
    {
        var channel = await OpenChannel();
        var answer = passive
            ? await channel.QueueDeclarePassiveAsync(ReplyTo)
            : await channel.QueueDeclareAsync(ReplyTo, durable: false, exclusive: false, autoDelete: false);
        Assert.That((answer.QueueName, answer.MessageCount, answer.ConsumerCount), Is.EqualTo((ReplyTo, 0u, 1u)));
    }

    [Test]
    public async Task A_consumer_with_a_tag_keeps_it()
    {
        var channel = await OpenChannel();
        var replies = await Subscriber.Start(channel, ReplyTo, autoAck: true, tag: "mine");
        Assert.That(replies.Tag, Is.EqualTo("mine"));
    }

    [Test]
    public async Task A_consumer_without_a_tag_gets_one_from_the_server()
    {
        var channel = await OpenChannel();
        var replies = await Subscriber.Start(channel, ReplyTo, autoAck: true);
        Assert.That(replies.Tag, Does.Match("^amq\\.ctag-[A-Za-z0-9_-]{22}$"));
    }

    /// <summary>Has <paramref name="requester"/> ask, and returns the reply-to that came out at the other end.</summary>
    private async Task<string> AddressOf(IChannel requester, IChannel responder, string tag = "")
    {
        await Subscriber.Start(requester, ReplyTo, autoAck: true, tag: tag);
        var queue = await DeclareQueue(responder);
        await requester.BasicPublishAsync("", queue, mandatory: false, Asking("id"), Bytes("question"));
        return (await Get(responder, queue)).BasicProperties.ReplyTo!;
    }

    private async Task<bool> IsGone(string address)
    {
        var channel = await OpenChannel();
        try
        {
            await channel.QueueDeclarePassiveAsync(address);
            return false;
        }
        catch (RabbitMQ.Client.Exceptions.OperationInterruptedException exception)
        {
            Assert.That((exception.ShutdownReason?.ReplyCode, exception.ShutdownReason?.ReplyText),
                Is.EqualTo(((ushort?)404, $"NOT_FOUND - no queue '{address}' in vhost '/'")));
            return true;
        }
    }

    private static BasicProperties Asking(string correlationId) => new() { ReplyTo = ReplyTo, CorrelationId = correlationId };
}
