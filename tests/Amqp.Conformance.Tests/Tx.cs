using AMQP.Net;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;
using BasicProperties = RabbitMQ.Client.BasicProperties;

namespace Amqp.Conformance.Tests;

/// <summary>tx.select, tx.commit and tx.rollback: publishes and settlements that wait.</summary>
[Same]
public sealed class TxTests : ConformanceFixture
{
    [Test]
    public async Task What_is_published_shows_with_the_commit()
    {
        var (channel, other, queue) = await Open();
        await Publish(channel, queue, "1", "2");
        Assert.That(await ReadyAfterARoundTrip(channel, queue), Is.Zero);
        await channel.TxCommitAsync();
        Assert.That(await Drain(other, queue), Is.EqualTo(["1", "2"]));
    }

    [Test]
    public async Task What_is_rolled_back_is_gone()
    {
        var (channel, other, queue) = await Open();
        await Publish(channel, queue, "1");
        await channel.TxRollbackAsync();
        await Publish(channel, queue, "2");
        await channel.TxCommitAsync();
        Assert.That(await Drain(other, queue), Is.EqualTo(["2"]));
    }

    [Test]
    public async Task After_a_commit_the_next_transaction_begins_by_itself()
    {
        var (channel, other, queue) = await Open();
        for (var i = 1; i <= 5; i++)
        {
            await Publish(channel, queue, $"{i}");
            await channel.TxCommitAsync();
        }
        await Publish(channel, queue, "never committed");
        await channel.CloseAsync();
        Assert.That(await Drain(other, queue), Is.EqualTo(Numbers(5)));
    }

    [Test]
    public async Task An_empty_transaction_is_committed_and_rolled_back()
    {
        var channel = await OpenChannel();
        await channel.TxSelectAsync();
        await channel.TxSelectAsync();
        await channel.TxCommitAsync();
        await channel.TxRollbackAsync();
        await channel.TxCommitAsync();
    }

    [Test]
    public async Task A_second_select_leaves_the_open_transaction_alone()
    {
        var (channel, other, queue) = await Open();
        await Publish(channel, queue, "1");
        await channel.TxSelectAsync();
        await channel.TxCommitAsync();
        Assert.That(await Drain(other, queue), Is.EqualTo(["1"]));
    }

    [Test]
    public async Task Only_a_transactional_channel_commits_and_rolls_back()
    {
        const string Text = "PRECONDITION_FAILED - channel is not transactional";
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Send(1, default(TxCommit));
        await raw.ExpectChannelClose(1, ReplyCode.PreconditionFailed, Text, MethodId.TxCommit);
        await raw.OpenChannel(1);
        await raw.Send(1, default(TxRollback));
        await raw.ExpectChannelClose(1, ReplyCode.PreconditionFailed, Text, MethodId.TxRollback);
    }

    [TestCase(false, false)]
    [TestCase(true, false)]
    [TestCase(true, true)]
    public async Task A_transaction_over_several_queues_shows_in_all_of_them(bool durable, bool persistent)
    {
        var channel = await OpenChannel();
        await channel.TxSelectAsync();
        var queues = new List<string>();
        for (var i = 0; i < 5; i++) queues.Add(await DeclareQueue(channel, durable: durable));
        var properties = new BasicProperties { Persistent = persistent };
        foreach (var text in Numbers(20))
        {
            foreach (var queue in queues) await channel.BasicPublishAsync("", queue, mandatory: false, properties, Bytes(text));
        }
        await channel.TxCommitAsync();
        var other = await OpenChannel();
        foreach (var queue in queues)
        {
            Assert.That((await other.QueueDeclarePassiveAsync(queue)).MessageCount, Is.EqualTo(20), "whoever has seen commit-ok finds them");
            Assert.That(await Drain(other, queue), Is.EqualTo(Numbers(20)));
        }
    }

    [Test]
    public async Task A_large_transaction_keeps_its_order()
    {
        const int Count = 5_000;
        var (channel, other, queue) = await Open();
        var subscriber = await Subscriber.Start(other, queue, autoAck: true);
        await Publish(channel, queue, Numbers(Count));
        await channel.TxCommitAsync();
        Assert.That((await subscriber.Next(Count)).Select(delivery => delivery.Text), Is.EqualTo(Numbers(Count)));
    }

    [Test]
    public async Task A_queue_deleted_before_the_commit_does_not_harm_it()
    {
        var (channel, other, queue) = await Open();
        var gone = await DeclareQueue(other);
        await Publish(channel, gone, "1");
        await Publish(channel, queue, "1");
        await other.QueueDeleteAsync(gone);
        await channel.TxCommitAsync();
        Assert.That(await Drain(other, queue), Is.EqualTo(["1"]));
    }

    [Test]
    public async Task What_is_checked_at_a_publish_is_checked_at_once()
    {
        var (channel, other, queue) = await Open();
        await Publish(channel, queue, "1");
        await channel.BasicPublishAsync("no such exchange", queue, Bytes("2"));
        await ExpectClose(channel, 404, "NOT_FOUND - no exchange 'no such exchange' in vhost '/'");
        Assert.That(await Drain(other, queue), Is.Empty);
    }

    [Test]
    public async Task A_message_goes_where_it_was_bound_to_when_it_was_published()
    {
        var (channel, other, queue) = await Open();
        var exchange = await DeclareExchange(other, "direct");
        await channel.BasicPublishAsync(exchange, "key", Bytes("too early"));
        await other.QueueBindAsync(queue, exchange, "key");
        await channel.BasicPublishAsync(exchange, "key", Bytes("in time"));
        await channel.QueueUnbindAsync(queue, exchange, "key");
        await channel.TxCommitAsync();
        Assert.That(await Drain(other, queue), Is.EqualTo(["in time"]));
    }

    [Test]
    public async Task A_mandatory_message_that_goes_nowhere_is_returned_with_the_commit()
    {
        await using var raw = await RawConnection.Open(Broker);
        await OpenTransactional(raw);
        await raw.Publish(1, "", "nowhere", "1", mandatory: true);
        await raw.Publish(1, "", "nowhere", "2", mandatory: false);
        await raw.Call<BasicQos, BasicQosOk>(1, new BasicQos(0, 10, Global: false));
        await raw.Send(1, default(TxCommit));
        Assert.That((await raw.Expect<BasicReturn>(1)).ReplyText, Is.EqualTo("NO_ROUTE"));
        Assert.That((await raw.ExpectContent(1)).Body, Is.EqualTo(Bytes("1")));
        await raw.Expect<TxCommitOk>(1);
        await raw.Call<TxCommit, TxCommitOk>(1, default);
    }

    [Test]
    public async Task A_mandatory_message_that_is_rolled_back_is_not_returned()
    {
        await using var raw = await RawConnection.Open(Broker);
        await OpenTransactional(raw);
        await raw.Publish(1, "", "nowhere", "1", mandatory: true);
        await raw.Call<TxRollback, TxRollbackOk>(1, default);
        await raw.Call<TxCommit, TxCommitOk>(1, default);
    }

    [Test]
    public async Task A_direct_reply_does_not_wait_for_the_commit()
    {
        var requester = await OpenChannel();
        var replies = await Subscriber.Start(requester, "amq.rabbitmq.reply-to", autoAck: true);
        var (channel, _, queue) = await Open();
        await requester.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { ReplyTo = "amq.rabbitmq.reply-to" }, Bytes("?"));
        var request = await Get(channel, queue);
        await channel.BasicPublishAsync("", request.BasicProperties.ReplyTo!, Bytes("!"));
        Assert.That((await replies.Next()).Text, Is.EqualTo("!"));
        await channel.TxRollbackAsync();
    }

    [Test]
    public async Task An_acknowledgement_waits_for_the_commit()
    {
        var (channel, other, queue) = await OpenWith("1", "2", "3");
        var subscriber = await Subscriber.Start(channel, queue);
        await subscriber.Next(3);
        await channel.BasicAckAsync(2, multiple: true);
        await channel.TxCommitAsync();
        await channel.BasicAckAsync(3, multiple: false);
        await channel.CloseAsync();
        Assert.That(await Drain(other, queue), Is.EqualTo(["3"]), "the second acknowledgement was never committed");
    }

    [Test]
    public async Task A_rejection_waits_for_the_commit()
    {
        var (channel, other, queue) = await OpenWith("1", "2", "3", "4");
        var subscriber = await Subscriber.Start(other, queue);
        await subscriber.Next(4);
        await other.TxSelectAsync();
        await other.BasicRejectAsync(1, requeue: true);
        await other.BasicNackAsync(2, multiple: false, requeue: false);
        await other.BasicRejectAsync(3, requeue: false);
        await other.BasicNackAsync(4, multiple: false, requeue: true);
        Assert.That(await ReadyAfterARoundTrip(other, queue), Is.Zero);
        Assert.That(subscriber.Received, Is.EqualTo(4));
        await other.TxCommitAsync();
        var again = await subscriber.Next(2);
        Assert.That(again.Select(delivery => (delivery.Text, delivery.Redelivered)), Is.EqualTo([("1", true), ("4", true)]));
        await other.CloseAsync();
        Assert.That(await Drain(await OpenChannel(), queue), Is.EqualTo(["1", "4"]));
        Assert.That(channel.IsOpen, Is.True);
    }

    [Test]
    public async Task Publishes_and_acknowledgements_are_committed_together()
    {
        var (channel, other, source) = await OpenWith(Numbers(10));
        var target = await DeclareQueue(channel);
        var subscriber = await Subscriber.Start(channel, source);
        for (var i = 1; i <= 10; i++)
        {
            var delivery = await subscriber.Next();
            await Publish(channel, target, delivery.Text);
            await channel.BasicAckAsync(delivery.Tag, multiple: false);
            if (i == 8) await channel.TxCommitAsync();
        }
        await channel.CloseAsync();
        Assert.That(await Drain(other, target), Is.EqualTo(Numbers(8)));
        Assert.That(await Drain(other, source), Is.EqualTo(["9", "10"]));
    }

    [Test]
    public async Task After_a_rollback_a_delivery_is_still_outstanding_and_can_be_settled_again()
    {
        var (channel, other, queue) = await OpenWith("1", "2", "3");
        var subscriber = await Subscriber.Start(channel, queue);
        await subscriber.Next(3);
        await channel.BasicAckAsync(1, multiple: false);
        await channel.BasicNackAsync(3, multiple: false, requeue: false);
        await channel.TxRollbackAsync();
        Assert.That(subscriber.Received, Is.EqualTo(3), "nothing is delivered again");
        await channel.BasicAckAsync(2, multiple: true);
        await channel.BasicRejectAsync(3, requeue: false);
        await channel.TxCommitAsync();
        await channel.CloseAsync();
        Assert.That(await Drain(other, queue), Is.Empty);
    }

    [Test]
    public async Task After_a_rollback_the_end_of_the_channel_returns_the_deliveries_in_order()
    {
        var (channel, other, queue) = await OpenWith(Numbers(6));
        var subscriber = await Subscriber.Start(channel, queue);
        await subscriber.Next(6);
        await channel.BasicAckAsync(4, multiple: false);
        await channel.BasicAckAsync(2, multiple: true);
        await channel.TxRollbackAsync();
        await channel.CloseAsync();
        Assert.That(await Drain(other, queue), Is.EqualTo(Numbers(6)));
    }

    [Test]
    public async Task The_end_of_the_channel_rolls_back()
    {
        var (channel, other, queue) = await OpenWith(Numbers(4));
        var subscriber = await Subscriber.Start(channel, queue);
        await subscriber.Next(4);
        await Publish(channel, queue, "5");
        await channel.BasicAckAsync(1, multiple: false);
        await channel.BasicNackAsync(2, multiple: false, requeue: false);
        await channel.CloseAsync();
        await ExpectReady(other, queue, 4);
        Assert.That(await Drain(other, queue), Is.EqualTo(Numbers(4)));
    }

    [Test]
    public async Task The_end_of_the_connection_rolls_back()
    {
        var connection = await Connect();
        var channel = await OpenChannel(connection);
        var other = await OpenChannel();
        var queue = await DeclareQueue(other);
        await Publish(other, queue, Numbers(3));
        await channel.TxSelectAsync();
        Assert.That((await Get(channel, queue)).DeliveryTag, Is.EqualTo(1));
        await channel.BasicAckAsync(1, multiple: false);
        await Publish(channel, queue, "4");
        await connection.CloseAsync();
        await ExpectReady(other, queue, 3);
        Assert.That(await Drain(other, queue), Is.EqualTo(Numbers(3)));
    }

    [Test]
    public async Task An_unknown_tag_is_refused_at_once()
    {
        var (channel, _, _) = await Open();
        await channel.BasicAckAsync(7, multiple: false);
        await ExpectClose(channel, 406, "PRECONDITION_FAILED - unknown delivery tag 7");
    }

    [Test]
    public async Task A_tag_that_the_open_transaction_has_settled_is_unknown()
    {
        var (channel, other, queue) = await OpenWith("1");
        var subscriber = await Subscriber.Start(channel, queue);
        await subscriber.Next();
        await channel.BasicAckAsync(1, multiple: false);
        await channel.BasicAckAsync(1, multiple: false);
        await ExpectClose(channel, 406, "PRECONDITION_FAILED - unknown delivery tag 1");
        Assert.That(await Drain(other, queue), Is.EqualTo(["1"]), "and the error rolls back");
    }

    [Test]
    public async Task Recover_does_not_wait_and_leaves_alone_what_the_transaction_settles()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await Publish(channel, queue, Numbers(3));
        await ExpectReady(channel, queue, 3);
        await using var raw = await RawConnection.Open(Broker);
        await OpenTransactional(raw);
        foreach (var _ in Numbers(3))
        {
            await raw.Call<BasicGet, BasicGetOk>(1, new BasicGet(queue, NoAck: false));
            await raw.ExpectContent(1);
        }
        await raw.Send(1, new BasicAck(2, Multiple: false));
        await raw.Call<BasicRecover, BasicRecoverOk>(1, new BasicRecover(Requeue: true));
        await ExpectReady(channel, queue, 2);
        await raw.Call<TxCommit, TxCommitOk>(1, default);
        await raw.Close();
        Assert.That(await Drain(channel, queue), Is.EqualTo(["1", "3"]));
    }

    [Test]
    public async Task A_commit_frees_the_prefetch()
    {
        var (channel, _, queue) = await OpenWith(Numbers(4));
        await channel.BasicQosAsync(0, 2, global: false);
        var subscriber = await Subscriber.Start(channel, queue);
        await subscriber.Next(2);
        await channel.BasicAckAsync(2, multiple: true);
        Assert.That(await ReadyAfterARoundTrip(channel, queue), Is.EqualTo(2));
        await channel.TxCommitAsync();
        Assert.That((await subscriber.Next(2)).Select(delivery => delivery.Text), Is.EqualTo(["3", "4"]));
    }

    [Test]
    public async Task Channels_have_their_own_transactions()
    {
        var connection = await Connect();
        var (one, two) = (await OpenChannel(connection), await OpenChannel(connection));
        var queue = await DeclareQueue(one);
        await one.TxSelectAsync();
        await Publish(one, queue, "in the transaction");
        await Publish(two, queue, "at once");
        await ExpectReady(two, queue, 1);
        await one.TxCommitAsync();
        Assert.That(await Drain(two, queue), Is.EqualTo(["at once", "in the transaction"]));
    }

    [Test]
    public async Task Many_channels_commit_at_once()
    {
        const int Channels = 10;
        const int Rounds = 50;
        var setup = await OpenChannel();
        var queues = new[] { await DeclareQueue(setup), await DeclareQueue(setup, durable: true), await DeclareQueue(setup) };
        var channels = new List<IChannel>();
        for (var i = 0; i < Channels; i++) channels.Add(await OpenChannel());
        await Task.WhenAll(channels.Select(async (channel, number) =>
        {
            await channel.TxSelectAsync();
            for (var round = 0; round < Rounds; round++)
            {
                // Each in another order of the queues.
                for (var i = 0; i < queues.Length; i++)
                    await channel.BasicPublishAsync("", queues[(number + i) % queues.Length], mandatory: false, new BasicProperties { Persistent = true }, Bytes("m"));
                if (round % 5 == 4) await channel.TxRollbackAsync();
                else await channel.TxCommitAsync();
            }
        }));
        foreach (var queue in queues) await ExpectReady(setup, queue, Channels * Rounds * 4 / 5);
    }

    /// <summary>rabbit_channel.erl, handle_method for tx = committing: "unexpected command while processing 'tx.commit'".</summary>
    [Test, Ours]
    public async Task What_follows_a_commit_before_its_answer_waits_for_it()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, durable: true);
        await using var raw = await RawConnection.Open(Broker);
        await OpenTransactional(raw);
        for (var i = 1; i <= 100; i++)
        {
            await raw.Publish(1, "", queue, $"{i}");
            await raw.Send(1, default(TxCommit));
        }
        await raw.Send(1, new BasicQos(0, 1, Global: false));
        for (var i = 1; i <= 100; i++) await raw.Expect<TxCommitOk>(1);
        await raw.Expect<BasicQosOk>(1);
        Assert.That(await Drain(channel, queue), Is.EqualTo(Numbers(100)));
    }

    /// <summary>A transactional channel, another one, and a queue.</summary>
    private async Task<(IChannel Channel, IChannel Other, string Queue)> Open()
    {
        var (channel, other) = (await OpenChannel(), await OpenChannel());
        await channel.TxSelectAsync();
        return (channel, other, await DeclareQueue(other));
    }

    /// <summary>The same with messages in the queue.</summary>
    private async Task<(IChannel Channel, IChannel Other, string Queue)> OpenWith(params string[] texts)
    {
        var (channel, other, queue) = await Open();
        await Publish(other, queue, texts);
        await ExpectReady(other, queue, (uint)texts.Length);
        return (channel, other, queue);
    }

    /// <summary>The answer comes behind everything that the channel has sent.</summary>
    private static async Task<uint> ReadyAfterARoundTrip(IChannel channel, string queue) =>
        (await channel.QueueDeclarePassiveAsync(queue)).MessageCount;

    private static async Task OpenTransactional(RawConnection raw)
    {
        await raw.OpenChannel(1);
        await raw.Call<TxSelect, TxSelectOk>(1, default);
    }
}
