using System.Collections.Concurrent;
using System.Net;
using Amqp.Cluster.Security;

namespace Amqp.Cluster.Tests.Links;

/// <summary>The authority of a cluster, which gives nodes their certificates: once each, since that takes a while.</summary>
internal sealed class TestAuthority(string secret = "a secret of the tests")
{
    private static readonly ConcurrentDictionary<(string Secret, string Node), ClusterCertificates> Made = new();

    public ClusterCertificates Of(string node) => Made.GetOrAdd((secret, node), key => ClusterCertificates.FromSecret(key.Secret, key.Node, IPAddress.Loopback, TimeProvider.System));
}
