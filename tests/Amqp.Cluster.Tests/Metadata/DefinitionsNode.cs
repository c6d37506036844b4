using System.Collections.Immutable;
using AMQP.Net;
using Amqp.Broker.Topology;
using Amqp.Cluster.Etcd;
using Amqp.Cluster.Metadata;
using Amqp.Core.Errors;
using Amqp.Core.Topology;
using Amqp.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Cluster.Tests.Metadata;

/// <summary>What a node has of a cluster's definitions: the topology service on the store in etcd.</summary>
internal sealed class DefinitionsNode : IAsyncDisposable
{
    private readonly EtcdClient _client;
    private readonly EtcdMetadataStore _store;
    private readonly TopologyService _topology;

    private DefinitionsNode(EtcdClient client, bool begins, long logBytesMax)
    {
        _client = client;
        _store = new EtcdMetadataStore(client, begins ? TopologySnapshot.Initial : null, NullLogger<EtcdMetadataStore>.Instance, failure => Failure = failure)
        {
            LogBytesMax = logBytesMax,
            SnapshotEveryMs = 0,
        };
        _topology = new TopologyService(_store, _ => { }, NullLogger<TopologyService>.Instance);
    }

    /// <summary>Why it cannot go on.</summary>
    public Exception? Failure { get; private set; }

    public TopologySnapshot Topology => _topology.Current;

    public uint Epoch { get; private set; }

    public ImmutableDictionary<string, QueueDefinition> Queues => Topology.Find("/")!.Queues;

    /// <param name="begins">It makes the cluster, if there is none.</param>
    public static async Task<DefinitionsNode> Start(EtcdServers servers, int first = 0, bool begins = true, int commitMs = 30_000, long logBytesMax = 20_000)
    {
        var node = new DefinitionsNode(servers.NewClient(first, commitMs), begins, logBytesMax);
        using var patience = new CancellationTokenSource(Patience.Start);
        await node._topology.Start(stored => node.Epoch = stored.Epoch, patience.Token);
        return node;
    }

    public Task<TopologyResult> Declare(string queue, bool durable = true) => Do(new DeclareQueue("/", queue, durable, false, false, FieldTable.Empty, null));

    public Task<TopologyResult> Do(TopologyCommand command)
    {
        var done = new TaskCompletionSource<TopologyResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        _topology.Propose(command, done.SetResult);
        return done.Task.WaitAsync(TimeSpan.FromMinutes(1));
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        _client.Dispose();
    }
}
