namespace AMQP.Net;

/// <summary>
/// The peer sent bytes that break the protocol. Always a connection error: the connection answers connection.close with
/// <see cref="Code"/> and stops reading, because the place of the next frame is no longer certain.
/// </summary>
public sealed class ProtocolException(ReplyCode code, string text) : Exception(text)
{
    /// <summary>The reply code that connection.close must carry.</summary>
    public ReplyCode Code { get; } = code;
}
