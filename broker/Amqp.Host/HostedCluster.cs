using System.Net;
using System.Security.Cryptography;
using Amqp.Broker;
using Amqp.Cluster;
using Amqp.Cluster.Membership;
using Amqp.Cluster.Security;
using Amqp.Core.Errors;
using Amqp.Core.Topology;
using Amqp.Host.Options;
using Amqp.Storage;
using Amqp.Storage.Messages;
using Amqp.Storage.Metadata;
using Microsoft.Extensions.Logging;

namespace Amqp.Host;

/// <summary>The cluster that the options want the node to be in, and what the node has to show there.</summary>
internal sealed class HostedCluster : IAsyncDisposable
{
    /// <summary>Of the data directory: what the node knows of its cluster, and its etcd.</summary>
    internal const string FolderName = "etcd";

    private readonly JoinedCluster _cluster;
    private readonly ClusterCertificates _certificates;

    /// <summary>Where the other nodes reach this one.</summary>
    public IPEndPoint Listener => _cluster.Listener;

    private HostedCluster(JoinedCluster cluster, ClusterCertificates certificates) => (_cluster, _certificates) = (cluster, certificates);

    /// <summary>Brings the node to its cluster: that takes until a majority of its members is there.</summary>
    /// <param name="store">What the node had as long as it was alone.</param>
    /// <param name="failed">Told when the node cannot stay in the cluster.</param>
    /// <param name="cancellation">Ends the waiting for a majority.</param>
    /// <exception cref="RemovedException">The others have removed it.</exception>
    /// <exception cref="OptionsException">It cannot be in that cluster; the message says what to do.</exception>
    public static async Task<HostedCluster> Join(BrokerOptions options, DataDirectory directory, LocalMetadataStore store, MessageStore messages, ILoggerFactory logs, Action<Exception> failed, CancellationToken cancellation)
    {
        var folder = Path.Combine(directory.FullPath, FolderName);
        var alone = (await store.Load(_ => { }, CancellationToken.None)).Topology;
        var wanted = options.Cluster.For(options.Node.Name, folder) with { EpochAbove = (uint)store.Opening };
        CheckThatNothingIsLost(wanted, folder, alone);
        ClusterCertificates? certificates = null;
        JoinedCluster? cluster = null;
        try
        {
            wanted.Validate();
            var address = await wanted.ResolveAddress(cancellation);
            certificates = CertificatesOf(options, options.Node.Name, address);
            cluster = await JoinedCluster.Join(
                wanted with { Address = address }, certificates, NodeIdentity.OwnVersion, messages, alone, options.Cluster.QueueLeaderLocator, failed, TimeProvider.System, logs, cancellation);
            await cluster.Open(cancellation);
            return new HostedCluster(cluster, certificates);
        }
        catch (Exception exception)
        {
            if (cluster is not null) await cluster.DisposeAsync();
            certificates?.Dispose();
            if (exception is RemovedException) throw;
            if (exception is ClusterException or FileNotFoundException or CryptographicException or ArgumentException) throw new OptionsException(exception.Message);
            throw;
        }
    }

    /// <summary>What the node is made of, as a node of the cluster.</summary>
    public NodeParts Give(NodeParts parts) => parts with
    {
        Metadata = _cluster.Metadata,
        Cluster = _cluster.View,
        Operations = _cluster,
        RemoteQueues = _cluster.Queues,
        Placement = _cluster.Placement,
    };

    /// <inheritdoc cref="JoinedCluster.HasFailed"/>
    public void HasFailed() => _cluster.HasFailed();

    /// <summary>The node runs.</summary>
    public Task Serve(BrokerNode node) => _cluster.Serve(node.LocalQueues, node.Alarms, node.Usage, node.Change, node.StartedAt);

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        _certificates.Dispose();
    }

    /// <summary>Does something with the membership of a node whose broker is stopped.</summary>
    /// <exception cref="ClusterRefusedException">It cannot be done; the message says what to do.</exception>
    public static async Task<T> WhileStopped<T>(BrokerOptions options, string directory, ILoggerFactory logs, Func<StoppedNode, Task<T>> work)
    {
        var wanted = options.Cluster.For(options.Node.Name, Path.Combine(directory, FolderName));
        try
        {
            wanted.Validate();
            var address = await wanted.ResolveAddress(CancellationToken.None);
            using var certificates = CertificatesOf(options, options.Node.Name, address);
            return await work(new StoppedNode(wanted with { Address = address }, certificates, NodeIdentity.OwnVersion, TimeProvider.System, logs));
        }
        catch (Exception exception) when (exception is FileNotFoundException or CryptographicException or ArgumentException or IOException)
        {
            throw new ClusterRefusedException(exception.Message, exception);
        }
    }

    internal static ClusterCertificates CertificatesOf(BrokerOptions options, string node, System.Net.IPAddress address) => options.Cluster.Secret.Length > 0
        ? ClusterCertificates.FromSecret(options.Cluster.Secret, node, address, TimeProvider.System)
        : ClusterCertificates.FromFiles(options.Cluster.Tls.CertificateFile, options.Cluster.Tls.KeyFile, options.Cluster.Tls.AuthorityFile);

    /// <summary>A node that joins others takes their definitions, and what it has under its own would be gone.</summary>
    private static void CheckThatNothingIsLost(ClusterOptions options, string folder, TopologySnapshot alone)
    {
        if (Directory.Exists(folder) || (options.Seeds.Count == 0 && options.Bootstrap.Count <= 1)) return;
        if (alone.VirtualHosts.Values.All(vhost => !vhost.AllQueues.Any() && vhost.Exchanges.Values.All(exchange => exchange.IsPredeclared))) return;
        throw new OptionsException(
            "This node has queues or exchanges of its own, and would lose them by joining other nodes. If they are to be those of the cluster, start this node first, with neither Cluster:Seeds nor Cluster:Bootstrap, "
            + "and let the other nodes join it (Cluster:Seeds). If not, empty its data directory.");
    }
}
