using System.Collections.Immutable;
using Amqp.Core.Metrics;
using Amqp.Core.Topology;

namespace Amqp.Core.Queues;

/// <summary>What the node that leads a queue says of it, for those who look at it from other nodes.</summary>
public sealed record LeaderReport
{
    public required QueueId Queue { get; init; }

    /// <summary>Of the leader; 0: the queue was never mirrored.</summary>
    public uint Epoch { get; init; }

    /// <summary>A defect of the broker met it: it serves nothing.</summary>
    public bool HasCrashed { get; init; }

    /// <summary>Without <see cref="QueueFigures.Head"/>, which stays at its node.</summary>
    public QueueFigures Figures { get; init; }

    /// <summary>Of the message that is next, as its publisher has said it.</summary>
    public ulong? HeadTimestamp { get; init; }

    public int Consumers { get; init; }

    /// <summary>Which part of the last time they could take messages, from 0 to 1.</summary>
    public double ConsumerCapacity { get; init; }

    /// <summary>The consumer that has the queue for itself.</summary>
    public ConsumerId? ExclusiveConsumer { get; init; }

    /// <summary>The only consumer that gets messages, where there is one.</summary>
    public ConsumerId? SingleActiveConsumer { get; init; }

    /// <summary>Messages that were read from the disk since the node started.</summary>
    public long MessagesRead { get; init; }

    /// <summary>Records that were given to the store since the node started.</summary>
    public long MessagesWritten { get; init; }

    /// <summary>What happens in it.</summary>
    public Reading Reading { get; init; } = Reading.Nothing;

    /// <summary>How far its mirrors are.</summary>
    public MirrorProgressList Mirrors { get; init; } = MirrorProgressList.None;
}

/// <summary>How far one mirror of a queue is, as the leader sees it.</summary>
/// <param name="IsComplete">It lacks nothing but what is on its way to it. If not, it is catching up.</param>
/// <param name="BatchesBehind">Steps of the leader that it has not confirmed yet.</param>
/// <param name="BytesBehind">Of what was sent to it and is not confirmed yet.</param>
/// <param name="MessagesTold">While it catches up: how many messages of the queue it was told of so far.</param>
public readonly record struct MirrorProgress(string Node, bool IsComplete, long BatchesBehind, long BytesBehind, long MessagesTold);

/// <summary>The mirrors of a queue. Equal to another list with the same ones.</summary>
public sealed class MirrorProgressList(ImmutableArray<MirrorProgress> items) : IEquatable<MirrorProgressList>
{
    public static readonly MirrorProgressList None = new([]);

    public ImmutableArray<MirrorProgress> Items => items;

    /// <summary>Some mirror is catching up.</summary>
    public bool IsCatchingUp => items.Any(mirror => !mirror.IsComplete);

    public bool Equals(MirrorProgressList? other) => other is not null && items.AsSpan().SequenceEqual(other.Items.AsSpan());

    public override bool Equals(object? obj) => Equals(obj as MirrorProgressList);

    public override int GetHashCode() => items.Length;
}
