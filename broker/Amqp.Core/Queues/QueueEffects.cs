using System.Runtime.InteropServices;
using Amqp.Core.Messages;

namespace Amqp.Core.Queues;

/// <summary>A message that a queue hands to a consumer.</summary>
/// <param name="Consumer">Who gets it.</param>
/// <param name="Position">Its name within the queue, to settle it by.</param>
/// <param name="Message">What to send.</param>
/// <param name="Redelivered">It was handed out before.</param>
public readonly record struct Delivery(QueueConsumer Consumer, long Position, Message Message, bool Redelivered);

/// <summary>
/// What the operations on a queue led to, in order: filled by <see cref="QueueState"/>, carried out and cleared by the
/// queue's actor after each drain of its mailbox, so that one list serves for ever.
/// </summary>
public sealed class QueueEffects
{
    private readonly List<Delivery> _deliveries = [];

    public ReadOnlySpan<Delivery> Deliveries => CollectionsMarshal.AsSpan(_deliveries);

    public void Deliver(Delivery delivery) => _deliveries.Add(delivery);

    public void Clear()
    {
        // The list keeps its room, the messages go.
        _deliveries.Clear();
    }
}
