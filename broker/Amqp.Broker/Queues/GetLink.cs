using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <summary>A channel that used basic.get on a queue: holder of what it got and has not settled.</summary>
internal sealed class GetLink(IQueueEndpoint queue) : MessageHolder, IQueueLink
{
    public IQueueEndpoint Queue { get; } = queue;

    public MessageHolder Holder => this;
}
