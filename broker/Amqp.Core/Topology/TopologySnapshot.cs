using System.Collections.Immutable;

namespace Amqp.Core.Topology;

/// <summary>
/// Every exchange, queue and binding of the broker at one moment. Immutable: whoever holds one may look at it from any
/// thread for as long as it likes. A new one comes from <see cref="TopologyReducer"/> only.
/// </summary>
public sealed class TopologySnapshot
{
    /// <summary>The virtual host that exists from the beginning.</summary>
    public const string DefaultVhost = "/";

    /// <summary>One virtual host with the exchanges that every virtual host has.</summary>
    public static readonly TopologySnapshot Initial = new(
        version: 0, lastQueueId: 0, ImmutableDictionary<string, VirtualHost>.Empty.Add(DefaultVhost, VirtualHost.New(DefaultVhost)));

    private TopologySnapshot(long version, long lastQueueId, ImmutableDictionary<string, VirtualHost> vhosts)
    {
        Version = version;
        LastQueueId = lastQueueId;
        VirtualHosts = vhosts;
    }

    /// <summary>Grows with every change: what was computed from a topology holds as long as this is the same.</summary>
    public long Version { get; }

    /// <summary>The number of the queue created last; the next one gets one more.</summary>
    public long LastQueueId { get; }

    public ImmutableDictionary<string, VirtualHost> VirtualHosts { get; }

    public VirtualHost? Find(string vhost) => VirtualHosts.GetValueOrDefault(vhost);

    /// <summary>This topology, numbering its next queue above <paramref name="id"/>. A store calls it after loading, because
    /// numbers of queues it no longer knows must not come back.</summary>
    public TopologySnapshot NumberingQueuesAbove(long id) => new(Version, Math.Max(LastQueueId, id), VirtualHosts);

    internal TopologySnapshot With(VirtualHost vhost, long lastQueueId) =>
        new(Version + 1, lastQueueId, VirtualHosts.SetItem(vhost.Name, vhost));
}
