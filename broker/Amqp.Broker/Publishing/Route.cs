using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Broker.Publishing;

/// <summary>Where a message goes: queues on this node, and direct replies by address.</summary>
/// <param name="Absent">Names of queues that are not there: a transaction looks for them again when it is committed.</param>
/// <param name="Counters">What the connection has published to the exchange.</param>
internal sealed record Route(IQueueEndpoint[] Queues, string[] DirectReplies, string[] Absent, Counters Counters)
{
    /// <summary>Several queues store the message if it is persistent: its body is to be stored once.</summary>
    public bool SharesBody { get; } = Queues.Count(queue => queue.Definition.Durable) > 1;

    /// <summary>The message has to wait in its exchange, and is routed again after that.</summary>
    public bool IsKeptBack => Queues is [{ Definition.Settings.HoldsBack: true }];

    /// <summary>No queue of clients has it: an exchange that keeps its last messages is none.</summary>
    public bool ReachesNone { get; } = Array.TrueForAll(Queues, queue => queue.Definition.Settings.Role == QueueRole.History);

    /// <summary>No queue has it, nor might have it later.</summary>
    public bool LeadsNowhere => Queues.Length + Absent.Length == 0;
}
