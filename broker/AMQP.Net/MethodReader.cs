namespace AMQP.Net;

/// <summary>Reads methods out of their frames and gives malformed ones RabbitMQ's answer. The one place that does.</summary>
public static class MethodReader
{
    /// <summary>The method of a frame whose <see cref="Frame.MethodId"/> is <typeparamref name="TMethod"/>'s.</summary>
    /// <param name="frame">A method frame.</param>
    /// <param name="strings">Where short strings are kept for the next time, or null.</param>
    /// <exception cref="ProtocolException">
    /// 501, for arguments that end too early, do not fill the frame, or hold a malformed table. (RabbitMQ answers the last of
    /// these with a dropped connection and not a word.)
    /// </exception>
    public static TMethod Read<TMethod>(in Frame frame, ShortStringPool? strings = null)
        where TMethod : struct, IMethod<TMethod>
    {
        var reader = new WireReader(frame.Arguments, strings);
        try
        {
            var method = TMethod.Read(ref reader);
            reader.ExpectEnd();
            return method;
        }
        catch (ProtocolException malformed) when (malformed.Code == ReplyCode.SyntaxError)
        {
            throw new ProtocolException(ReplyCode.FrameError, $"cannot decode {ErlangTerm.Plain(frame.Arguments)}", TMethod.Id, malformed);
        }
    }
}
