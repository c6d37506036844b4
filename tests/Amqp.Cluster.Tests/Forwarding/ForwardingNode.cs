using System.Collections.Immutable;
using System.Net;
using Amqp.Broker;
using Amqp.Broker.Security;
using Amqp.Broker.Tests.Nodes;
using Amqp.Cluster.Forwarding;
using Amqp.Cluster.Links;
using Amqp.Cluster.Tests.Links;
using Amqp.Core;
using Amqp.Core.Ports;
using Amqp.Core.Topology;
using Amqp.Testing;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Tests.Forwarding;

/// <summary>A broker of a cluster in one process: real links, real queues, no disk.</summary>
internal sealed class ForwardingNode : IClusterView, IAsyncDisposable
{
    private readonly LinkListener _listener;
    private bool _isDisposed;

    private ForwardingNode(string name, uint epoch, TestAuthority authority, ForwardingOptions options)
    {
        Self = name;
        Epoch = epoch;
        Nodes = [new ClusterNode(name, IsRunning: true, epoch)];
        Forwarder = new Forwarder(this, options, TimeProvider.System, Logs.CreateLogger<Forwarder>());
        Links = new NodeLinks(name, epoch, authority.Of(name), new LinkOptions(), Forwarder, TimeProvider.System, new RecordedLogs().CreateLogger<NodeLinks>());
        Forwarder.Connect(Links);
        _listener = LinkListener.Start(new IPEndPoint(IPAddress.Loopback, 0), Links);
    }

    public string Self { get; }

    public uint Epoch { get; }

    /// <summary>Where queues declared here go.</summary>
    public string Locator { get; set; } = QueuePlacement.ClientLocal;

    public ImmutableArray<ClusterNode> Nodes { get; set; }

    public Forwarder Forwarder { get; }

    public NodeLinks Links { get; }

    public RecordedLogs Logs { get; } = new();

    public MemoryMessageStore Messages { get; } = new();

    public BrokerNode Broker { get; private set; } = null!;

    public IPEndPoint Address => _listener.Address;

    public static async Task<ForwardingNode> Start(string name, uint epoch, TestAuthority authority, SharedDefinitions definitions, ForwardingOptions? options = null, Limits? limits = null)
    {
        var node = new ForwardingNode(name, epoch, authority, options ?? new ForwardingOptions());
        node.Broker = await BrokerNode.Start(new NodeParts(
            new NodeIdentity(name, "Test", "1.0.0"),
            limits ?? new Limits { DiskFreeBytes = 0 },
            definitions.NewStore(),
            node.Messages,
            new LoginRules(new HashSet<string> { "guest" }, new HashSet<string> { "PLAIN" }),
            new ManualResources(),
            TimeProvider.System,
            node.Logs)
        {
            Cluster = node,
            RemoteQueues = new PlainQueues(node.Forwarder.Remote),
            Placement = () => new QueuePlacement(new ClusterNode(name, IsRunning: true, epoch), node.Nodes, node.Locator, 0),
        });
        node.Forwarder.Served.Connect(node.Broker.LocalQueues, node.Messages);
        return node;
    }

    /// <summary>A client whose connection and channel 1 are open.</summary>
    public async Task<TestClient> Connect()
    {
        var client = new TestClient(Broker);
        await client.Handshake();
        await client.OpenChannel(1);
        return client;
    }

    public QueueDefinition? Definition(string queue) => Broker.Topology.Find("/")!.FindQueue(queue);

    /// <summary>A queue of another node, as users here reach it.</summary>
    public async Task<IQueueEndpoint> Find(string queue)
    {
        await Eventually.True(() => Definition(queue) is not null);
        return Forwarder.Remote.Open(Definition(queue)!)!;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        Forwarder.Dispose();
        await Links.DisposeAsync();
        await _listener.DisposeAsync();
    }
}
