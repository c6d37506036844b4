using Amqp.Cluster.Membership;
using Amqp.Core.Errors;
using Amqp.Host.Options;
using Amqp.Storage;
using Microsoft.Extensions.Logging;

namespace Amqp.Host;

/// <summary>What takes away all that a node keeps, while it is stopped: <c>reset</c>, <c>force_reset</c>, and <c>join_cluster</c>, which does that first.</summary>
/// <param name="controlSocket">Stays where it is, also if that is in the data directory.</param>
internal sealed partial class NodeReset(BrokerOptions options, DataDirectory directory, string controlSocket, ILoggerFactory logs)
{
    /// <summary>For the other nodes to be there and to agree.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);

    private readonly ILogger _logger = logs.CreateLogger<NodeReset>();

    /// <param name="isForced">The other nodes are not told.</param>
    /// <exception cref="ClusterRefusedException">The node cannot leave its cluster.</exception>
    /// <exception cref="StorageException">Something cannot be deleted.</exception>
    public async Task Reset(bool isForced)
    {
        if (!options.Cluster.IsNone) await WhileStopped(node => Leave(node, isForced));
        directory.Clear(Path.GetFullPath(controlSocket));
        LogReset(_logger, options.Node.Name);
    }

    /// <summary>The node leaves what it has, and joins the cluster of another node when it is started.</summary>
    /// <returns>False: it is a member of that cluster.</returns>
    /// <exception cref="ClusterRefusedException">It cannot join that cluster, or leave its own.</exception>
    /// <exception cref="StorageException">Something cannot be deleted.</exception>
    public Task<bool> Join(string other)
    {
        if (options.Cluster.IsNone)
            throw new ClusterRefusedException("This node is configured to be alone. To be in a cluster it needs Cluster:Mode=etcd-managed and the Cluster:Secret of the other nodes; start it with these, and try again.");
        return WhileStopped(async node =>
        {
            using var patience = new CancellationTokenSource(Patience);
            var found = await node.Find(other, patience.Token);
            if (node.IsIn(found)) return false;
            await Leave(node, isForced: false);
            directory.Clear(Path.GetFullPath(controlSocket));
            node.Join(found);
            LogJoins(_logger, options.Node.Name, found.Node);
            return true;
        });
    }

    /// <summary>Gives another node up, which is gone for good.</summary>
    /// <returns>Others that have to be given up, too, before this node can go on alone.</returns>
    /// <exception cref="ClusterRefusedException">That cannot be done, or need not be.</exception>
    public Task<IReadOnlyList<string>> GiveUp(string other)
    {
        if (options.Cluster.IsNone) throw new ClusterRefusedException("The node selected is not in the cluster.");
        return WhileStopped(async node =>
        {
            using var patience = new CancellationTokenSource(Patience);
            return await node.GiveUp(other, patience.Token);
        });
    }

    private static async Task<bool> Leave(StoppedNode node, bool isForced)
    {
        using var patience = new CancellationTokenSource(Patience);
        if (isForced) node.Forget();
        else await node.Leave(patience.Token);
        return true;
    }

    private async Task<T> WhileStopped<T>(Func<StoppedNode, Task<T>> work)
    {
        try
        {
            return await HostedCluster.WhileStopped(options, directory.FullPath, logs, work);
        }
        catch (OperationCanceledException exception)
        {
            throw new ClusterRefusedException(
                $"The other nodes of the cluster did not agree within {Patience.TotalSeconds} s: a majority of them has to run. If they are gone for good, this node can go on with what it has (`forget_cluster_node --offline`), or begin anew (`force_reset`); "
                + "nodes that stay have to forget it (`forget_cluster_node`).", exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} was reset: all that it kept is deleted")]
    private static partial void LogReset(ILogger logger, string node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} joins the cluster of {Other} with its next start; all that it kept is deleted")]
    private static partial void LogJoins(ILogger logger, string node, string other);
}
