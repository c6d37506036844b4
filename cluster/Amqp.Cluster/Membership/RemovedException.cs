namespace Amqp.Cluster.Membership;

/// <summary>The other nodes have taken this one out of their cluster. With what it has it cannot be a member again.</summary>
public sealed class RemovedException(string node) : ClusterException(
    $"Node {node} was removed from its cluster (`forget_cluster_node`): it thinks that it is clustered with the others, and they disagree. It does not go on with what it has. To let it join them again, without that: "
    + "`rabbitmqctl reset`, `rabbitmqctl join_cluster <a node of the cluster>`, `rabbitmqctl start_app`.");
