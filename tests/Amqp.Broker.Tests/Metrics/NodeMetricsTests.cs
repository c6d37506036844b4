using AMQP.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Core.Errors;
using Amqp.Core.Metrics;
using Amqp.Core.Topology;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Metrics;

/// <summary>What clients do on the wire, as it is measured of everything that has to do with it.</summary>
internal sealed class NodeMetricsTests
{
    private readonly TestNode _node = new();

    private BrokerNode Broker => _node.Broker;

    private VirtualHost Vhost => Broker.Topology.Find("/")!;

    [Test]
    public async Task A_message_is_counted_by_its_channel_exchange_queue_and_the_wholes_of_these()
    {
        var client = await Open("q");
        await client.Send(1, default(ConfirmSelect));
        await client.Expect<ConfirmSelectOk>(1);
        for (var message = 0; message < 3; message++)
        {
            await client.Publish(1, "q", "m");
            await client.Expect<BasicAck>(1);
        }
        await client.Consume(1, "q", "c");
        for (var message = 0; message < 3; message++) await client.ExpectDelivery(1);
        await client.Send(1, new BasicAck(2, Multiple: true));
        await Eventually.That(() => Broker.Queues.Find("/", "q")!.Figures.Unacked, Is.EqualTo(1));
        Sample();

        var (connection, queue) = ((await Broker.Connections.List()).Single(), Broker.Queues.Find("/", "q")!);
        const string clients = "Published 3, PublishedToConfirm 3, Confirmed 3, Delivered 3, Acknowledged 2";
        Assert.Multiple(() =>
        {
            Assert.That(Counted(connection.Channels.Single().Meter), Is.EqualTo(clients));
            Assert.That(Counted(connection.Meter!), Does.StartWith(clients + ", BytesReceived "));
            Assert.That(Counted(Broker.MeterOf(Vhost.FindExchange("")!)!), Is.EqualTo("Published 3, Routed 3"));
            Assert.That(Counted(queue.Meter), Is.EqualTo("Published 3, Delivered 3, Acknowledged 2, Unacked 1"));
            var whole = clients.Replace("Confirmed 3", "Confirmed 3, Routed 3", StringComparison.Ordinal) + ", Unacked 1, BytesReceived ";
            Assert.That(Counted(Broker.MeterOf(Vhost)!), Does.StartWith(whole));
            Assert.That(Counted(Broker.Meter), Does.StartWith(whole));
            Assert.That(queue.Meter.Rate(Measure.Published), Is.EqualTo(0.6).Within(1e-9));
            Assert.That(Broker.Meter.Rate(Measure.Published, 60_000), Is.EqualTo(0.6).Within(1e-9));
        });
    }

    [Test]
    public async Task What_goes_nowhere_and_what_is_got_is_counted_too()
    {
        var client = await Open("q");
        await client.Publish(1, "nowhere", "m");
        await client.Publish(1, "q", "m");
        await client.Send(1, new BasicGet("q", NoAck: true));
        await client.Expect<BasicGetOk>(1);
        await client.ReadBody();
        await client.Send(1, new BasicGet("q", NoAck: true));
        await client.Expect<BasicGetEmpty>(1);
        Sample();
        Assert.That(await CountedOfChannel(), Is.EqualTo("Published 2, Dropped 1, GotAutoAck 1, GetEmpty 1"));
        Assert.That(Counted(Broker.Queues.Find("/", "q")!.Meter), Is.EqualTo("Published 1, GotAutoAck 1, GetEmpty 1"));
        Assert.That(Counted(Broker.MeterOf(Vhost.FindExchange("")!)!), Is.EqualTo("Published 2, Routed 1"));
    }

    [Test]
    public async Task A_transaction_counts_when_it_is_committed()
    {
        var client = await Open("q");
        await client.Send(1, default(TxSelect));
        await client.Expect<TxSelectOk>(1);
        await client.Publish(1, "q", "m");
        await client.ReadyCount(1, "q");
        Sample();
        Assert.That(await CountedOfChannel(), Is.Empty);
        await client.Send(1, default(TxCommit));
        await client.Expect<TxCommitOk>(1);
        Sample();
        Assert.That(await CountedOfChannel(), Is.EqualTo("Published 1"));
        Assert.That(Counted(Broker.MeterOf(Vhost.FindExchange("")!)!), Is.EqualTo("Published 1, Routed 1"));
    }

    [Test]
    public async Task Counts_of_what_is_gone_stay_with_what_it_was_a_part_of()
    {
        var client = await Open("q");
        await client.Publish(1, "q", "m");
        await client.ReadyCount(1, "q");
        await client.Send(1, new ChannelClose(ReplyCode.Success, "", default));
        await client.Expect<ChannelCloseOk>(1);
        Sample();
        Assert.That(Counted((await Broker.Connections.List()).Single().Meter!), Does.StartWith("Published 1, "));
        await client.Send(0, new ConnectionClose(ReplyCode.Success, "", default));
        await client.Expect<ConnectionCloseOk>(0);
        client.FinishSending();
        await Eventually.That(() => Broker.Connections.Count, Is.Zero);
        Sample();
        Assert.That((Broker.Meter[Measure.Published], Broker.Meter[Measure.Routed], Broker.Meter[Measure.Ready]), Is.EqualTo((1, 1, 1)));

        await Broker.Queues.Delete("/", "q", ifUnused: false, ifEmpty: false);
        Sample();
        Assert.That((Broker.Meter[Measure.Published], Broker.Meter[Measure.Ready]), Is.EqualTo((1, 0)));
    }

    /// <summary>Thousands may come and go between two samples.</summary>
    [Test]
    public async Task A_connection_that_is_gone_keeps_no_memory_until_its_last_sample()
    {
        var connection = await OpenAndClose();
        await Eventually.That(
            () =>
            {
                GC.Collect();
                return connection.IsAlive;
            },
            Is.False);
        Sample();
        Assert.That(Broker.Meter[Measure.Published], Is.EqualTo(1));
    }

    [Test]
    public async Task An_exchange_that_is_declared_anew_is_counted_anew()
    {
        var client = await Open("q");
        await DeclareAndPublish(client, messages: 2);
        Assert.That(Counted(Broker.MeterOf(Vhost.FindExchange("x")!)!), Is.EqualTo("Published 2"));
        await client.Send(1, new ExchangeDelete("x", IfUnused: false, NoWait: false));
        await client.Expect<ExchangeDeleteOk>(1);
        await DeclareAndPublish(client, messages: 1);
        Assert.That(Counted(Broker.MeterOf(Vhost.FindExchange("x")!)!), Is.EqualTo("Published 1"));
        Assert.That(Broker.Meter[Measure.Published], Is.EqualTo(3));
    }

    [Test]
    public async Task A_connection_that_publishes_to_more_exchanges_than_it_remembers_loses_no_count()
    {
        var node = new TestNode(new Limits { RoutesPerConnection = 2, DiskFreeBytes = 0 });
        var client = await node.Connect();
        await client.OpenChannel(1);
        foreach (var type in new[] { "direct", "fanout", "topic", "headers" })
        {
            for (var message = 0; message < 2; message++) await Publish(client, $"amq.{type}");
            node.Time.Advance(SampleClock.IntervalMs);
        }
        for (var message = 0; message < 2; message++) await Publish(client, "amq.direct");
        await client.Declare(1, "q");
        node.Time.Advance(SampleClock.IntervalMs);
        var vhost = node.Broker.Topology.Find("/")!;
        Assert.That(node.Broker.MeterOf(vhost.FindExchange("amq.direct")!)![Measure.Published], Is.EqualTo(4));
        Assert.That(node.Broker.MeterOf(vhost.FindExchange("amq.headers")!)![Measure.Published], Is.EqualTo(2));
    }

    [Test]
    public async Task When_histories_have_no_room_the_longest_idle_makes_some()
    {
        // The last one that is begun fits no more: those of the first queue, the channel, the connection and the exchange.
        var node = new TestNode(new Limits { HistoryBytes = 20_000, DiskFreeBytes = 0 });
        var client = await node.Connect();
        await client.OpenChannel(1);
        await client.Declare(1, "q1");
        await client.Declare(1, "q2");
        await client.Publish(1, "q1", "m");
        await client.ReadyCount(1, "q1");
        node.Time.Advance(SampleClock.IntervalMs);
        Assert.That(HasHistory("q1"), Is.True);
        await client.Publish(1, "q2", "m");
        await client.ReadyCount(1, "q2");
        node.Time.Advance(SampleClock.IntervalMs);
        Assert.That(HasHistory("q2"), Is.False);
        Assert.That(node.Broker.Queues.Find("/", "q2")!.Meter.Rate(Measure.Published), Is.EqualTo(0.2).Within(1e-9));
        node.Time.Advance(700_000);
        await client.Publish(1, "q2", "m");
        await client.ReadyCount(1, "q2");
        node.Time.Advance(SampleClock.IntervalMs);
        Assert.That((HasHistory("q1"), HasHistory("q2")), Is.EqualTo((false, true)));

        bool HasHistory(string queue) => node.Broker.Queues.Find("/", queue)!.Meter.HistoryBytes > 0;
    }

    private async Task<TestClient> Open(string queue)
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        await client.Declare(1, queue);
        return client;
    }

    private async Task<WeakReference> OpenAndClose()
    {
        var client = await Open("q");
        await client.Publish(1, "q", "m");
        await client.ReadyCount(1, "q");
        WeakReference? opened = null;
        Broker.Connections.Close(
            connection =>
            {
                opened = new WeakReference(connection);
                return false;
            },
            BrokerError.ForcedClosure("not at all"));
        await client.Send(0, new ConnectionClose(ReplyCode.Success, "", default));
        await client.Expect<ConnectionCloseOk>(0);
        client.FinishSending();
        await Eventually.That(() => Broker.Connections.Count, Is.Zero);
        return opened!;
    }

    private async Task DeclareAndPublish(TestClient client, int messages)
    {
        await client.Send(1, new ExchangeDeclare("x", "fanout", Passive: false, Durable: false, AutoDelete: false, Internal: false, NoWait: false, FieldTable.Empty));
        await client.Expect<ExchangeDeclareOk>(1);
        for (var message = 0; message < messages; message++) await Publish(client, "x");
        await client.ReadyCount(1, "q");
        Sample();
    }

    private static Task Publish(TestClient client, string exchange)
    {
        client.WriteMessage(1, "nowhere", "m", exchange: exchange);
        return client.Flush();
    }

    private void Sample() => _node.Time.Advance(SampleClock.IntervalMs);

    private async Task<string> CountedOfChannel() => Counted((await Broker.Connections.List()).Single().Channels.Single().Meter);

    /// <summary>What is not zero.</summary>
    private static string Counted(Meter meter) =>
        string.Join(", ", Enum.GetValues<Measure>().Where(measure => meter[measure] != 0).Select(measure => $"{measure} {meter[measure]}"));
}
