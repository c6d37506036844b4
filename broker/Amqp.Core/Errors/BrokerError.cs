using System.Text;
using AMQP.Net;

namespace Amqp.Core.Errors;

/// <summary>
/// An operation that cannot be done, as the client is told: reply code and text. The factories are the one catalogue of
/// everything this broker refuses, in RabbitMQ 3.13's words, because client libraries and their test suites compare them.
/// Nothing here knows frames; the sender of the reply asks <see cref="IsHard"/> and <see cref="ReplyText"/>.
/// </summary>
/// <param name="Text">The explanation without the code's name: <c>no queue 'q' in vhost '/'</c>.</param>
public sealed partial record BrokerError(ReplyCode Code, string Text)
{
    /// <summary>A reply text is a short string on the wire: at most 255 bytes.</summary>
    private const int ReplyTextBytesMax = 255;
    private const string Ellipsis = "...";

    /// <summary>True if it closes the connection, false if only the channel. On channel 0 every error closes the connection.</summary>
    public bool IsHard => Code.IsHard();

    /// <summary>The text for channel.close and connection.close: <c>NOT_FOUND - no queue 'q' in vhost '/'</c>; longer than a
    /// short string can be, it is cut to 252 bytes and "...", never inside a character.</summary>
    public string ReplyText
    {
        get
        {
            // A client's bytes that are no UTF-8 (LosslessUtf8) become U+FFFD here: it gets a text that it can read.
            var full = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes($"{Code.Name()} - {Text}"));
            if (Encoding.UTF8.GetByteCount(full) <= ReplyTextBytesMax) return full;
            Span<byte> bytes = stackalloc byte[ReplyTextBytesMax - Ellipsis.Length];
            // The encoder stops before the first character that does not fit as a whole.
            Encoding.UTF8.GetEncoder().Convert(full, bytes, flush: false, out _, out var used, out _);
            return Encoding.UTF8.GetString(bytes[..used]) + Ellipsis;
        }
    }

    public override string ToString() => ReplyText;

    private static BrokerError NotFound(string text) => new(ReplyCode.NotFound, text);
    private static BrokerError AccessRefused(string text) => new(ReplyCode.AccessRefused, text);
    private static BrokerError ResourceLocked(string text) => new(ReplyCode.ResourceLocked, text);
    private static BrokerError PreconditionFailed(string text) => new(ReplyCode.PreconditionFailed, text);
    private static BrokerError NotAllowed(string text) => new(ReplyCode.NotAllowed, text);
    private static BrokerError NotImplemented(string text) => new(ReplyCode.NotImplemented, text);
    private static BrokerError ChannelError(string text) => new(ReplyCode.ChannelError, text);
}
