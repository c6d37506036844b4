using System.Text.Json;
using AMQP.Net;

namespace Amqp.Management.Http;

/// <summary>A message's properties from JSON, as in <c>{"delivery_mode":2,"headers":{"a":1}}</c>; members of other names mean nothing, as in RabbitMQ.</summary>
internal static class PropertiesJson
{
    /// <exception cref="BadRequestException">It is no object, or one of them is not of its type.</exception>
    public static MutableProperties Of(JsonElement json)
    {
        // PHP writes an empty object so.
        if (json.ValueKind != JsonValueKind.Object && !(json.ValueKind == JsonValueKind.Array && json.GetArrayLength() == 0)) throw new BadRequestException("properties are not a JSON object");
        var properties = new MutableProperties();
        if (json.ValueKind == JsonValueKind.Array) return properties;
        foreach (var member in json.EnumerateObject()) Set(properties, member.Name, member.Value);
        return properties;
    }

    private static void Set(MutableProperties properties, string name, JsonElement value)
    {
        switch (name)
        {
            case "content_type": properties.ContentType = Text(name, value); break;
            case "content_encoding": properties.ContentEncoding = Text(name, value); break;
            case "headers": properties.Headers = FieldTableJson.Of(value); break;
            case "delivery_mode": properties.DeliveryMode = (byte)Integer(name, value, byte.MaxValue); break;
            case "priority": properties.Priority = (byte)Integer(name, value, byte.MaxValue); break;
            case "correlation_id": properties.CorrelationId = Text(name, value); break;
            case "reply_to": properties.ReplyTo = Text(name, value); break;
            case "expiration": properties.Expiration = Text(name, value); break;
            case "message_id": properties.MessageId = Text(name, value); break;
            case "timestamp": properties.Timestamp = Integer(name, value, ulong.MaxValue); break;
            case "type": properties.Type = Text(name, value); break;
            case "user_id": properties.UserId = Text(name, value); break;
            case "app_id": properties.AppId = Text(name, value); break;
            case "cluster_id": properties.ClusterId = Text(name, value); break;
        }
    }

    private static string Text(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? ShortText.Of(name, value.GetString()!) : throw new BadRequestException($"{{not_string,{name}}}");

    private static ulong Integer(string name, JsonElement value, ulong max) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out var number) && number <= max ? number : throw new BadRequestException($"{{not_int,{name}}}");
}
