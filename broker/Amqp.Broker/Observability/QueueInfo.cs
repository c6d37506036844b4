using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker.Observability;

/// <summary>A queue at one moment. One that another node leads is shown as that node has told it last.</summary>
/// <param name="Place">Where it is.</param>
/// <param name="State"><see cref="Running"/>, <see cref="Syncing"/>, <see cref="Down"/>, or <see cref="Crashed"/>.</param>
/// <param name="HeadTimestamp">Of the message that is next, as its publisher has said it.</param>
/// <param name="ConsumerCapacity">Which part of the last time the consumers could take messages, from 0 to 1; 0: there are none.</param>
/// <param name="ExclusiveConsumer">The consumer that has the queue for itself.</param>
/// <param name="SingleActiveConsumer">The only consumer that gets messages, where there is one.</param>
/// <param name="MessagesRead">Messages that were read from the disk since the node started.</param>
/// <param name="MessagesWritten">Records that were given to the store.</param>
/// <param name="Reading">What happens in it, as of the last sample.</param>
public sealed record QueueInfo(
    QueueDefinition Definition,
    QueuePlace Place,
    string State,
    QueueFigures Figures,
    ulong? HeadTimestamp,
    int Consumers,
    double ConsumerCapacity,
    ConsumerId? ExclusiveConsumer,
    ConsumerId? SingleActiveConsumer,
    long MessagesRead,
    long MessagesWritten,
    IReading Reading)
{
    public const string Running = "running";

    /// <summary>A mirror is catching up. The queue serves meanwhile.</summary>
    public const string Syncing = "syncing";

    /// <summary>The node that leads it does not run, and no other one has taken its place. The numbers are the last that it told.</summary>
    public const string Down = "down";

    /// <summary>A defect of the broker met it; until the node restarts it serves nothing.</summary>
    public const string Crashed = "crashed";

    /// <summary>Of a queue that this node leads: with its history.</summary>
    public Meter Meter => (Meter)Reading;

    /// <summary>A queue as its leader has told it.</summary>
    /// <param name="report">Null: it has not told anything yet.</param>
    internal static QueueInfo Of(QueueDefinition queue, QueuePlace place, LeaderReport? report) => new(
        queue,
        place,
        StateOf(place, report is { HasCrashed: true }),
        report?.Figures ?? default,
        report?.HeadTimestamp,
        report?.Consumers ?? 0,
        report?.ConsumerCapacity ?? 0,
        report?.ExclusiveConsumer,
        report?.SingleActiveConsumer,
        report?.MessagesRead ?? 0,
        report?.MessagesWritten ?? 0,
        report?.Reading ?? Core.Metrics.Reading.Nothing);

    /// <summary>RabbitMQ's word.</summary>
    internal static string StateOf(QueuePlace place, bool hasCrashed) =>
        !place.IsUp ? Down : hasCrashed ? Crashed : place.Progress.IsCatchingUp ? Syncing : Running;
}
