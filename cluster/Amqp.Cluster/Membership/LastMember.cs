using System.Collections.Immutable;
using System.Net;
using Amqp.Cluster.Etcd;
using Amqp.Cluster.Links;
using Amqp.Cluster.Metadata;
using Amqp.Cluster.Mirroring;
using Amqp.Cluster.Security;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>
/// A node that is the last one of its cluster, and is to be alone again. The definitions are in its etcd only, which is started once more for that:
/// <code>
/// membership.json says that it is a member       refused while there are others
/// its etcd starts, and says the same             refused while there are others, or queues that were led by them
/// the definitions come into the node's own store
/// what the node knew of its cluster is deleted   a crash before that does no harm: all of it is done again
/// </code>
/// </summary>
public sealed class LastMember
{
    /// <summary>For etcd, which has no other member to wait for, to have read what it has.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly ClusterOptions _options;

    private LastMember(ClusterOptions options) => _options = options;

    /// <summary>Where the node was in its cluster.</summary>
    public IPAddress Address => _options.Address!;

    /// <summary>Its name there.</summary>
    public string Node => _options.Node;

    /// <summary>Certificates that the node made for its etcd; files of the operator are copied there, too.</summary>
    public (string Node, string Key, string Authority) CertificateFiles =>
        ClusterCertificates.FilesIn(EtcdServerOptions.CertificatesIn(_options.Folder));

    /// <summary>Looks whether the node was in a cluster. One that was to be in a cluster and never was has nothing to give back: what it knows of that is deleted.</summary>
    /// <param name="options">As they are with <c>Cluster:Mode</c> <c>none</c>. Name, address and port are those that it had in the cluster.</param>
    /// <returns>Null: it was not.</returns>
    /// <exception cref="ClusterException">There are others in it, or these have removed it; the message says what to do.</exception>
    public static LastMember? Find(ClusterOptions options)
    {
        if (!File.Exists(Path.Combine(options.Folder, MembershipFile.Name))) return null;
        var file = MembershipFile.ReadOrNew(options.Folder);
        if (!file.IsRegistered)
        {
            Directory.Delete(options.Folder, recursive: true);
            return null;
        }
        // Its definitions are not thrown away on a guess.
        if (file.Members.FirstOrDefault(member => member.Directory == file.Directory) is not { } self)
            throw new ClusterException("Cluster:Mode is none, and this node was removed from the cluster that it was in. Start it with the Cluster:Mode that it had, and let it leave what it has: `rabbitmqctl reset`.");
        RefuseOthers(file.Members, self.Name);
        var isExternal = options.Endpoints.Count > 0;
        var found = options with
        {
            Mode = isExternal ? ClusterMode.EtcdExternal : ClusterMode.EtcdManaged, Node = self.Name, Address = self.Links.Address, Port = self.Port, Seeds = [], Bootstrap = [],
        };
        if (!isExternal && !self.IsVoter)
            throw new ClusterException("Cluster:Mode is none, and the definitions of this node are in an external etcd: set Cluster:Endpoints and Cluster:Secret (or Cluster:Tls) as before for one start, in which they are taken from there.");
        return new LastMember(found);
    }

    /// <summary>Takes what the cluster had, and ends the membership.</summary>
    /// <param name="keep">Keeps the definitions; with a number that what the node keeps from now on has to be above: no position of a message was above it.</param>
    /// <exception cref="ClusterException">There are others in it, or etcd does not start; the message says what to do.</exception>
    public async Task TakeBack(Action<TopologySnapshot, long> keep, ClusterCertificates certificates, string version, TimeProvider time, ILoggerFactory loggers)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        try
        {
            var membership = await ClusterMembership.Start(_options, certificates, new LinkOptions(), version, _ => { }, time, loggers, patience.Token);
            try
            {
                await membership.Look(patience.Token);
                RefuseOthers(membership.View.Members, Node);
                if (await new DefinitionsLog(membership.Client).Load(patience.Token) is { } loaded)
                {
                    var (_, records) = await new QueueRecords(membership.Client).Load(patience.Token);
                    RefuseQueuesOfOthers(loaded.Topology, records);
                    keep(loaded.Topology.At(null), records.Select(record => (long)record.Configuration.Epoch).Append(membership.Epoch).Max());
                }
                await membership.Leave(patience.Token);
            }
            finally
            {
                await membership.DisposeAsync();
            }
        }
        catch (OperationCanceledException exception)
        {
            throw new ClusterException($"Cluster:Mode is none, and the definitions of this node are in its etcd, which has to be started once more: {exception.Message}", exception);
        }
    }

    private static void RefuseOthers(ImmutableArray<MemberRecord> members, string self)
    {
        string[] others = [.. members.Select(member => member.Name).Where(name => name != self)];
        if (others.Length == 0) return;
        throw new ClusterException(
            $"Cluster:Mode is none, and this node, {self}, is in a cluster with {string.Join(", ", others)}. Start it with the Cluster:Mode that it had. To be alone with its data it has to be the last one: "
            + $"stop the others and forget them (`rabbitmqctl forget_cluster_node {others[0]}`). To be alone without its data it has to leave them: `rabbitmqctl stop_app`, `rabbitmqctl reset`.");
    }

    private void RefuseQueuesOfOthers(TopologySnapshot topology, IEnumerable<QueueRecord> records)
    {
        var led = records.ToDictionary(record => record.Queue, record => record.Configuration.Leader.Node);
        string[] elsewhere = [.. topology.VirtualHosts.Values.SelectMany(vhost => vhost.AllQueues).Where(queue => led.TryGetValue(queue.Id, out var leader) ? leader != Node : queue.Durable && queue.Home.Node is { } home && home != Node).Select(queue => queue.Name)];
        if (elsewhere.Length == 0) return;
        throw new ClusterException(
            $"Cluster:Mode is none, and {elsewhere.Length} queues are led by a node that was forgotten ({elsewhere[0]} is one). Start this node with the Cluster:Mode that it had, wait until it leads them (`rabbitmqctl list_queues name pid`), or delete them.");
    }
}
