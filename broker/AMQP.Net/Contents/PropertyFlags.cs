namespace AMQP.Net;

/// <summary>
/// The flags of a content header that say which properties follow it, in the order of the values (specification 4.2.6.1 and
/// 1.8.1). The lowest bit would announce a second word of flags, which the basic class does not have.
/// </summary>
[Flags]
public enum PropertyFlags : ushort
{
    None = 0,
    ContentType = 1 << 15,
    ContentEncoding = 1 << 14,
    Headers = 1 << 13,
    DeliveryMode = 1 << 12,
    Priority = 1 << 11,
    CorrelationId = 1 << 10,
    ReplyTo = 1 << 9,
    Expiration = 1 << 8,
    MessageId = 1 << 7,
    Timestamp = 1 << 6,
    Type = 1 << 5,
    UserId = 1 << 4,
    AppId = 1 << 3,
    ClusterId = 1 << 2,
}
