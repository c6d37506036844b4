using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Amqp.Core.Queues;
using AMQP.Net;

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
        var isText = Utf8.IsValid(shown);
        return new
        {
            position = browsed.Position,
            state = browsed.State.ToString().ToLowerInvariant(),
            due = browsed.DueAt == 0 ? (long?)null : browsed.DueAt,
            redelivered = browsed.Redelivered,
            exchange = message.Exchange,
            routing_key = message.RoutingKey,
            properties = Properties(message.Properties),
            payload_bytes = body.Length,
            payload = isText ? Encoding.UTF8.GetString(shown) : Convert.ToBase64String(shown),
            payload_encoding = isText ? "string" : "base64",
        };
    }

    /// <summary>Those that it has.</summary>
    private static Dictionary<string, object> Properties(BasicProperties properties)
    {
        var shown = new Dictionary<string, object>();
        Add("content_type", properties.ContentType);
        Add("content_encoding", properties.ContentEncoding);
        Add("headers", properties.Headers);
        Add("delivery_mode", properties.DeliveryMode);
        Add("priority", properties.Priority);
        Add("correlation_id", properties.CorrelationId);
        Add("reply_to", properties.ReplyTo);
        Add("expiration", properties.Expiration);
        Add("message_id", properties.MessageId);
        Add("timestamp", properties.Timestamp);
        Add("type", properties.Type);
        Add("user_id", properties.UserId);
        Add("app_id", properties.AppId);
        Add("cluster_id", properties.ClusterId);
        return shown;

        void Add(string name, object? value)
        {
            if (value is not null) shown.Add(name, value);
        }
    }
}
