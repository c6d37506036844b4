using AMQP.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Connections;

/// <summary>A channel waits for its durable declare while other things happen to it and its connection.</summary>
internal sealed class WaitingChannelTests
{
    private readonly TestNode _node = new();

    [Test]
    public async Task What_was_sent_before_connection_close_is_done_before_close_ok()
    {
        var client = await Open();
        _node.Store.Hold();
        client.Write(1, TestClient.Declaration("q", durable: true, noWait: true));
        client.WriteMessage(1, "q", "m1");
        await client.Send(0, new ConnectionClose(ReplyCode.Success, "bye", default));
        await Eventually.That(() => _node.Store.Waiting, Is.EqualTo(1));
        _node.Store.Release();
        await client.Expect<ConnectionCloseOk>(0);
        client.FinishSending();
        await client.ExpectEnd();

        Assert.That(await (await Open()).ReadyCount(1, "q"), Is.EqualTo(1));
    }

    [Test]
    public async Task What_was_sent_before_the_stream_ended_is_done()
    {
        var client = await Open();
        _node.Store.Hold();
        client.Write(1, TestClient.Declaration("q", durable: true, noWait: true));
        client.WriteMessage(1, "q", "m1");
        await client.Flush();
        client.FinishSending();
        await Eventually.That(() => _node.Store.Waiting, Is.EqualTo(1));
        _node.Store.Release();
        await client.Served.WaitAsync(Patience.Answer);

        Assert.That(await (await Open()).ReadyCount(1, "q"), Is.EqualTo(1));
    }

    [Test]
    public async Task A_close_that_crosses_the_error_of_a_waiting_method_is_answered()
    {
        var client = await Open();
        _node.Store.Hold();
        // The second declare is refused only when the first is on disk; the close is kept meanwhile.
        client.Write(1, TestClient.Declaration("q", durable: true));
        client.Write(1, TestClient.Declaration("q", durable: false));
        await client.Send(1, new ChannelClose(ReplyCode.Success, "bye", default));
        await Eventually.That(() => _node.Store.Waiting, Is.EqualTo(1));
        _node.Store.Release();
        await client.Expect<QueueDeclareOk>(1);
        await client.Expect<ChannelClose>(1);
        await client.Expect<ChannelCloseOk>(1);
        await client.Send(1, default(ChannelCloseOk));
        await client.OpenChannel(1);
    }

    [Test]
    public async Task Nor_while_many_channels_wait_and_have_sent_enough_together()
    {
        const int Channels = 100;
        const int BacklogBytes = 10_000;
        var node = new TestNode(new Limits { ChannelBacklogBytes = BacklogBytes, DiskFreeBytes = 0 });
        var client = await node.Connect();
        for (ushort channel = 1; channel <= Channels; channel++) await client.OpenChannel(channel);
        node.Store.Hold();
        var sending = Task.Run(async () =>
        {
            for (ushort channel = 1; channel <= Channels; channel++)
            {
                client.Write(channel, TestClient.Declaration($"q{channel}", durable: true, noWait: true));
                client.WriteMessage(channel, "nowhere", new string('x', BacklogBytes / 2));
                await client.Flush();
            }
        });
        var memory = node.Broker.Services.Memory;
        await Eventually.That(() => memory.UsedBytes, Is.GreaterThanOrEqualTo(16 * BacklogBytes));
        Assert.That(memory.UsedBytes, Is.LessThan(17 * BacklogBytes));
        node.Store.Release();
        await sending.WaitAsync(Patience.Answer);
        for (ushort channel = 1; channel <= Channels; channel++) Assert.That(await client.ReadyCount(channel, $"q{channel}"), Is.Zero);
        Assert.That(memory.UsedBytes, Is.Zero);
    }

    [Test]
    public async Task A_client_is_not_read_while_its_channel_waits_and_has_sent_enough()
    {
        const int MessageBytes = 10_000;
        const int Many = 1_000;
        var client = await Open();
        var body = new string('x', MessageBytes);
        _node.Store.Hold();
        await client.Send(1, TestClient.Declaration("q", durable: true, noWait: true));
        var sent = 0;
        var sending = Task.CompletedTask;
        for (; sent < Many; sent++)
        {
            client.WriteMessage(1, "q", body);
            sending = client.Flush();
            // A pipe's flush that completes late would only end this loop early.
            if (await Task.WhenAny(sending, Task.Delay(TimeSpan.FromMilliseconds(500))) != sending) break;
        }
        // The backlog, what was in one read behind it, and the pipe.
        Assert.That(sent * MessageBytes, Is.LessThan(2 * new Limits().ChannelBacklogBytes));

        _node.Store.Release();
        await sending.WaitAsync(Patience.Answer);
        Assert.That(await client.ReadyCount(1, "q"), Is.EqualTo(sent + 1));
    }

    [Test]
    public async Task A_node_stops_although_a_closing_client_waits_for_a_store_that_is_stuck()
    {
        var other = await Open();
        var client = await Open();
        await client.Declare(1, "mine", exclusive: true);
        _node.Store.Hold();
        await other.Send(1, TestClient.Declaration("q", durable: true, noWait: true));
        await Eventually.That(() => _node.Store.Waiting, Is.EqualTo(1));
        await client.Send(0, new ConnectionClose(ReplyCode.Success, "bye", default));
        // Locked for as long as it is not being deleted.
        for (ushort channel = 2; await RefusalOf("mine", other, channel) != ReplyCode.NotFound; channel++)
            Assert.That(channel, Is.LessThan(2_000));

        var stopped = _node.Broker.Stop();
        await Eventually.True(() =>
        {
            _node.Time.Advance(_node.Limits.CloseMs);
            return stopped.IsCompleted;
        });
    }

    private static async Task<ReplyCode> RefusalOf(string queue, TestClient client, ushort channel)
    {
        await client.OpenChannel(channel);
        await client.Send(channel, TestClient.Declaration(queue, passive: true));
        return (await client.Expect<ChannelClose>(channel)).ReplyCode;
    }

    private async Task<TestClient> Open()
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        return client;
    }
}
