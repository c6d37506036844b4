using Amqp.Broker.Observability;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <content>The queue as operators see it. It is not asked: it tells how it is before anything that it did can be seen.</content>
internal sealed partial class QueueActor
{
    private readonly Latest<QueueReport> _report = new();
    private ConsumerUse _use;

    /// <summary>From any thread.</summary>
    public QueueFigures Figures => _report.Read().Figures;

    /// <summary>From any thread.</summary>
    /// <param name="place">Where the queue is.</param>
    /// <returns>Null: it is being deleted.</returns>
    public QueueInfo? Describe(QueuePlace place)
    {
        if (_deleted) return null;
        var (figures, consumers, use, exclusiveConsumer, singleActiveConsumer, messagesRead, messagesWritten) = _report.Read();
        return new QueueInfo(
            Definition,
            place,
            QueueInfo.StateOf(place, _failed),
            figures,
            figures.Head?.Properties.Timestamp,
            consumers,
            Capacity(consumers, use),
            (exclusiveConsumer as ConsumerLink)?.Id,
            (singleActiveConsumer as ConsumerLink)?.Id,
            messagesRead,
            messagesWritten,
            Measured.Meter);
    }

    /// <summary>The same for other nodes.</summary>
    public LeaderReport? Report()
    {
        if (_deleted) return null;
        var (figures, consumers, use, exclusiveConsumer, singleActiveConsumer, messagesRead, messagesWritten) = _report.Read();
        return new LeaderReport
        {
            Queue = Definition.Id,
            HasCrashed = _failed,
            Figures = figures with { Head = null },
            HeadTimestamp = figures.Head?.Properties.Timestamp,
            Consumers = consumers,
            ConsumerCapacity = Capacity(consumers, use),
            ExclusiveConsumer = (exclusiveConsumer as ConsumerLink)?.Id,
            SingleActiveConsumer = (singleActiveConsumer as ConsumerLink)?.Id,
            MessagesRead = messagesRead,
            MessagesWritten = messagesWritten,
            Reading = Reading.Of(Measured.Meter),
        };
    }

    /// <summary>As RabbitMQ: 0 where there is none. Rounded, so that it comes to rest.</summary>
    private double Capacity(int consumers, ConsumerUse use) => consumers == 0 ? 0 : Math.Round(use.At(Now()), 3);

    private void TellReport()
    {
        _use = _use.With(canTake: _state.ReadyCount == 0 || _state.ConsumerCount == 0, Now());
        _report.Write(NewReport());
    }

    private QueueReport NewReport() => new(
        _state.Figures(),
        _state.ConsumerCount,
        _use,
        _state.Consumers is [{ Exclusive: true } consumer] ? consumer : null,
        _state.SingleActiveConsumer,
        _messagesRead,
        _messagesWritten);
}

/// <summary>What a queue says of itself after each step.</summary>
/// <param name="Use">How far consumers keep up.</param>
/// <param name="ExclusiveConsumer">The consumer that has the queue for itself.</param>
/// <param name="SingleActiveConsumer">The only one that gets messages, where there is one.</param>
/// <param name="MessagesRead">From the disk, since the node started.</param>
/// <param name="MessagesWritten">Records that were given to the store.</param>
internal readonly record struct QueueReport(
    QueueFigures Figures, int Consumers, ConsumerUse Use, QueueConsumer? ExclusiveConsumer, QueueConsumer? SingleActiveConsumer, long MessagesRead, long MessagesWritten);
