namespace Amqp.Cluster.Membership;

/// <summary>Where the etcd is that the nodes of a cluster share.</summary>
public enum ClusterMode
{
    /// <summary>Up to five nodes run a member each, as a child of the broker.</summary>
    EtcdManaged,

    /// <summary>An operator runs it; the broker is given its endpoints.</summary>
    EtcdExternal,
}
