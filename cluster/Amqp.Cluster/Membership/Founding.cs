using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>
/// Nodes that begin a cluster together hear from all of the others first. So a node that has lost its disk, and finds its name among them, is not taken for the one
/// that it was: etcd would give it the same membership, and what it had promised before would be forgotten.
/// </summary>
internal sealed class Founding(LocalNode self, LocalState state, ILogger logger)
{
    private static readonly TimeSpan PauseBetweenTries = TimeSpan.FromMilliseconds(200);

    /// <summary>Of the cluster that these nodes begin: the same on each of them.</summary>
    public static string TokenOf(IEnumerable<NodeAddress> together) =>
        Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(' ', together.Select(each => each.Node).Order(StringComparer.Ordinal)))), 0, 8);

    /// <summary>Waits until all others have answered.</summary>
    /// <returns>All that begin the cluster, this one among them; null: there is a cluster already, and this node is to join it.</returns>
    /// <exception cref="ClusterException">They belong to different clusters.</exception>
    public async Task<ImmutableArray<MemberRecord>?> Gather(IReadOnlyList<NodeAddress> together, CancellationToken cancellation)
    {
        var (token, waiting) = (TokenOf(together), new Waiting(self.Time, logger));
        var found = new SortedDictionary<string, MemberRecord>(StringComparer.Ordinal) { [self.Name] = self.Record(state.File.Directory, isVoter: true) };
        var clusters = new Dictionary<string, string>();
        while (true)
        {
            var missing = new List<string>();
            foreach (var other in together.Where(other => !found.ContainsKey(other.Node!)))
            {
                try
                {
                    var (address, answer) = await Ask(other, cancellation);
                    // It has a cluster, and does not wait for this node, or waits for the one that had another disk.
                    if (answer.Token.Length > 0 && !(answer.Token == token && answer.Knows(self.Name, state.File.Directory))) clusters[answer.Token] = other.Node!;
                    else if (WhatDiffers(answer, address, token) is { } difference) missing.Add($"{other.Node} {difference}");
                    else found[answer.Node] = new MemberRecord(answer.Node, answer.Address, answer.Port, answer.Directory, IsVoter: true, Version: "");
                }
                catch (IOException exception)
                {
                    missing.Add($"{other} ({exception.Message})");
                }
            }
            if (clusters.Count > 1) throw new ClusterException($"The nodes in Cluster:Bootstrap belong to different clusters already: {string.Join(", ", clusters.Values)}. Reset those that are not to keep what they have, and start them again.");
            if (clusters.Count == 1) return null;
            if (found.Count == together.Count) return [.. found.Values];
            waiting.Tell($"all nodes of Cluster:Bootstrap have to be there to begin the cluster, and these are missing: {string.Join("; ", missing)}");
            await Task.Delay(PauseBetweenTries, self.Time, cancellation);
        }
    }

    private async Task<(IPEndPoint Address, NodeAnswer Answer)> Ask(NodeAddress other, CancellationToken cancellation)
    {
        var address = (await other.Resolve(cancellation))[0];
        return (address, await self.Ask(address, other.Node, cancellation));
    }

    /// <returns>Null: both nodes are to begin the same cluster.</returns>
    private static string? WhatDiffers(NodeAnswer answer, IPEndPoint address, string token)
    {
        if (answer.Token.Length == 0 && answer.Bootstrap != token) return "has another Cluster:Bootstrap than this node: it has to be the same on all of them";
        // etcd compares the addresses of the members that begin together.
        return answer.Address == address.Address.ToString() && answer.Port == address.Port
            ? null
            : $"has {answer.Address}:{answer.Port} for its Cluster:Address and Cluster:Port, and is at {address} for this node: write its address into Cluster:Bootstrap on all nodes ({answer.Node}={answer.Address}:{answer.Port})";
    }
}
