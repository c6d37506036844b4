using System.Collections.Immutable;

namespace Amqp.Replication;

/// <summary>
/// Who has a mirrored queue, as the metadata store has it: one record a queue, changed by compare-and-swap only. The leader changes the set of those in
/// sync within its epoch; the controller, or a leader that hands over, begins the next epoch.
/// </summary>
public sealed record QueueConfiguration
{
    /// <summary>Of the record in the store: grows with each change. 0: proposed, and not stored yet.</summary>
    public required long Revision { get; init; }

    /// <summary>Grows with each leader. Positions of messages that arrive begin with it.</summary>
    public required uint Epoch { get; init; }

    /// <summary>The one that takes publishes and hands out messages. It is in <see cref="InSync"/>.</summary>
    public required Member Leader { get; init; }

    /// <summary>Nodes that are to have the queue, by the policy; the first ones rather lead.</summary>
    public required ImmutableArray<string> Replicas { get; init; }

    /// <summary>Those that have every confirmed message that no consumer has acknowledged. Only one of these may lead.</summary>
    public required ImmutableArray<Member> InSync { get; init; }

    /// <summary>So many of them at least have a message before it is confirmed (<c>ha-min-in-sync</c>).</summary>
    public int MinInSync { get; init; } = 1;

    /// <summary>Up to where the messages of earlier epochs were known to the leaders that followed, ascending. What lies below one that is not among the messages
    /// any more was settled; what lies above was never known to a leader. Epochs up to the first one were known wholly.</summary>
    public ImmutableArray<EpochEnd> Ends { get; init; } = [];

    /// <summary>By which its author knows it again, when the answer of the store was lost.</summary>
    public ProposalId Proposal { get; init; }

    /// <summary>Enough of them are in sync to confirm anything.</summary>
    public bool HasEnough => InSync.Length >= MinInSync;

    /// <summary>A copy that is in sync: this one, or what it was before its node was started again.</summary>
    public bool IsInSync(Member member) => InSync.Any(member.IsSameCopy);

    /// <summary>The node is to have a copy, or has one that still counts. If not, it may forget the queue; but only if this is what the store has now, and not what a watch
    /// tells, which may be late.</summary>
    public bool Concerns(string node) => Replicas.Contains(node) || InSync.Any(member => member.Node == node);

    public override string ToString() => $"revision {Revision}, epoch {Epoch}, leader {Leader}, in sync {string.Join(' ', InSync)} of {string.Join(' ', Replicas)}";
}

/// <summary>Above the position of every message of an epoch that the next leader knew.</summary>
public readonly record struct EpochEnd(uint Epoch, long End);

/// <param name="Boot">Of the author (<see cref="Member.Boot"/>).</param>
/// <param name="Number">Of its proposals for this queue.</param>
public readonly record struct ProposalId(long Boot, long Number);
