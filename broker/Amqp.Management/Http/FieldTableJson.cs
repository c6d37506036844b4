using System.Text.Json;
using System.Text.Json.Serialization;
using AMQP.Net;

namespace Amqp.Management.Http;

/// <summary>A field table as RabbitMQ's HTTP API shows it: an object whose values have lost their exact types.</summary>
internal sealed class FieldTableJson : JsonConverter<FieldTable>
{
    public override FieldTable Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("tables are only shown");

    public override void Write(Utf8JsonWriter writer, FieldTable value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var (name, field) in value)
        {
            writer.WritePropertyName(name);
            Write(writer, field);
        }
        writer.WriteEndObject();
    }

    private void Write(Utf8JsonWriter writer, FieldValue value)
    {
        if (value.TryGetInteger(out var integer))
        {
            writer.WriteNumberValue(integer);
            return;
        }
        switch (value.Type)
        {
            case FieldType.Table:
                Write(writer, value.AsTable, JsonSerializerOptions.Default);
                break;
            case FieldType.Array:
                writer.WriteStartArray();
                foreach (var item in value.AsArray) Write(writer, item);
                writer.WriteEndArray();
                break;
            case FieldType.Bool:
                writer.WriteBooleanValue(value.AsBool);
                break;
            case FieldType.Timestamp:
                writer.WriteNumberValue(value.AsTimestamp);
                break;
            case FieldType.Void:
                writer.WriteNullValue();
                break;
            case FieldType.Double when double.IsFinite(value.AsDouble):
                writer.WriteNumberValue(value.AsDouble);
                break;
            case FieldType.Float when float.IsFinite(value.AsFloat):
                writer.WriteNumberValue(value.AsFloat);
                break;
            default:
                writer.WriteStringValue(value.ToString());
                break;
        }
    }
}
