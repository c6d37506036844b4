using AMQP.Net;

namespace Amqp.Core.Messages;

/// <summary>The properties of a message as a table, in the types that RabbitMQ's firehose gives them. The HTTP API shows the same.</summary>
public static class PropertyTable
{
    /// <summary>Those that it has.</summary>
    public static FieldTable Of(BasicProperties properties)
    {
        var fields = new List<(string, FieldValue)>();
        Add("content_type", properties.ContentType);
        Add("content_encoding", properties.ContentEncoding);
        if (properties.Headers is { } headers) fields.Add(("headers", FieldValue.From(headers)));
        if (properties.DeliveryMode is { } mode) fields.Add(("delivery_mode", FieldValue.From((int)mode)));
        if (properties.Priority is { } priority) fields.Add(("priority", FieldValue.From((int)priority)));
        Add("correlation_id", properties.CorrelationId);
        Add("reply_to", properties.ReplyTo);
        Add("expiration", properties.Expiration);
        Add("message_id", properties.MessageId);
        // RabbitMQ cuts off what an int does not take.
        if (properties.Timestamp is { } timestamp) fields.Add(("timestamp", timestamp <= int.MaxValue ? FieldValue.From((int)timestamp) : FieldValue.From((long)timestamp)));
        Add("type", properties.Type);
        Add("user_id", properties.UserId);
        Add("app_id", properties.AppId);
        Add("cluster_id", properties.ClusterId);
        return FieldTable.From([.. fields]);

        void Add(string name, string? value)
        {
            if (value is not null) fields.Add((name, FieldValue.From(value)));
        }
    }
}
