namespace Amqp.Core.Records;

/// <summary>What a queue has to know of a message without its body: it stands in the message's record, and in indexes of records.</summary>
/// <param name="ExpiresAt">Last millisecond of its life, in milliseconds since 1970 UTC, or 0 when it has no end.</param>
/// <param name="Priority">In a queue that goes by priorities; 0 in others.</param>
/// <param name="DeliveryCount">How often it came back to its queue.</param>
/// <param name="ReadyAt">It is not handed out before that millisecond since 1970 UTC; 0: at once. Only a change has it.</param>
public readonly record struct MessageAttributes(long ExpiresAt, byte Priority = 0, int DeliveryCount = 0, long ReadyAt = 0);
