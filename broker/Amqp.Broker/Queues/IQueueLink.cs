using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <summary>What a channel has of a queue: a consumer, or what it got by basic.get.</summary>
internal interface IQueueLink
{
    /// <summary>The queue, to which its messages belong.</summary>
    IQueueEndpoint Queue { get; }

    /// <summary>Has the messages until they are settled.</summary>
    MessageHolder Holder { get; }
}
