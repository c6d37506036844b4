using System.Runtime.InteropServices;
using Amqp.Core.Messages;

namespace Amqp.Core.Queues;

/// <summary>A message as it is seen in its queue, which does not hear of it.</summary>
/// <param name="Position">Its name within the queue, also after a restart.</param>
/// <param name="Message">As its next consumer would get it; null until it was read from the store.</param>
/// <param name="State">What becomes of it.</param>
/// <param name="Redelivered">It was handed out before.</param>
/// <param name="DeliveryCount">How often it came back, where the queue counts that.</param>
/// <param name="DueAt">When a message that waits in an exchange leaves, in milliseconds since 1970 UTC; 0 for any other.</param>
public readonly record struct BrowsedMessage(long Position, Message? Message, BrowsedState State, bool Redelivered, int DeliveryCount, long DueAt);

/// <summary>What becomes of a message that is seen in a queue.</summary>
public enum BrowsedState : byte
{
    /// <summary>It is handed out when it is its turn.</summary>
    Ready,

    /// <summary>A consumer has it.</summary>
    Unacknowledged,

    /// <summary>It waits for its time.</summary>
    Delayed,
}

/// <summary>A part of a queue that is looked at: what it has from a position on, up to a number of messages and bytes.</summary>
/// <param name="from">No message below this position.</param>
/// <param name="countMax">So many messages at most; 1 or more.</param>
public sealed class BrowsedPart(long from, int countMax)
{
    /// <summary>Bytes of a part, but for its last message: a client may ask for many large ones.</summary>
    private const long BytesMax = 1_048_576;

    private readonly List<BrowsedMessage> _messages = [];
    private long _bytes;

    public long From { get; } = from;

    public int CountMax => countMax;

    /// <summary>In the order of their positions.</summary>
    public IReadOnlyList<BrowsedMessage> Messages => _messages;

    /// <summary>Where the next part begins.</summary>
    public long Next { get; internal set; } = from;

    /// <summary>Nothing was behind it.</summary>
    public bool IsLast { get; internal set; }

    internal bool IsFull => _messages.Count >= countMax || _bytes >= BytesMax;

    internal void Add(in BrowsedMessage message, int bytes)
    {
        _messages.Add(message);
        _bytes += bytes;
    }

    /// <summary>Those that are not in memory.</summary>
    internal long[] Absent() => [.. _messages.Where(message => message.Message is null).Select(message => message.Position)];

    /// <summary>They were read; those that are gone meanwhile are no part of it.</summary>
    internal void Fill(ReadOnlySpan<long> positions, ReadOnlySpan<Message?> messages)
    {
        foreach (ref var browsed in CollectionsMarshal.AsSpan(_messages))
        {
            if (browsed.Message is null && positions.BinarySearch(browsed.Position) is >= 0 and var index) browsed = browsed with { Message = messages[index] };
        }
        _messages.RemoveAll(message => message.Message is null);
    }
}
