using System.Collections.Immutable;
using System.Text.Json;
using Amqp.Core.Security;

namespace Amqp.Core.Topology;

/// <summary>
/// Every exchange, queue, binding, policy, user and permission of the broker at one moment. Immutable: its holder may look at it from any
/// thread for as long as it likes. A new one comes from <see cref="TopologyReducer"/> only.
/// </summary>
public sealed class TopologySnapshot
{
    /// <summary>The virtual host that exists from the beginning. Like any other it can be deleted.</summary>
    public const string DefaultVhost = "/";

    /// <summary>RabbitMQ's words, for whichever virtual host the first start makes.</summary>
    public const string DefaultVhostDescription = "Default virtual host";

    /// <summary>The global parameter that is the cluster's name, as in RabbitMQ.</summary>
    public const string ClusterNameParameter = "cluster_name";

    /// <summary>One virtual host with the exchanges that every virtual host has, and no users.</summary>
    public static readonly TopologySnapshot Initial = new(
        version: 0,
        lastQueueId: 0,
        ImmutableDictionary<string, VirtualHost>.Empty.Add(DefaultVhost, VirtualHost.New(DefaultVhost).With(new(DefaultVhostDescription, []), VhostLimits.None)),
        ImmutableDictionary<string, User>.Empty,
        ImmutableSortedDictionary.Create<string, JsonElement>(StringComparer.Ordinal));

    private TopologySnapshot(
        long version,
        long lastQueueId,
        ImmutableDictionary<string, VirtualHost> vhosts,
        ImmutableDictionary<string, User> users,
        ImmutableSortedDictionary<string, JsonElement> globalParameters)
    {
        Version = version;
        LastQueueId = lastQueueId;
        VirtualHosts = vhosts;
        Users = users;
        GlobalParameters = globalParameters;
    }

    /// <summary>Grows with every change: what was computed from a topology holds as long as this is the same.</summary>
    public long Version { get; }

    /// <summary>The number of the queue created last; the next one gets one more.</summary>
    public long LastQueueId { get; }

    public ImmutableDictionary<string, VirtualHost> VirtualHosts { get; }

    public ImmutableDictionary<string, User> Users { get; }

    /// <summary>What tools keep here, by name. To the broker only one has a meaning: <see cref="ClusterName"/>.</summary>
    public ImmutableSortedDictionary<string, JsonElement> GlobalParameters { get; }

    /// <summary>What operators call the cluster; null: no operator has given it a name.</summary>
    public string? ClusterName => GlobalParameters.TryGetValue(ClusterNameParameter, out var name) && name.ValueKind == JsonValueKind.String ? name.GetString() : null;

    public VirtualHost? Find(string vhost) => VirtualHosts.GetValueOrDefault(vhost);

    public User? FindUser(string name) => Users.GetValueOrDefault(name);

    /// <summary>This topology, numbering its next queue above <paramref name="id"/>. A store calls it after loading, because
    /// numbers of queues it no longer knows must not come back.</summary>
    public TopologySnapshot NumberingQueuesAbove(long id) => new(Version, Math.Max(LastQueueId, id), VirtualHosts, Users, GlobalParameters);

    /// <summary>This topology with the queues and exchanges of a virtual host, or of all, under the policies that it has. After changes that were
    /// only repeated, and not made by a command.</summary>
    public TopologySnapshot UnderPolicies(string? vhost = null)
    {
        var vhosts = vhost is null ? VirtualHosts.Values : Find(vhost) is { } found ? [found] : [];
        return vhosts.Aggregate(this, (topology, each) => topology.With(each.UnderPolicies()));
    }

    /// <summary>This topology with all queues on that node: it was alone, and begins a cluster. Null: it is alone again.</summary>
    public TopologySnapshot At(string? node) => VirtualHosts.Values.Aggregate(this, (topology, vhost) => topology.With(vhost.At(new QueueHome(node, Epoch: 0))));

    /// <summary>Everything that is there, as the changes that make it out of the <see cref="Initial"/> topology: what bindings lead to and whom
    /// permissions are given to comes before them.</summary>
    public IEnumerable<TopologyChange> AsChanges()
    {
        foreach (var user in Users.Values) yield return new UserChanged(user);
        foreach (var (name, value) in GlobalParameters) yield return new GlobalParameterChanged(name, value);
        foreach (var initial in Initial.VirtualHosts.Values)
        {
            if (Find(initial.Name) is null) yield return new VhostRemoved(initial);
        }
        foreach (var change in VirtualHosts.Values.SelectMany(vhost => vhost.AsChanges())) yield return change;
    }

    internal TopologySnapshot With(VirtualHost vhost) => With(vhost, LastQueueId);

    internal TopologySnapshot With(VirtualHost vhost, long lastQueueId) =>
        new(Version + 1, lastQueueId, VirtualHosts.SetItem(vhost.Name, vhost), Users, GlobalParameters);

    internal TopologySnapshot WithoutVhost(string name) => new(Version + 1, LastQueueId, VirtualHosts.Remove(name), Users, GlobalParameters);

    internal TopologySnapshot With(User user) => new(Version + 1, LastQueueId, VirtualHosts, Users.SetItem(user.Name, user), GlobalParameters);

    internal TopologySnapshot WithoutUser(string name)
    {
        var vhosts = VirtualHosts;
        foreach (var vhost in VirtualHosts.Values) vhosts = vhosts.SetItem(vhost.Name, vhost.WithoutUser(name));
        return new(Version + 1, LastQueueId, vhosts, Users.Remove(name), GlobalParameters);
    }

    internal TopologySnapshot WithGlobalParameter(string name, JsonElement? value) => new(
        Version + 1, LastQueueId, VirtualHosts, Users, value is { } set ? GlobalParameters.SetItem(name, set) : GlobalParameters.Remove(name));
}
