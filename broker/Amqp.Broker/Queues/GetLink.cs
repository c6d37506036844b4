using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <summary>A channel that used basic.get on a queue: holder of what it got and has not settled.</summary>
internal sealed class GetLink(QueueActor queue) : MessageHolder, IQueueLink
{
    public QueueActor Queue { get; } = queue;
}

/// <summary>A message holder together with the queue that its messages belong to.</summary>
internal interface IQueueLink
{
    QueueActor Queue { get; }
}
