using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using AMQP.Net;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Queues;

/// <summary>
/// Messages of the copy of a mirrored queue that no leader of it ever knew. None was confirmed, and yet they are not thrown away: they go to a durable queue of this node,
/// where an operator finds them.
/// </summary>
internal sealed partial class RecoveredMessages(QueueDefinition queue, IReadOnlyList<Message> messages, Action kept, QueueServices services) : IPublisher
{
    private const string Prefix = "amq.recovered.";

    private int _left = messages.Count;

    public void Keep()
    {
        // Named by the broker: clients may not declare such names.
        var declare = new DeclareQueue(queue.Vhost, Prefix + queue.Name, Durable: true, AutoDelete: false, Exclusive: false, FieldTable.Empty, Requester: null, ServerNamed: true);
        services.Topology.Propose(declare, Declared);
    }

    public void Taken(ReadOnlySpan<long> numbers)
    {
        if (Interlocked.Add(ref _left, -numbers.Length) == 0) kept();
    }

    public void Refused(long number)
    {
        LogRefused(services.Logger, Prefix + queue.Name, queue.Vhost);
        Taken([number]);
    }

    private void Declared(TopologyResult result)
    {
        if (result.Queue is not { } definition || !services.Queues.TryFind(definition, out var target))
        {
            // The virtual host is gone, and with it the queue that they were in; or its queues are as many as they may be.
            LogLost(services.Logger, messages.Count, queue.Name, queue.Vhost, result.Error?.Text ?? "the virtual host is gone");
            kept();
            return;
        }
        for (var number = 0; number < messages.Count; number++)
        {
            var message = messages[number];
            target.Post(QueueOperation.Publish(new Message(message.Exchange, message.RoutingKey, message.Content), this, number));
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A message for queue '{Name}' in vhost '{Vhost}' was refused by it, perhaps because a policy limits its length; it is gone. It had not been confirmed to its publisher")]
    private static partial void LogRefused(ILogger logger, string name, string vhost);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Count} messages of the copy of queue '{Name}' in vhost '{Vhost}' that its leader never knew could not be kept, and are gone: {Reason}. None of them had been confirmed to its publisher")]
    private static partial void LogLost(ILogger logger, int count, string name, string vhost, string reason);
}
