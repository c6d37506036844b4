using Amqp.Cluster.Etcd;
using Amqp.Cluster.Metadata;
using Amqp.Core.Ports;
using Amqp.Core.Tests.Ports;
using Amqp.Core.Tests.Topology;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Cluster.Tests.Metadata;

/// <summary>One etcd for all of it; each test has a prefix of its own.</summary>
public sealed class EtcdMetadataStoreConformance : MetadataStoreConformance
{
    private static EtcdServers _servers = null!;
    private static int _prefixes;

    private readonly EtcdClient _client = new(new EtcdOptions { Endpoints = _servers.Endpoints, Prefix = $"/{Interlocked.Increment(ref _prefixes)}/" }, TimeProvider.System);
    private EtcdMetadataStore? _store;

    [OneTimeSetUp]
    public static async Task StartServers() => _servers = await EtcdServers.Start();

    [OneTimeTearDown]
    public static async Task StopServers()
    {
        if (_servers is not null) await _servers.DisposeAsync();
    }

    [TearDown]
    public async Task Stop()
    {
        if (_store is not null) await _store.DisposeAsync();
        _client.Dispose();
    }

    /// <summary>Other nodes have to know of what is transient, too.</summary>
    protected override string Kept(TopologySnapshot topology) => TopologyText.Of(topology);

    protected override async Task<IMetadataStore> Start()
    {
        if (_store is not null) await _store.DisposeAsync();
        return _store = new EtcdMetadataStore(_client, TopologySnapshot.Initial, NullLogger<EtcdMetadataStore>.Instance, failure => Assert.Fail($"{failure}"))
        {
            LogBytesMax = 10_000,
            SnapshotEveryMs = 0,
        };
    }
}
