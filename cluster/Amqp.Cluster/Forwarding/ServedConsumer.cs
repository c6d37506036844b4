using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>
/// Stands in for a consumer of another node. Its window in bytes bounds what is on its way there; while the consumer shares a limit with others, it asks there before it takes a message.
/// </summary>
/// <param name="windowBytes">What may be on its way.</param>
internal sealed class ServedConsumer(ServedSession session, long number, int windowBytes) : QueueConsumer, IReply<ConsumeResult>, IStandIn
{
    private long _bytes;
    private int _isAwaited;
    private int _granted;
    private int _isAsking;
    private volatile bool _asks;

    public long Number => number;

    public override IDeliveryOutlet Outlet => session;

    /// <summary>It asks for a place for each message.</summary>
    public bool Asks
    {
        get => _asks;
        set => _asks = value;
    }

    public override void Added() => session.Say(new Line(LineKind.Added, number));

    public override void Cancelled()
    {
        session.Say(new Line(LineKind.Cancelled, number));
        session.Edge.Over(session, number);
    }

    /// <summary>The edge finds the next leader.</summary>
    public override void TurnTo(IQueueEndpoint leader) => TurnAway();

    public void NotLeading(in QueueOperation operation) => TurnAway();

    void IReply<ConsumeResult>.Complete(ConsumeResult value)
    {
        if (value == ConsumeResult.Added) return;
        session.Say(new Line(LineKind.InExclusiveUse, number));
        session.Edge.Over(session, number);
    }

    void IReply.Fail(BrokerError error)
    {
        session.Say(ServedReply.Failed(number, error));
        session.Edge.Over(session, number);
    }

    private void TurnAway()
    {
        session.Say(new Line(LineKind.NotLeading, number));
        session.Edge.Over(session, number);
    }

    /// <summary>Messages have gone on to the client. True: a Resume is to be posted.</summary>
    public bool GiveRoom(long bytes) => Interlocked.Add(ref _bytes, -bytes) <= windowBytes / 2 && Interlocked.Exchange(ref _isAwaited, 0) == 1;

    /// <summary>There is a place for one message; a Resume is to be posted.</summary>
    public void Grant()
    {
        Interlocked.Increment(ref _granted);
        Interlocked.Exchange(ref _isAsking, 0);
    }

    protected override bool TryEnter(int bytes)
    {
        if (!HasRoom()) return false;
        if (_asks && !TryTakeGrant())
        {
            if (Interlocked.Exchange(ref _isAsking, 1) == 0) session.Say(new Line(LineKind.Ask, number));
            return false;
        }
        Interlocked.Add(ref _bytes, bytes);
        return true;
    }

    /// <summary>The places are at the edge, which sees its consumer's messages come and go itself.</summary>
    protected override void Leave(int count)
    {
    }

    protected override void Decline()
    {
        if (TryTakeGrant()) session.Say(new Line(LineKind.Decline, number));
    }

    /// <summary>Only the queue's actor takes, so nothing else can take between the look and the decrement.</summary>
    private bool TryTakeGrant()
    {
        if (Volatile.Read(ref _granted) == 0) return false;
        Interlocked.Decrement(ref _granted);
        return true;
    }

    /// <summary>False is the promise of a true <see cref="GiveRoom"/>.</summary>
    private bool HasRoom()
    {
        if (Interlocked.Read(ref _bytes) < windowBytes) return true;
        Interlocked.Exchange(ref _isAwaited, 1);
        // The other side may have given room before it could see the flag; the side that takes the flag down acts on it.
        return Interlocked.Read(ref _bytes) <= windowBytes / 2 && Interlocked.Exchange(ref _isAwaited, 0) == 1;
    }
}

/// <summary>Stands in for a channel of another node that used basic.get.</summary>
internal sealed class ServedHolder : MessageHolder;
