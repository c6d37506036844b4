using System.Security.Cryptography;
using Amqp.Broker;
using Amqp.Cluster.Membership;
using Amqp.Cluster.Security;
using Amqp.Core.Errors;
using Amqp.Host.Options;
using Amqp.Storage;
using Amqp.Storage.Metadata;
using Microsoft.Extensions.Logging;

namespace Amqp.Host;

/// <summary>The cluster that a node was in which is to be alone from now on: <c>Cluster:Mode</c> is <c>none</c> again.</summary>
internal static partial class EndedCluster
{
    /// <summary>If there was one, its definitions become the node's own. Messages are where they were.</summary>
    /// <exception cref="OptionsException">The node cannot be alone with what it has; the message says what to do.</exception>
    /// <exception cref="StorageException">The data directory cannot be used.</exception>
    public static async Task TakeBack(BrokerOptions options, DataDirectory directory, ILoggerFactory logs)
    {
        try
        {
            if (LastMember.Find(options.Cluster.For(options.Node.Name, Path.Combine(directory.FullPath, HostedCluster.FolderName))) is not { } last) return;
            using var certificates = CertificatesOf(options, last);
            await last.TakeBack((topology, above) => LocalMetadataStore.Replace(directory, topology, above), certificates, NodeIdentity.OwnVersion, TimeProvider.System, logs);
            LogAlone(logs.CreateLogger(typeof(EndedCluster)), last.Node);
        }
        catch (Exception exception) when (exception is ClusterRefusedException or FileNotFoundException or CryptographicException or ArgumentException)
        {
            throw new OptionsException(exception.Message);
        }
    }

    private static ClusterCertificates CertificatesOf(BrokerOptions options, LastMember last)
    {
        var isSet = options.Cluster.Secret.Length > 0 || options.Cluster.Tls.CertificateFile.Length > 0;
        if (isSet) return HostedCluster.CertificatesOf(options, last.Node, last.Address);
        var (node, key, authority) = last.CertificateFiles;
        return ClusterCertificates.FromFiles(node, key, authority);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} is alone again: what its cluster had of definitions is its own now")]
    private static partial void LogAlone(ILogger logger, string node);
}
