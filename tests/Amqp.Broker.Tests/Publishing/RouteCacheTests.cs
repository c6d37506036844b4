using AMQP.Net;
using Amqp.Broker.Tests.Nodes;

namespace Amqp.Broker.Tests.Publishing;

/// <summary>Routes are remembered over changes of the topology, and followed only as long as they lead where a message has to go.</summary>
internal sealed class RouteCacheTests
{
    private readonly TestNode _node = new();
    private TestClient _client = null!;

    [SetUp]
    public async Task Open()
    {
        _client = await _node.Connect();
        await _client.OpenChannel(1);
        await _client.Declare(1, "q");
        await _client.Declare(1, "other");
    }

    [Test]
    public async Task A_queue_that_is_deleted_and_declared_again_is_another_one()
    {
        await ExpectRoutedTo("q", exchange: "");
        await _client.Send(1, new QueueDelete("q", IfUnused: false, IfEmpty: false, NoWait: false));
        await _client.Expect<QueueDeleteOk>(1);
        await ExpectReturned("q", exchange: "");
        await _client.Declare(1, "q");
        await ExpectRoutedTo("q", exchange: "");
    }

    [Test]
    public async Task A_binding_that_comes_or_goes_is_followed()
    {
        await ExpectReturned("k", exchange: "amq.topic");
        await Bind("q", "amq.topic", "k");
        await ExpectRoutedTo("q", exchange: "amq.topic", "k");
        await Bind("other", "amq.topic", "#");
        await ExpectRoutedTo("q", exchange: "amq.topic", "k");
        Assert.That(await _client.ReadyCount(1, "other"), Is.EqualTo(2));
        await _client.Send(1, new QueueUnbind("q", "amq.topic", "k", FieldTable.Empty));
        await _client.Expect<QueueUnbindOk>(1);
        Publish("k", exchange: "amq.topic");
        Assert.That((await _client.ReadyCount(1, "q"), await _client.ReadyCount(1, "other")), Is.EqualTo((0, 3)));
    }

    [Test]
    public async Task A_binding_behind_another_exchange_is_followed()
    {
        await Declare("inner");
        await _client.Send(1, new ExchangeBind("inner", "amq.direct", "k", NoWait: false, FieldTable.Empty));
        await _client.Expect<ExchangeBindOk>(1);
        await ExpectReturned("k", exchange: "amq.direct");
        await Bind("q", "inner", "k");
        await ExpectRoutedTo("q", exchange: "amq.direct", "k");
        await _client.Send(1, new ExchangeDelete("inner", IfUnused: false, NoWait: false));
        await _client.Expect<ExchangeDeleteOk>(1);
        await ExpectReturned("k", exchange: "amq.direct");
    }

    [Test]
    public async Task An_alternate_exchange_that_comes_later_is_found()
    {
        await Declare("outer", ("alternate-exchange", FieldValue.From("later")));
        await ExpectReturned("k", exchange: "outer");
        await Declare("later");
        await ExpectReturned("k", exchange: "outer");
        await Bind("q", "later", "k");
        await ExpectRoutedTo("q", exchange: "outer", "k");
    }

    [Test]
    public async Task Permissions_that_change_are_followed()
    {
        await ExpectRoutedTo("q", exchange: "");
        await _node.Broker.Change(new Core.Topology.SetPermissions("/", "guest", new(new(".*"), new("nothing"), new(".*"))));
        Publish("q", exchange: "");
        await _client.Flush();
        Assert.That((await _client.Expect<ChannelClose>(1)).ReplyCode, Is.EqualTo(ReplyCode.AccessRefused));
    }

    /// <summary>Twice, as the second time the route is known; with a change of something else in between.</summary>
    private async Task ExpectRoutedTo(string queue, string exchange, string? routingKey = null)
    {
        var before = await _client.ReadyCount(1, queue);
        for (var time = 1u; time <= 2; time++)
        {
            Publish(routingKey ?? queue, exchange);
            Assert.That(await _client.ReadyCount(1, queue), Is.EqualTo(before + time));
            await _client.Declare(1, $"unrelated {time}");
        }
        await _client.Send(1, new QueuePurge(queue, NoWait: false));
        await _client.Expect<QueuePurgeOk>(1);
    }

    private async Task ExpectReturned(string routingKey, string exchange)
    {
        Publish(routingKey, exchange);
        await _client.Flush();
        await _client.Expect<BasicReturn>(1);
        await _client.ReadBody();
    }

    private void Publish(string routingKey, string exchange) => _client.WriteMessage(1, routingKey, "m", mandatory: true, exchange: exchange);

    private async Task Declare(string exchange, params (string, FieldValue)[] arguments)
    {
        await _client.Send(1, new ExchangeDeclare(exchange, "direct", false, false, false, false, NoWait: false, FieldTable.From(arguments)));
        await _client.Expect<ExchangeDeclareOk>(1);
    }

    private async Task Bind(string queue, string exchange, string routingKey)
    {
        await _client.Send(1, new QueueBind(queue, exchange, routingKey, NoWait: false, FieldTable.Empty));
        await _client.Expect<QueueBindOk>(1);
    }
}
