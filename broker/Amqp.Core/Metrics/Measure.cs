namespace Amqp.Core.Metrics;

/// <summary>
/// What is measured of the objects of a node. All count messages since the object came, but for the last ones; each kind of object has those
/// that it can have. RabbitMQ's names in <c>message_stats</c> are in brackets.
/// </summary>
public enum Measure
{
    /// <summary>By a channel, to an exchange, or arrived in a queue [publish, publish_in].</summary>
    Published,

    /// <summary>Of those, by a channel in confirm mode.</summary>
    PublishedToConfirm,

    /// <summary>Answered with basic.ack [confirm].</summary>
    Confirmed,

    /// <summary>Copies that went to queues [publish_out].</summary>
    Routed,

    /// <summary>Mandatory ones that no queue was there for [return_unroutable].</summary>
    Returned,

    /// <summary>Others that no queue was there for [drop_unroutable].</summary>
    Dropped,

    /// <summary>To consumers that acknowledge [deliver].</summary>
    Delivered,

    /// <summary>To consumers that do not [deliver_no_ack].</summary>
    DeliveredAutoAck,

    /// <summary>By basic.get, to be acknowledged [get].</summary>
    Got,

    /// <summary>By basic.get, without acknowledgement [get_no_ack].</summary>
    GotAutoAck,

    /// <summary>How often basic.get found none [get_empty].</summary>
    GetEmpty,

    /// <summary>Of all that were handed out, those that had been before [redeliver].</summary>
    Redelivered,

    /// <summary>By basic.ack [ack].</summary>
    Acknowledged,

    /// <summary>By basic.reject or basic.nack, without requeue.</summary>
    Rejected,

    /// <summary>Their time to live was over.</summary>
    Expired,

    /// <summary>They were more than their queue may have, or came when it had as many.</summary>
    BeyondLength,

    /// <summary>They came back to their queue more often than they may.</summary>
    BeyondDeliveryLimit,

    /// <summary>Ready at this moment [messages_ready].</summary>
    Ready,

    /// <summary>With a consumer at this moment [messages_unacknowledged].</summary>
    Unacked,

    /// <summary>Bytes from clients [recv_oct].</summary>
    BytesReceived,

    /// <summary>Bytes to clients [send_oct].</summary>
    BytesSent,
}
