using Amqp.Core.Metrics;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker.Observability;

/// <summary>A queue at one moment.</summary>
/// <param name="State"><see cref="Running"/>, or <see cref="Crashed"/>.</param>
/// <param name="ExclusiveConsumer">The consumer that has the queue for itself.</param>
/// <param name="SingleActiveConsumer">The only consumer that gets messages, where there is one.</param>
/// <param name="MessagesRead">Messages that were read from the disk since the node started.</param>
/// <param name="MessagesWritten">Records that were given to the store.</param>
/// <param name="Meter">What happens in it, as of the last sample.</param>
public sealed record QueueInfo(
    QueueDefinition Definition,
    string State,
    QueueFigures Figures,
    int Consumers,
    ConsumerId? ExclusiveConsumer,
    ConsumerId? SingleActiveConsumer,
    long MessagesRead,
    long MessagesWritten,
    Meter Meter)
{
    public const string Running = "running";

    /// <summary>A defect of the broker met it; until the node restarts it serves nothing.</summary>
    public const string Crashed = "crashed";
}
