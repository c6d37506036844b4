using System.Collections.Immutable;
using System.Text.Json;
using Amqp.Core.Ports;

namespace Amqp.Core.Policies;

/// <summary>
/// Which mirrors a queue is to have in a cluster, and what they are to promise: the <c>ha-*</c> keys of its policies. On a node that is alone none has an effect.
/// </summary>
public sealed record MirrorSettings
{
    /// <summary>Milliseconds; see <see cref="MaxLagMs"/>.</summary>
    public const long MaxLagMsDefault = 5_000;

    private MirrorSettings()
    {
    }

    /// <summary>So many copies; null: as <see cref="Nodes"/> says, or, if that is empty, one on every node.</summary>
    public int? Count { get; private init; }

    /// <summary>The nodes that are to have copies (<c>ha-mode: nodes</c>).</summary>
    public ImmutableArray<string> Nodes { get; private init; } = [];

    /// <summary>If no copy in sync is left, one that is not may lead, and confirmed messages may be lost (<c>ha-promote-on-failure: always</c>).</summary>
    public bool PromotesUnsynchronised { get; private init; }

    /// <summary>The same when the leader's node is stopped in order (<c>ha-promote-on-shutdown: always</c>).</summary>
    public bool PromotesUnsynchronisedOnShutdown { get; private init; }

    /// <summary>A mirror in sync that takes nothing for so many milliseconds is in sync no more (<c>ha-max-lag-ms</c>).</summary>
    public long MaxLagMs { get; private init; } = MaxLagMsDefault;

    /// <summary>So many copies, the leader's among them, have a message before it is confirmed; if fewer are in sync, publishes are refused (<c>ha-min-in-sync</c>).
    /// 0: the majority of the copies that there are to be.</summary>
    public int MinInSync { get; private init; } = 1;

    /// <returns>Null: the queue has no mirrors.</returns>
    internal static MirrorSettings? Of(PolicyDefinition policies) => policies.Text(MirrorPolicy.Mode) is not { } mode ? null : new MirrorSettings
    {
        Count = mode == MirrorPolicy.Exactly ? (int)Math.Min(int.MaxValue, policies.Integer(MirrorPolicy.Params) ?? 1) : null,
        Nodes = mode == MirrorPolicy.Nodes ? NodesOf(policies.Find(MirrorPolicy.Params)) : [],
        PromotesUnsynchronised = policies.Text(MirrorPolicy.PromoteOnFailure) == MirrorPolicy.Always,
        PromotesUnsynchronisedOnShutdown = policies.Text(MirrorPolicy.PromoteOnShutdown) == MirrorPolicy.Always,
        MaxLagMs = policies.Integer(MirrorPolicy.MaxLagMs) ?? MaxLagMsDefault,
        MinInSync = (int)Math.Min(int.MaxValue, policies.Integer(MirrorPolicy.MinInSync) ?? 1),
    };

    /// <summary>Those of a quorum queue: so many copies, of which the majority has what is confirmed.</summary>
    internal static MirrorSettings OfQuorum(long count) => new() { Count = (int)Math.Min(int.MaxValue, count), MinInSync = 0 };

    /// <summary>The nodes that are to have the queue, the leader among them.</summary>
    /// <param name="leader">Stays one of them, unless the policy names others: then until one of those can lead.</param>
    /// <param name="present">The nodes that have it by now, or are to; as many of them stay as may.</param>
    /// <param name="members">All nodes of the cluster.</param>
    /// <param name="chance">Nodes that come in addition are those from here on, so that not all queues have the same.</param>
    public ImmutableArray<string> Replicas(string leader, ImmutableArray<string> present, ImmutableArray<ClusterNode> members, int chance)
    {
        if (!Nodes.IsEmpty)
        {
            ImmutableArray<string> named = [.. Nodes.Where(node => members.Any(member => member.Name == node)).Distinct()];
            // As in RabbitMQ: if none of those that it names is there, the queue stays where it is.
            return named.IsEmpty ? [leader] : named.Contains(leader) ? [leader, .. named.Remove(leader)] : named;
        }
        var others = present.Where(node => node != leader && members.Any(member => member.Name == node));
        var rest = members.Where(member => member.Name != leader && !present.Contains(member.Name)).ToArray();
        // Those that run can begin at once.
        var added = rest.Select((_, index) => rest[(index + chance) % rest.Length]).OrderByDescending(member => member.IsRunning).Select(member => member.Name);
        return [leader, .. others.Concat(added).Take((Count ?? int.MaxValue) - 1)];
    }

    /// <summary>How many of so many copies have a message before it is confirmed.</summary>
    public int MinInSyncOf(int replicas) => MinInSync > 0 ? MinInSync : (replicas / 2) + 1;

    private static ImmutableArray<string> NodesOf(JsonElement? list) =>
        list is { ValueKind: JsonValueKind.Array } nodes ? [.. nodes.EnumerateArray().Select(node => node.GetString()).OfType<string>()] : [];
}
