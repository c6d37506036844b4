using Amqp.Core.Queues;

namespace Amqp.Core.Ports;

/// <summary>Where deliveries of a queue go: the output of a connection, or the link to the node that has it.</summary>
public interface IDeliveryOutlet
{
    /// <summary>Takes deliveries to consumers behind this outlet; from any thread. It must neither block nor throw.</summary>
    /// <param name="deliveries">Valid during the call.</param>
    /// <param name="bytes">What the messages take, all together.</param>
    void Post(ReadOnlySpan<Delivery> deliveries, long bytes);
}
