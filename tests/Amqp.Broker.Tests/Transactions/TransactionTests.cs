using AMQP.Net;
using Amqp.Broker.Queues;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core.Queues;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Transactions;

/// <summary>Commits of which the store has not said yet that they are durable, and those that fail.</summary>
internal sealed class TransactionTests
{
    private readonly TestNode _node = new();

    [Test]
    public async Task Nothing_shows_before_it_is_durable_and_then_everything_does()
    {
        var (client, other) = (await OpenTransactional(), await Open());
        await DeclareBoth(other);
        _node.Messages.Hold();
        PublishToBoth(client, "m1");
        await client.Send(1, default(TxCommit));
        await Eventually.That(() => _node.Messages.Waiting, Is.EqualTo(1), expression: "one commit of the store, whatever the queues");
        Assert.That((await other.ReadyCount(1, "a"), await other.ReadyCount(1, "b")), Is.EqualTo((0u, 0u)));
        _node.Messages.Release();
        await client.Expect<TxCommitOk>(1);
        Assert.That((await other.ReadyCount(1, "a"), await other.ReadyCount(1, "b")), Is.EqualTo((1u, 1u)));
        Assert.That(_node.Messages.Complaints, Is.Empty);
    }

    [Test]
    public async Task A_sibling_goes_on_while_a_commit_waits()
    {
        var client = await OpenTransactional();
        await client.OpenChannel(2);
        await DeclareBoth(client);
        _node.Messages.Hold();
        PublishToBoth(client, "m1");
        client.Write(1, default(TxCommit));
        await client.Send(1, new BasicQos(0, 1, Global: false));
        await client.Publish(2, "a", "m2");
        Assert.That(await client.ReadyCount(2, "a"), Is.EqualTo(1));
        _node.Messages.Release();
        await client.Expect<TxCommitOk>(1);
        await client.Expect<BasicQosOk>(1);
    }

    [Test]
    public async Task What_is_only_in_memory_does_not_wait_for_the_store()
    {
        var client = await OpenTransactional();
        await DeclareBoth(client);
        _node.Messages.Hold();
        client.WriteMessage(1, "a", "m1");
        client.WriteMessage(1, "b", "m1");
        await client.Send(1, default(TxCommit));
        await client.Expect<TxCommitOk>(1);
        Assert.That(await client.ReadyCount(1, "b"), Is.EqualTo(1));
    }

    [Test]
    public async Task The_end_of_the_connection_changes_nothing_about_a_commit()
    {
        var (client, other) = (await OpenTransactional(), await Open());
        await DeclareBoth(other);
        for (var i = 1; i <= 3; i++) other.WriteMessage(1, "a", $"old{i}", persistent: true);
        await other.Flush();
        await Eventually.That(async () => await other.ReadyCount(1, "a"), Is.EqualTo(3));
        await client.Consume(1, "a", "tag");
        for (var i = 1; i <= 3; i++) await client.ExpectDelivery(1);
        _node.Messages.Hold();
        client.Write(1, new BasicAck(1, Multiple: false));
        client.Write(1, new BasicNack(2, Multiple: false, Requeue: true));
        PublishToBoth(client, "new");
        await client.Send(1, default(TxCommit));
        await Eventually.That(() => _node.Messages.Waiting, Is.GreaterThan(0));
        client.Drop();
        await client.Served.WaitAsync(Patience.Answer);
        Assert.That(await other.ReadyCount(1, "a"), Is.EqualTo(1), "what the transaction holds does not return with its consumer");
        _node.Messages.Release();
        await Eventually.That(async () => await other.ReadyCount(1, "b"), Is.EqualTo(1));
        await other.Consume(1, "a", "tag");
        foreach (var expected in (string[])["old2", "old3", "new"])
            Assert.That((await other.ExpectDelivery(1)).Body, Is.EqualTo(expected));
    }

    [Test]
    public async Task A_close_behind_a_commit_waits_for_it()
    {
        var (client, other) = (await OpenTransactional(), await Open());
        await DeclareBoth(other);
        _node.Messages.Hold();
        PublishToBoth(client, "m1");
        client.Write(1, default(TxCommit));
        await client.Send(0, new ConnectionClose(ReplyCode.Success, "bye", default));
        await Eventually.That(() => _node.Messages.Waiting, Is.EqualTo(1));
        _node.Messages.Release();
        await client.Expect<TxCommitOk>(1);
        await client.Expect<ConnectionCloseOk>(0);
        Assert.That(await other.ReadyCount(1, "b"), Is.EqualTo(1));
    }

    [Test]
    public async Task A_queue_that_is_deleted_while_a_commit_waits_does_not_harm_it()
    {
        var (client, other) = (await OpenTransactional(), await Open());
        await DeclareBoth(other);
        _node.Messages.Hold();
        PublishToBoth(client, "m1");
        await client.Send(1, default(TxCommit));
        await Eventually.That(() => _node.Messages.Waiting, Is.EqualTo(1));
        await other.Send(1, new QueueDelete("a", IfUnused: false, IfEmpty: false, NoWait: false));
        await other.Expect<QueueDeleteOk>(1);
        _node.Messages.Release();
        await client.Expect<TxCommitOk>(1);
        Assert.That(await other.ReadyCount(1, "b"), Is.EqualTo(1));
        Assert.That(_node.Logs.Complaints, Is.Empty);
    }

    [Test]
    public async Task When_a_queue_refuses_nothing_happens_and_the_channel_is_closed()
    {
        var (client, other) = (await OpenTransactional(), await Open());
        await DeclareBoth(other);
        await other.Publish(1, "b", "old1");
        await other.Publish(1, "b", "old2");
        await Eventually.That(async () => await other.ReadyCount(1, "b"), Is.EqualTo(2));
        await client.Consume(1, "b", "tag");
        await client.ExpectDelivery(1);
        await client.ExpectDelivery(1);
        await client.Send(1, new BasicAck(2, Multiple: true));
        // Or they would come back before the channel is closed.
        await client.Send(1, new BasicCancel("tag", NoWait: false));
        await client.Expect<BasicCancelOk>(1);
        Break("a");
        PublishToBoth(client, "new");
        await client.Send(1, default(TxCommit));
        var close = await client.Expect<ChannelClose>(1);
        Assert.That(
            (close.ReplyCode, close.ReplyText, close.Method),
            Is.EqualTo((ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - partial tx completion", MethodId.TxCommit)));
        await other.Consume(1, "b", "tag");
        foreach (var expected in (string[])["old1", "old2"]) Assert.That((await other.ExpectDelivery(1)).Body, Is.EqualTo(expected));
        await other.Send(1, new BasicQos(0, 1, Global: false));
        await other.Expect<BasicQosOk>(1);
        Assert.That(_node.Messages.Text(2), Is.Empty, "nor is anything stored");
    }

    [Test]
    public async Task A_queue_that_fails_refuses_what_it_has_not_confirmed()
    {
        var client = await Open();
        await DeclareBoth(client);
        await client.Send(1, new ConfirmSelect(NoWait: false));
        await client.Expect<ConfirmSelectOk>(1);
        Break("a");
        PublishToBoth(client, "m1");
        await client.Publish(1, "nowhere", "m2");
        var (acked, nacked) = (new List<ulong>(), new List<ulong>());
        while (acked.Count + nacked.Count < 3)
        {
            var frame = await client.Read();
            if (frame!.Method == MethodId.BasicNack) nacked.Add(frame.As<BasicNack>().DeliveryTag);
            else acked.Add(frame.As<BasicAck>().DeliveryTag);
        }
        Assert.That((acked.Order(), nacked), Is.EqualTo((new ulong[] { 2, 3 }, new ulong[] { 1 })));
    }

    [Test]
    public async Task A_persistent_message_is_confirmed_when_it_is_durable_and_overtaken_by_transient_ones()
    {
        var client = await Open();
        await DeclareBoth(client);
        await client.Send(1, new ConfirmSelect(NoWait: false));
        await client.Expect<ConfirmSelectOk>(1);
        _node.Messages.Hold();
        client.WriteMessage(1, "a", "m1", persistent: true);
        client.WriteMessage(1, "a", "m2");
        await client.Flush();
        Assert.That(await client.Expect<BasicAck>(1), Is.EqualTo(new BasicAck(2, Multiple: false)));
        client.WriteMessage(1, "b", "m3", persistent: true);
        await client.Flush();
        await Eventually.That(() => _node.Messages.Waiting, Is.EqualTo(2));
        _node.Messages.Release();
        var last = await client.Expect<BasicAck>(1);
        if (last.DeliveryTag == 1) last = await client.Expect<BasicAck>(1);
        Assert.That(last.DeliveryTag, Is.EqualTo(3));
    }

    private static void PublishToBoth(TestClient client, string body)
    {
        client.WriteMessage(1, "a", body, persistent: true);
        client.WriteMessage(1, "b", body, persistent: true);
    }

    private static async Task DeclareBoth(TestClient client)
    {
        await client.Declare(1, "a", durable: true);
        await client.Declare(1, "b", durable: true);
    }

    /// <summary>Has the queue meet a defect.</summary>
    private void Break(string queue)
    {
        var services = _node.Broker.Services;
        services.Queues.TryFind(services.Topology.Current.Find("/")!.FindQueue(queue)!, out var actor);
        actor!.PostAndRun([QueueOperation.Resume(null!)]);
    }

    private async Task<TestClient> OpenTransactional()
    {
        var client = await Open();
        await client.Send(1, default(TxSelect));
        await client.Expect<TxSelectOk>(1);
        return client;
    }

    private async Task<TestClient> Open()
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        return client;
    }
}
