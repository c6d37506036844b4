using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>
/// What users of another node publish to one mirrored queue of this one, as far as they want an answer. It has the numbers that they have there, which stay the same when they are sent to another leader.
/// </summary>
/// <param name="node">The start of the edge.</param>
internal sealed class ServedPublisher(ServedSession session, long node, long queue) : INumberedPublisher, IStandIn
{
    private long _floor;
    private int _isLost;

    public long Node => node;

    public long Id => queue;

    public long Floor => Volatile.Read(ref _floor);

    public void Taken(ReadOnlySpan<long> numbers) => session.Taken(LineKind.TakenIn, numbers, queue);

    public void Refused(long number) => session.Say(new Line(LineKind.RefusedIn, number, Extra: queue));

    /// <summary>One word is enough: the edge asks the next leader for all that has no answer.</summary>
    public void Lost(long number)
    {
        if (Interlocked.Exchange(ref _isLost, 1) == 0) session.Say(new Line(LineKind.LostIn, queue));
    }

    public void NotLeading(in QueueOperation operation) => Lost(operation.Position);

    /// <summary>The edge publishes, again perhaps.</summary>
    /// <param name="floor">See <see cref="Floor"/>.</param>
    public void Begin(long floor)
    {
        Volatile.Write(ref _floor, floor);
        Volatile.Write(ref _isLost, 0);
    }
}
