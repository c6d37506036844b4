using Amqp.Broker.Observability;
using Amqp.Core.Metrics;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <content>The queue as operators see it. It is not asked: it tells how it is before anything that it did can be seen.</content>
internal sealed partial class QueueActor
{
    private readonly Latest<Report> _report = new();

    /// <summary>From any thread.</summary>
    /// <returns>Null: it is being deleted.</returns>
    public QueueInfo? Describe()
    {
        if (_deleted) return null;
        var (figures, consumers, exclusiveConsumer, messagesRead, messagesWritten) = _report.Read();
        return new QueueInfo(
            Definition,
            _failed ? QueueInfo.Crashed : QueueInfo.Running,
            figures,
            consumers,
            (exclusiveConsumer as ConsumerLink)?.Id,
            messagesRead,
            messagesWritten);
    }

    private void TellReport() => _report.Write(new Report(
        _state.Figures(),
        _state.ConsumerCount,
        _state.Consumers is [{ Exclusive: true } consumer] ? consumer : null,
        _messagesRead,
        _messagesWritten));

    private readonly record struct Report(
        QueueFigures Figures, int Consumers, QueueConsumer? ExclusiveConsumer, long MessagesRead, long MessagesWritten);
}
