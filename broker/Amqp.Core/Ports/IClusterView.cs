using System.Collections.Immutable;

namespace Amqp.Core.Ports;

/// <summary>The nodes of the cluster as this one sees them at this moment; from any thread. A node alone sees itself.</summary>
public interface IClusterView
{
    /// <summary>The name of this node.</summary>
    string Self { get; }

    /// <summary>All members, this one among them, in the order of their names. The array is another one whenever one comes, goes, starts or ends.</summary>
    ImmutableArray<ClusterNode> Nodes { get; }
}

/// <summary>A member of the cluster.</summary>
/// <param name="IsRunning">It runs, as far as this node knows.</param>
/// <param name="Epoch">Of its start (<see cref="StoredTopology"/>); 0: it does not run.</param>
public readonly record struct ClusterNode(string Name, bool IsRunning, uint Epoch);
