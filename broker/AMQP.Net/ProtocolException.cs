namespace AMQP.Net;

/// <summary>
/// The peer sent bytes that break the protocol. Always a connection error: the connection answers connection.close with
/// <see cref="Code"/> and stops reading, because the place of the next frame is no longer certain.
/// </summary>
/// <param name="code">The reply code that connection.close must carry.</param>
/// <param name="text">The reply text behind the code's name (<c>FRAME_ERROR - </c>); RabbitMQ's wherever it has one.</param>
/// <param name="method">The method at fault, 0 if none.</param>
/// <param name="detail">What exactly was wrong where the reply text, as RabbitMQ has it, does not say; for the log.</param>
public sealed class ProtocolException(ReplyCode code, string text, MethodId method = default, Exception? detail = null)
    : Exception(text, detail)
{
    /// <summary>The reply code that connection.close must carry.</summary>
    public ReplyCode Code { get; } = code;

    /// <summary>The method that connection.close must name, 0 if none.</summary>
    public MethodId Method { get; } = method;
}
