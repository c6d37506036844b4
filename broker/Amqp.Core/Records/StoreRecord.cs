using Amqp.Core.Messages;
using Amqp.Core.Topology;

namespace Amqp.Core.Records;

/// <summary>
/// One line of what happened in a queue, on its way to the store: the same is written, given to mirrors and replayed. A
/// struct, so that a message on its way costs no object here.
/// </summary>
public readonly record struct StoreRecord
{
    /// <summary><see cref="RecordType.Enqueue"/>, <see cref="RecordType.Page"/>, <see cref="RecordType.Change"/>, <see cref="RecordType.Settle"/> or
    /// <see cref="RecordType.Delivered"/>.</summary>
    public required RecordType Type { get; init; }

    public required QueueId Queue { get; init; }

    /// <summary>The message's position in its queue, or the first of several.</summary>
    public required long Position { get; init; }

    /// <summary>How many messages with positions in a row a Settle or Delivered is about.</summary>
    public long Count { get; init; }

    /// <summary>The message that enters; null for one that is there.</summary>
    public Message? Message { get; init; }

    /// <summary>Of an Enqueue: this node may have had a message at that position before, and settled it. Said without need it costs the store some sixty bytes of memory for as long as the
    /// message is there; not said where it is so, what the store has of the earlier one would take this one away. A mirror knows; it is never sent to other nodes.</summary>
    public bool MayHaveBeenHere { get; init; }

    /// <summary>Of a message that enters or changes.</summary>
    public MessageAttributes Attributes { get; init; }

    public static StoreRecord Enqueue(QueueId queue, long position, Message message, long expiresAt, byte priority = 0, int deliveryCount = 0) => new()
    {
        Type = RecordType.Enqueue,
        Queue = queue,
        Position = position,
        Message = message,
        Attributes = new(expiresAt, priority, deliveryCount),
    };

    public static StoreRecord Page(QueueId queue, long position, Message message) =>
        new() { Type = RecordType.Page, Queue = queue, Position = position, Message = message };

    public static StoreRecord Change(QueueId queue, long position, in MessageAttributes attributes) =>
        new() { Type = RecordType.Change, Queue = queue, Position = position, Attributes = attributes };

    public static StoreRecord Settle(QueueId queue, long position, long count = 1) =>
        new() { Type = RecordType.Settle, Queue = queue, Position = position, Count = count };

    public static StoreRecord Delivered(QueueId queue, long position, long count = 1) =>
        new() { Type = RecordType.Delivered, Queue = queue, Position = position, Count = count };
}
