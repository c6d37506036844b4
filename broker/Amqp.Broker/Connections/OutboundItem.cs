using Amqp.Broker.Channels;
using Amqp.Broker.Flow;
using Amqp.Broker.Queues;
using Amqp.Core.Messages;
using Amqp.Core.Queues;

namespace Amqp.Broker.Connections;

internal enum OutboundKind : byte
{
    /// <summary>Frames that are encoded already.</summary>
    Frames,

    /// <summary>A message for a consumer: gets its delivery tag when it is written.</summary>
    Delivery,

    /// <summary>A message for the consumer of a channel's direct replies.</summary>
    DirectReply,

    /// <summary>A message that was asked for with basic.get.</summary>
    GetOk,

    /// <summary>A mandatory message that no queue took.</summary>
    Return,

    /// <summary>A consumer's queue is gone.</summary>
    Cancel,

    /// <summary>Publisher confirms: what there is to tell when this is written.</summary>
    Confirms,

    Heartbeat,

    /// <summary>Nothing follows: flush and close.</summary>
    End,
}

/// <summary>A reply on its way to a requester.</summary>
/// <param name="Credit">The responder's, which gets back what the reply took.</param>
internal sealed record DirectReply(ReplyConsumer Consumer, Message Message, PublishCredit Credit);

/// <summary>One line in the mailbox of a connection's output. A struct: a delivery costs no object of its own.</summary>
internal readonly struct OutboundItem
{
    /// <summary>What frames cost while they wait, besides their bytes, about.</summary>
    private const int ObjectBytes = 96;

    public OutboundKind Kind { get; private init; }

    public bool Redelivered { get; private init; }

    /// <summary>For get-ok: ready messages left in the queue.</summary>
    public int Remaining { get; private init; }

    /// <summary>Position of the message in its queue; for a returned message its number in <see cref="ChannelSession.Confirms"/>, or 0.</summary>
    public long Position { get; private init; }

    public ChannelSession? Channel { get; private init; }

    /// <summary>The consumer, or what has the message until it is settled; null when nothing has to.</summary>
    public IQueueLink? Link { get; private init; }

    /// <summary>The <see cref="Message"/>, the <see cref="Connections.DirectReply"/>, or the bytes of frames.</summary>
    public object? Payload { get; private init; }

    /// <summary>What it counts of the answers that a client has asked for, bytes; 0 for what is bounded otherwise.</summary>
    public int AnswerBytes => Kind switch
    {
        OutboundKind.Frames => ((byte[])Payload!).Length + ObjectBytes,
        OutboundKind.GetOk or OutboundKind.Return => ((Message)Payload!).Size,
        _ => 0,
    };

    public static OutboundItem Heartbeat => new() { Kind = OutboundKind.Heartbeat };

    public static OutboundItem End => new() { Kind = OutboundKind.End };

    public static OutboundItem Frames(byte[] frames) => new() { Kind = OutboundKind.Frames, Payload = frames };

    public static OutboundItem Of(in Delivery delivery)
    {
        var consumer = (ConsumerLink)delivery.Consumer; // behind this outlet there are no others
        return new()
        {
            Kind = OutboundKind.Delivery,
            Channel = consumer.Channel,
            Link = consumer,
            Payload = delivery.Message,
            Position = delivery.Position,
            Redelivered = delivery.Redelivered,
        };
    }

    /// <param name="credit">The responder's; gets the message's bytes back when it is written, or dropped.</param>
    public static OutboundItem DirectReply(ReplyConsumer consumer, Message message, PublishCredit credit) =>
        new() { Kind = OutboundKind.DirectReply, Channel = consumer.Channel, Payload = new DirectReply(consumer, message, credit) };

    public static OutboundItem GetOk(ChannelSession channel, GetLink? holder, in GetResult result) => new()
    {
        Kind = OutboundKind.GetOk,
        Channel = channel,
        Link = holder,
        Payload = result.Message,
        Position = result.Position,
        Redelivered = result.Redelivered,
        Remaining = result.Remaining,
    };

    public static OutboundItem Cancel(ConsumerLink consumer) =>
        new() { Kind = OutboundKind.Cancel, Channel = consumer.Channel, Link = consumer };

    public static OutboundItem Confirms(ChannelSession channel) => new() { Kind = OutboundKind.Confirms, Channel = channel };

    /// <param name="confirmNumber">The message's number, when it is to be confirmed once it is returned; 0 when not.</param>
    public static OutboundItem Return(ChannelSession channel, Message message, long confirmNumber) =>
        new() { Kind = OutboundKind.Return, Channel = channel, Payload = message, Position = confirmNumber };
}
