using System.Buffers;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>
/// One session of an edge, as the queues of this node see it: the publisher of what comes in it, and the outlet of what its consumers get. Called by the queues' actors; what they say is
/// sent at once, and not at all when the session is over.
/// </summary>
internal sealed class ServedSession(long number, ServedEdge edge) : IPublisher, IDeliveryOutlet, IStandIn
{
    private volatile bool _isOver;

    public long Number => number;

    public ServedEdge Edge => edge;

    /// <summary>What is said in it goes nowhere.</summary>
    public void End() => _isOver = true;

    public void Say(in Line line) => Send(LinesMessage.Of(Forwarder.ToEdge, number, [line], line.Bytes));

    public void Send(LinesMessage message)
    {
        if (!_isOver) edge.Send(message);
    }

    public void Taken(ReadOnlySpan<long> numbers) => Taken(LineKind.Taken, numbers);

    /// <summary>Publishes are safe. Numbers in a row are one line.</summary>
    /// <param name="queue">Of <see cref="LineKind.TakenIn"/>.</param>
    public void Taken(LineKind kind, ReadOnlySpan<long> numbers, long queue = 0)
    {
        if (_isOver || numbers.IsEmpty) return;
        var lines = ArrayPool<Line>.Shared.Rent(numbers.Length);
        var count = 0;
        foreach (var taken in numbers)
        {
            if (count > 0 && lines[count - 1] is var (_, first, run, _, _, _) && first + run == taken) lines[count - 1] = new Line(kind, first, run + 1, Extra: queue);
            else lines[count++] = new Line(kind, taken, 1, Extra: queue);
        }
        Send(LinesMessage.Of(Forwarder.ToEdge, number, lines, count, count * lines[0].Bytes));
    }

    /// <summary>Its publisher cannot send it again by itself.</summary>
    public void NotLeading(in QueueOperation operation) => Refused(operation.Position);

    public void Refused(long refused) => Say(new Line(LineKind.Refused, refused));

    public void Post(ReadOnlySpan<Delivery> deliveries, long bytes)
    {
        while (!_isOver && deliveries.Length > 0)
        {
            var (count, taken) = (0, 0L);
            for (; count < deliveries.Length && taken < LinesMessage.BytesMax; count++) taken += deliveries[count].Message.Size;
            Send(LinesMessage.Of(Forwarder.ToEdge, number, deliveries[..count], static delivery => LineOf(delivery), taken));
            deliveries = deliveries[count..];
        }
    }

    private static Line LineOf(in Delivery delivery) =>
        new(LineKind.Delivery, ((ServedConsumer)delivery.Consumer).Number, delivery.Position, delivery.Message, delivery.Redelivered ? (byte)1 : (byte)0);
}
