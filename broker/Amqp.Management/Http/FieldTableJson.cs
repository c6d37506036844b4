using System.Text.Json;
using System.Text.Json.Serialization;
using AMQP.Net;

namespace Amqp.Management.Http;

/// <summary>A field table as RabbitMQ's HTTP API shows it: an object whose values have lost their exact types.</summary>
internal sealed class FieldTableJson : JsonConverter<FieldTable>
{
    /// <summary>By AMQP a table has to fit into a frame, and has no more unless larger ones are configured.</summary>
    private const int BytesMax = 128 << 10;

    /// <summary>The table that a JSON object stands for: its whole numbers are 64 bits long, as in RabbitMQ.</summary>
    /// <param name="json">Null: an empty table.</param>
    /// <exception cref="BadRequestException">It is no object, or there is something in it that a table cannot have.</exception>
    public static FieldTable Of(JsonElement? json)
    {
        if (json is not { } value) return FieldTable.Empty;
        if (value.ValueKind != JsonValueKind.Object) throw new BadRequestException("arguments are not a JSON object");
        // Of members with the same name the last one counts.
        var fields = new Dictionary<string, FieldValue>();
        foreach (var member in value.EnumerateObject()) fields[ShortText.Of("name of an argument", member.Name)] = ValueOf(member.Value);
        var table = FieldTable.From(fields);
        return table.Bytes.Length <= BytesMax ? table : throw new BadRequestException($"arguments are longer than {BytesMax} bytes");
    }

    private static FieldValue ValueOf(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => FieldValue.From(json.GetString()!),
        JsonValueKind.Number when json.TryGetInt64(out var integer) => FieldValue.From(integer),
        JsonValueKind.Number when json.TryGetDouble(out var number) && double.IsFinite(number) => FieldValue.From(number),
        JsonValueKind.True => FieldValue.From(true),
        JsonValueKind.False => FieldValue.From(false),
        JsonValueKind.Object => FieldValue.From(Of(json)),
        JsonValueKind.Array => FieldValue.From([.. json.EnumerateArray().Select(ValueOf)]),
        JsonValueKind.Null => throw new BadRequestException("null_not_allowed"),
        _ => throw new BadRequestException($"the number {json.GetRawText()} is too large"),
    };

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
