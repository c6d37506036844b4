using Amqp.Core.Messages;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <content>What becomes of the messages of a queue is kept where they are traced, by the copy that leads.</content>
internal sealed partial class QueueActor : IQueueTrace
{
    void IQueueTrace.Add(TraceStep step, long position, Message? message) => _services.Tracing.InQueue(Definition, step, position, message);

    /// <summary>Looked at for each drain of the mailbox: tracing comes and goes while the queue runs.</summary>
    private void FollowTracing() => _state.Trace = Leads && _services.Tracing.Follows(Definition) ? this : null;
}
