using Amqp.Core.Records;

namespace Amqp.Core.Queues;

/// <summary>A message that is in a queue, as mirrors of it are told: what it is, not what consumers do with it.</summary>
/// <param name="Position">Its name.</param>
/// <param name="Attributes">As of now.</param>
public readonly record struct LiveMessage(long Position, MessageAttributes Attributes);
