namespace Amqp.Broker;

/// <summary>Who a node says it is.</summary>
/// <param name="Name">The node's name, <c>rabbit@host</c>; clients see it as the cluster's name.</param>
/// <param name="Product">What clients see as the server's product: whose behaviour they can count on.</param>
/// <param name="ProductVersion">And as its version: numbers with dots.</param>
public sealed record NodeIdentity(string Name, string Product, string ProductVersion)
{
    /// <summary>What the cluster is called until an operator gives it a name; empty: as its first node.</summary>
    public string ClusterName { get; init; } = "";

    /// <summary>What people are told, whatever clients are.</summary>
    public const string OwnName = "Warren";

    public static string OwnVersion { get; } = typeof(NodeIdentity).Assembly.GetName().Version!.ToString(fieldCount: 3);
}
