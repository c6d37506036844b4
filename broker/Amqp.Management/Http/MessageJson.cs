using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Amqp.Core.Messages;
using Amqp.Core.Queues;

namespace Amqp.Management.Http;

/// <summary>Messages that are looked at, in the shape of RabbitMQ's <c>POST /api/queues/{vhost}/{queue}/get</c>, with what that cannot tell.</summary>
internal static class MessageJson
{
    /// <param name="truncate">Bytes of the body that are shown at most.</param>
    public static object Show(BrowsedPart part, int truncate) => new
    {
        messages = part.Messages.Select(message => Show(message, truncate)),
        next = part.Next,
        is_last = part.IsLast,
    };

    /// <inheritdoc cref="Show(BrowsedPart, int)"/>
    public static object Show(in BrowsedMessage browsed, int truncate)
    {
        var message = browsed.Message!;
        var body = message.Content.Body;
        var shown = body.Slice(0, Math.Min(truncate, body.Length)).ToArray();
        var (payload, encoding) = Encode(shown);
        return new
        {
            position = browsed.Position,
            state = browsed.State.ToString().ToLowerInvariant(),
            due = browsed.DueAt == 0 ? (long?)null : browsed.DueAt,
            redelivered = browsed.Redelivered,
            exchange = message.Exchange,
            routing_key = message.RoutingKey,
            properties = PropertyTable.Of(message.Properties),
            payload_bytes = body.Length,
            payload,
            payload_encoding = encoding,
        };
    }

    /// <summary>A body as text, if it is one and that is wanted, and else in base64.</summary>
    public static (string Payload, string Encoding) Encode(byte[] body, bool asText = true) =>
        asText && Utf8.IsValid(body) ? (Encoding.UTF8.GetString(body), "string") : (Convert.ToBase64String(body), "base64");
}
