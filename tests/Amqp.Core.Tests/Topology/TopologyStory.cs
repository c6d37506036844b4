using AMQP.Net;
using Amqp.Core.Errors;
using Amqp.Core.Routing;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Topology;

/// <summary>A topology that a test changes step by step. Steps that must succeed fail the test if they do not.</summary>
internal sealed class TopologyStory
{
    public const string Vhost = "/";

    public static readonly ConnectionId Alice = new("n", 1, 1);
    public static readonly ConnectionId Bob = new("n", 1, 2);

    private readonly RouteResult _routes = new();

    public TopologySnapshot Topology { get; private set; } = TopologySnapshot.Initial;

    public VirtualHost Here => Topology.Find(Vhost)!;

    public RouteResult Routes => _routes;

    public TopologyResult Apply(TopologyCommand command)
    {
        var result = TopologyReducer.Apply(Topology, command);
        Topology = result.Topology;
        return result;
    }

    public TopologyStory Exchange(
        string name, string type = "direct", bool durable = true, bool autoDelete = false, bool isInternal = false, FieldTable? arguments = null)
    {
        Succeed(new DeclareExchange(Vhost, name, type, durable, autoDelete, isInternal, arguments ?? FieldTable.Empty));
        return this;
    }

    public TopologyStory Queue(
        string name, bool durable = true, bool autoDelete = false, ConnectionId? owner = null, FieldTable? arguments = null)
    {
        Succeed(new DeclareQueue(Vhost, name, durable, autoDelete, owner is not null, arguments ?? FieldTable.Empty, owner ?? Alice));
        return this;
    }

    public TopologyStory Bind(string source, string queue, string key = "", FieldTable? arguments = null)
    {
        Succeed(new Bind(Vhost, Binding(source, queue, key, arguments), Alice));
        return this;
    }

    public TopologyStory BindExchange(string source, string destination, string key = "", FieldTable? arguments = null)
    {
        Succeed(new Bind(Vhost, new(source, Destination.Exchange(destination), key, arguments ?? FieldTable.Empty), Alice));
        return this;
    }

    public TopologyStory Unbind(string source, string queue, string key = "", FieldTable? arguments = null)
    {
        Succeed(new Unbind(Vhost, Binding(source, queue, key, arguments), Alice));
        return this;
    }

    public TopologyStory DeleteQueue(string name)
    {
        Succeed(new DeleteQueue(Vhost, name, Here.Queues[name].Id, Alice));
        return this;
    }

    public TopologyStory DeleteExchange(string name, bool ifUnused = false)
    {
        Succeed(new DeleteExchange(Vhost, name, ifUnused));
        return this;
    }

    public BrokerError? Error(TopologyCommand command)
    {
        var before = Topology;
        var result = Apply(command);
        if (result.Error is not null) Assert.That(Topology, Is.SameAs(before), "a refused command changed something");
        return result.Error;
    }

    /// <summary>The names of the queues that a message reaches, in alphabetical order with blanks between.</summary>
    public string Route(string exchange, string key, FieldTable? headers = null)
    {
        Assert.That(RouteResolver.Resolve(Here, Here.Exchanges[exchange], key, default, headers, _routes), Is.Null);
        return string.Join(' ', _routes.Queues.Select(queue => queue.Name).Order(StringComparer.Ordinal));
    }

    public static Binding Binding(string source, string queue, string key = "", FieldTable? arguments = null) =>
        new(source, Destination.Queue(queue), key, arguments ?? FieldTable.Empty);

    private void Succeed(TopologyCommand command) => Assert.That(Apply(command).Error, Is.Null, command.ToString());
}
