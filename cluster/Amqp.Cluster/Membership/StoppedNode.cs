using Amqp.Cluster.Links;
using Amqp.Cluster.Security;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>What operators do with the membership of a node while its broker is stopped: <c>reset</c>, <c>force_reset</c>, <c>join_cluster</c>.</summary>
/// <param name="certificates">Of the node; they stay the caller's.</param>
/// <param name="version">Of the broker.</param>
public sealed class StoppedNode(ClusterOptions options, ClusterCertificates certificates, string version, TimeProvider time, ILoggerFactory loggers)
{
    /// <summary>The node knows a cluster, if only one of itself alone.</summary>
    public bool IsMember => File.Exists(Path.Combine(options.Folder, MembershipFile.Name));

    /// <summary>Takes the node out of its cluster: its etcd is started for that. What it knew of the cluster is deleted.</summary>
    /// <exception cref="ClusterException">The others are not there, or cannot do without it.</exception>
    /// <exception cref="OperationCanceledException">A majority of the members did not come until then.</exception>
    public async Task Leave(CancellationToken cancellation)
    {
        if (!IsMember) return;
        if (MembershipFile.ReadOrNew(options.Folder) is { IsRegistered: false })
        {
            Forget();
            return;
        }
        try
        {
            var membership = await ClusterMembership.Start(options, certificates, new LinkOptions(), version, _ => { }, time, loggers, cancellation);
            await using (membership)
            {
                await membership.Look(cancellation);
                await membership.Leave(cancellation);
            }
        }
        catch (RemovedException)
        {
            // The others have done without it already.
            Forget();
        }
    }

    /// <summary>Deletes what the node knows of its cluster, without a word to the others: these have to forget it.</summary>
    public void Forget()
    {
        if (Directory.Exists(options.Folder)) Directory.Delete(options.Folder, recursive: true);
    }

    /// <summary>
    /// The operator gives up another member, which is gone for good, and with it so many that etcd has no majority any more. When all others that vote are given up, the next start goes on with what this node
    /// has.
    /// </summary>
    /// <returns>Those that vote and were not given up.</returns>
    /// <exception cref="ClusterException">There are members that run, or this node cannot go on without them.</exception>
    public async Task<IReadOnlyList<string>> GiveUp(string node, CancellationToken cancellation)
    {
        var file = IsMember ? MembershipFile.ReadOrNew(options.Folder) : new MembershipFile();
        if (node == options.Node || !file.IsRegistered || file.Members.All(member => member.Name != node)) throw new ClusterException("The node selected is not in the cluster.");
        if (options.Mode == ClusterMode.EtcdExternal) throw new ClusterException("The members of this cluster are in an external etcd: start this node, and forget the other one without --offline.");
        if (!file.Members.Any(member => member.Name == options.Node && member.IsVoter))
            throw new ClusterException($"Node {options.Node} runs no etcd, and so does not have what the cluster knows. Do that on a node that does.");
        var self = new LocalNode(options, await options.ResolveAddress(cancellation), certificates, new LinkOptions(), version, time);
        foreach (var member in file.Members.Where(member => member.Name != options.Node)) await RefuseIfRunning(member);
        file = file with { GivenUp = [.. file.GivenUp.Union([node])] };
        file.Write(options.Folder);
        return [.. file.VotersBut(options.Node)];

        async Task RefuseIfRunning(MemberRecord member)
        {
            try
            {
                await self.Ask(member.Links, member.Name, cancellation);
            }
            catch (IOException)
            {
                return;
            }
            throw new ClusterException($"Node {member.Name} runs. You are trying to remove a node from an offline node, and that is for the last one that is left. Start this node, and forget {node} without --offline.");
        }
    }

    /// <summary>Asks a node about its cluster.</summary>
    /// <param name="node">As <see cref="NodeAddress.Parse"/> takes it; if it is a name only, what the options say of where it is counts.</param>
    /// <exception cref="ClusterException">It is not there, is in no cluster, or is this node.</exception>
    public async Task<FoundCluster> Find(string node, CancellationToken cancellation)
    {
        var asked = NodeAddress.Parse(node);
        if (asked.Node == options.Node) throw new ClusterException($"cannot cluster node with itself: {options.Node}");
        var known = node.Contains('=', StringComparison.Ordinal) ? null : options.SeedAddresses.Concat(options.BootstrapAddresses).FirstOrDefault(each => each.Node == asked.Node);
        try
        {
            var self = new LocalNode(options, await options.ResolveAddress(cancellation), certificates, new LinkOptions(), version, time);
            var answer = await self.Ask((await (known ?? asked).Resolve(cancellation))[0], asked.Node, cancellation);
            return answer is { IsReady: true, Members.IsDefaultOrEmpty: false }
                ? new FoundCluster(answer)
                : throw new ClusterException($"Node {answer.Node} is starting, or belongs to no cluster: it needs Cluster:Mode. Try again when it runs.");
        }
        catch (IOException exception)
        {
            throw new ClusterException(
                $"Could not find any online cluster nodes. Node {node} cannot be asked: {exception.Message}. Look whether it runs; if its links have another address or port, say so: {asked.Node ?? "rabbit@host"}=10.0.0.2:25672.", exception);
        }
    }

    /// <summary>The next start joins that cluster. The node has left its own before.</summary>
    public void Join(FoundCluster cluster) => (MembershipFile.ReadOrNew(options.Folder) with { IsToJoin = true, Members = cluster.Answer.Members }).Write(options.Folder);

    /// <summary>This node is one of its members.</summary>
    public bool IsIn(FoundCluster cluster) => IsMember && cluster.Answer.Knows(options.Node, MembershipFile.ReadOrNew(options.Folder).Directory);
}

/// <summary>A cluster as a member of it has described it.</summary>
public sealed class FoundCluster
{
    internal FoundCluster(NodeAnswer answer) => Answer = answer;

    /// <summary>Whom it was asked of.</summary>
    public string Node => Answer.Node;

    internal NodeAnswer Answer { get; }
}
