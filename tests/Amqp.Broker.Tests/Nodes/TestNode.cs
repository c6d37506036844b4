using Amqp.Broker.Security;
using Amqp.Core;
using Amqp.Core.Ports;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Tests.Nodes;

/// <summary>A broker in this process, without sockets and files.</summary>
internal sealed class TestNode
{
    public TestNode(Limits? limits = null, TimeProvider? time = null, IRemoteQueues? remoteQueues = null)
    {
        Limits = limits ?? new Limits { DiskFreeBytes = 0 }; // no timer but those of connections and queues
        var started = BrokerNode.Start(new NodeParts(
            new NodeIdentity("rabbit@test", "Test", "1.0.0"),
            Limits,
            Store,
            Messages,
            new LoginRules(new HashSet<string> { "guest" }, new HashSet<string> { "PLAIN" }),
            Resources,
            time ?? Time,
            Logs)
        {
            RemoteQueues = remoteQueues ?? new NodeAlone("rabbit@test"),
        });
        Assert.That(started.IsCompletedSuccessfully, Is.True, "these stores do not wait");
#pragma warning disable VSTHRD002 // It is complete.
        Broker = started.Result;
#pragma warning restore VSTHRD002
    }

    public Limits Limits { get; }

    public BrokerNode Broker { get; }

    public ManualTime Time { get; } = new();

    public ManualResources Resources { get; } = new();

    public MemoryStore Store { get; } = new();

    public MemoryMessageStore Messages { get; } = new();

    public RecordedLogs Logs { get; } = new();

    /// <summary>A client whose connection is open.</summary>
    public async Task<TestClient> Connect(ushort heartbeatSeconds = 0)
    {
        var client = Dial();
        await client.Handshake(heartbeatSeconds);
        return client;
    }

    /// <summary>A client that has not said anything yet.</summary>
    public TestClient Dial(string address = "127.0.0.1") => new(Broker, address);
}
