using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Conformance.Tests;

/// <summary>The channel class: open, close, flow, and how channels share a connection.</summary>
[Same]
public sealed class ChannelTests : ConformanceFixture
{
    [Test]
    public async Task Channels_are_independent_of_each_other()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.OpenChannel(2);
        await raw.Send(1, new BasicAck(99, false));
        await raw.ExpectChannelClose(1, ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 99");
        await raw.Call<QueueDeclare, QueueDeclareOk>(2, new QueueDeclare("", false, false, true, true, false, FieldTable.Empty));
        await raw.Close();
    }

    [Test]
    public async Task A_closed_channel_can_be_opened_again_under_its_number()
    {
        await using var raw = await RawConnection.Open(Broker);
        for (var i = 0; i < 20; i++)
        {
            await raw.OpenChannel(1);
            await raw.Call<ChannelClose, ChannelCloseOk>(1, new ChannelClose(ReplyCode.Success, "", default));
        }
        await raw.Close();
    }

    [Test]
    public async Task Opening_may_follow_closing_without_waiting_for_close_ok()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Send(1, new ChannelClose(ReplyCode.Success, "", default));
        await raw.Expect<ChannelCloseOk>(1);
        await raw.SendBytes((byte[])
        [
            .. RawConnection.Encode(1, default(ChannelOpen)),
            .. RawConnection.Encode(1, new QueueDeclare("", false, false, true, true, false, FieldTable.Empty)),
        ]);
        await raw.Expect<ChannelOpenOk>(1);
        await raw.Expect<QueueDeclareOk>(1);
        await raw.Close();
    }

    [Test]
    public async Task What_comes_between_the_servers_close_and_the_clients_close_ok_is_ignored()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Send(1, new BasicAck(99, false)); // the error
        await raw.Publish(1, "", queue, "lost");
        await raw.Send(1, new QueueDelete(queue, false, false, false));
        await raw.ExpectChannelClose(1, ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 99");
        await raw.OpenChannel(1);
        await raw.Close();
        Assert.That(await Drain(channel, queue), Is.Empty);
    }

    [Test]
    public async Task Both_sides_may_close_at_once()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.SendBytes((byte[])
        [
            .. RawConnection.Encode(1, new BasicAck(99, false)), // the error
            .. RawConnection.Encode(1, new ChannelClose(ReplyCode.Success, "", default)),
        ]);
        Assert.That((await raw.Expect<ChannelClose>(1)).ReplyCode, Is.EqualTo(ReplyCode.PreconditionFailed));
        await raw.Expect<ChannelCloseOk>(1);
        await raw.Send(1, default(ChannelCloseOk));
        await raw.OpenChannel(1);
        await raw.Close();
    }

    [Test]
    public async Task Opening_a_channel_whose_close_is_not_answered_yet_ends_the_connection_with_504()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Send(1, new BasicAck(99, false));
        await raw.Expect<ChannelClose>(1);
        await raw.Send(1, default(ChannelOpen));
        await raw.ExpectConnectionClose(ReplyCode.ChannelError, "CHANNEL_ERROR - second 'channel.open' seen", MethodId.ChannelOpen);
    }

    [Test]
    public async Task More_channels_than_negotiated_end_the_connection_with_530()
    {
        await using var raw = await RawConnection.Open(Broker, channelMax: 2);
        await raw.OpenChannel(1);
        await raw.OpenChannel(2);
        await raw.Send(3, default(ChannelOpen));
        await raw.ExpectConnectionClose(
            ReplyCode.NotAllowed, "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)");
    }

    [Test]
    public async Task A_closed_channel_makes_room_for_another()
    {
        await using var raw = await RawConnection.Open(Broker, channelMax: 2);
        await raw.OpenChannel(1);
        await raw.OpenChannel(2);
        await raw.Call<ChannelClose, ChannelCloseOk>(1, new ChannelClose(ReplyCode.Success, "", default));
        await raw.OpenChannel(1);
        await raw.Close();
    }

    // RabbitMQ counts channels and does not look at their numbers.
    [Test]
    public async Task Any_number_is_good_for_a_channel()
    {
        await using var raw = await RawConnection.Open(Broker, channelMax: 2);
        await raw.OpenChannel(65535);
        await raw.Call<QueueDeclare, QueueDeclareOk>(65535, new QueueDeclare("", false, false, true, true, false, FieldTable.Empty));
        await raw.Close();
    }

    [Test]
    public async Task As_many_channels_as_negotiated_can_be_open()
    {
        await using var raw = await RawConnection.Open(Broker);
        for (ushort channel = 1; channel <= 2047; channel++) await raw.Send(channel, default(ChannelOpen));
        var opened = new HashSet<ushort>();
        for (var i = 0; i < 2047; i++)
        {
            var frame = await raw.ReadFrame();
            Assert.That(frame.Is(MethodId.ChannelOpenOk), Is.True, frame.ToString());
            opened.Add(frame.Channel);
        }
        Assert.That(opened, Has.Count.EqualTo(2047));
        await raw.Close();
    }

    [Test]
    public async Task A_client_may_say_that_it_can_take_more()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        Assert.That(await raw.Call<ChannelFlow, ChannelFlowOk>(1, new ChannelFlow(true)), Is.EqualTo(new ChannelFlowOk(true)));
        await raw.Close();
    }

    [Test]
    public async Task Old_clients_that_ask_for_access_get_a_ticket()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        var answer = await raw.Call<AccessRequest, AccessRequestOk>(1, new AccessRequest("/data", false, true, true, true, true));
        Assert.That(answer.Ticket, Is.EqualTo(1));
        await raw.Close();
    }

    [Test]
    public async Task Answers_come_in_the_order_of_the_questions()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.SendBytes((byte[])
        [
            .. RawConnection.Encode(1, new QueueDeclare("", false, false, true, true, false, FieldTable.Empty)),
            .. RawConnection.Encode(1, new BasicQos(0, 1, false)),
            .. RawConnection.Encode(1, new QueueBind("", "amq.fanout", "", false, FieldTable.Empty)),
            .. RawConnection.Encode(1, new BasicGet("", true)),
            .. RawConnection.Encode(1, new QueueDelete("", false, false, false)),
            .. RawConnection.Encode(1, new ChannelClose(ReplyCode.Success, "", default)),
        ]);
        await raw.Expect<QueueDeclareOk>(1);
        await raw.Expect<BasicQosOk>(1);
        await raw.Expect<QueueBindOk>(1);
        await raw.Expect<BasicGetEmpty>(1);
        await raw.Expect<QueueDeleteOk>(1);
        await raw.Expect<ChannelCloseOk>(1);
        await raw.Close();
    }

    [Test]
    public async Task RabbitMQ_Client_opens_and_closes_channels()
    {
        var connection = await Connect();
        var channels = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => OpenChannel(connection)));
        Assert.That(channels.Select(channel => channel.ChannelNumber), Is.Unique);
        foreach (var channel in channels) await channel.CloseAsync(200, "done", abort: false);
        await (await OpenChannel(connection)).CloseAsync(200, "done", abort: false);
    }
}
