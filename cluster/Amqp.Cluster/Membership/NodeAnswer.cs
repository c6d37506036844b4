using System.Collections.Immutable;
using System.Text.Json;

namespace Amqp.Cluster.Membership;

/// <summary>What a node says of itself to any node that asks, member or not.</summary>
/// <param name="Epoch">Of its start; 0: it is starting.</param>
/// <param name="Directory">Of its data.</param>
/// <param name="Address">Where it believes that others reach it.</param>
/// <param name="Bootstrap">Token of the cluster that it is to begin with others; empty: it is not.</param>
/// <param name="Token">Of the cluster that it belongs to; empty: it does not belong to one yet.</param>
/// <param name="IsReady">Its etcd answers, so a node can join through it.</param>
/// <param name="IsOpen">It counts as running, or did until etcd lost its lease.</param>
/// <param name="Members">All members, as far as it knows.</param>
internal sealed record NodeAnswer(
    string Node, uint Epoch, Guid Directory, string Address, int Port, string Bootstrap, string Token, bool IsReady, bool IsOpen, ImmutableArray<MemberRecord> Members)
{
    /// <summary>What is asked. There is one question so far.</summary>
    public static readonly byte[] Question = "who"u8.ToArray();

    /// <summary>It counts a node with this directory among the members.</summary>
    public bool Knows(string node, Guid directory) => !Members.IsDefault && Members.Any(member => member.Name == node && member.Directory == directory);

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this);
}
