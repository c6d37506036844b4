using Amqp.Broker.Channels;
using Amqp.Broker.Loops;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using AMQP.Net;

namespace Amqp.Broker.Queues;

/// <summary>
/// A consumer between its queue and its channel. It holds deliveries back by two measures besides the consumer's own
/// prefetch: the prefetch that the channel's consumers share, and a window in bytes towards the socket.
/// </summary>
internal sealed class ConsumerLink(ChannelSession channel, IQueueEndpoint queue, int windowBytes) : QueueConsumer, IQueueLink
{
    private readonly ByteWindow _window = new(windowBytes);
    private int _granted;
    private bool _isAdded;

    public ChannelSession Channel { get; } = channel;

    public IQueueEndpoint Queue { get; } = queue;

    public MessageHolder Holder => this;

    public override IDeliveryOutlet Outlet => Channel.Output;

    public ConsumerId Id => new(Channel.Connection.Id, Channel.Number, Tag);

    /// <summary>The arguments of its basic.consume, as they came.</summary>
    public required FieldTable Arguments { get; init; }

    /// <summary>Milliseconds in which a delivery is to be settled; null: as the queue and the node say (<c>x-consumer-timeout</c>).</summary>
    public required long? TimeoutMs { get; init; }

    /// <summary>The client wants no basic.consume-ok.</summary>
    public required bool NoWait { get; init; }

    /// <summary>The channel's prefetch keeps a place for this consumer; it is told so by a Resume.</summary>
    public void Grant()
    {
        Interlocked.Increment(ref _granted);
        Queue.Post(QueueOperation.Resume(this));
    }

    /// <summary>The write loop has put that many bytes of deliveries into the socket's buffer, or dropped them.</summary>
    public void Written(int bytes)
    {
        if (_window.Remove(bytes)) Queue.Post(QueueOperation.Resume(this));
    }

    public override void Added()
    {
        if (_isAdded) return;
        _isAdded = true;
        Channel.ConsumerAdded(this);
    }

    public override void Removed() => Channel.Connection.Services.Events.Removed(this);

    public override void Cancelled() => Channel.ConsumerCancelled(this);

    protected override bool TryEnter(int bytes)
    {
        if (!_window.HasRoom()) return false;
        if (!(AutoAck ? TryPassPrefetch() : TryEnterPrefetch())) return false;
        _window.Add(bytes);
        return true;
    }

    protected override void Leave(int count)
    {
        if (!AutoAck) Channel.Prefetch.Leave(count);
    }

    protected override void Decline()
    {
        if (TryTakeGrant()) Channel.Prefetch.Leave(1);
    }

    protected override bool SharesRoom => Channel.Prefetch.Limit > 0;

    protected override void Fill(int bytes) => _window.Add(bytes);

    private bool TryEnterPrefetch() => TryTakeGrant() || Channel.Prefetch.TryEnter(this);

    /// <summary>Without acknowledgement a delivery needs no place beyond the moment.</summary>
    private bool TryPassPrefetch()
    {
        if (Channel.Prefetch.IsOpen && Volatile.Read(ref _granted) == 0) return true;
        if (!TryEnterPrefetch()) return false;
        Channel.Prefetch.Leave(1);
        return true;
    }

    private bool TryTakeGrant()
    {
        // Only the queue's actor takes, so nothing else can take between the look and the decrement.
        if (Volatile.Read(ref _granted) == 0) return false;
        Interlocked.Decrement(ref _granted);
        return true;
    }
}
