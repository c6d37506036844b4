using System.Globalization;
using System.Text;
using System.Text.Unicode;
using AMQP.Net;

namespace Amqp.Core.Errors;

/// <summary>
/// Field values as RabbitMQ's error texts print them: as terms of Erlang, in which it is written. Clients and their tests
/// compare these texts, so the form is part of the protocol in practice.
/// </summary>
internal static partial class ErlangTerm
{
    /// <summary>A value inside quotes: strings stand as they are, everything else as a term.</summary>
    public static string Text(FieldValue value) =>
        value.Type is FieldType.LongString or FieldType.Binary ? value.AsText : Render(value);

    /// <summary>A value as a term: <c>&lt;&lt;"text"&gt;&gt;</c>, <c>42</c>, <c>true</c>.</summary>
    public static string Render(FieldValue value) => value.Type switch
    {
        FieldType.LongString or FieldType.Binary => Binary(value.AsBytes),
        FieldType.Float => Number(value.AsFloat),
        FieldType.Double => Number(value.AsDouble),
        FieldType.Array => $"[{string.Join(',', value.AsArray.Select(Element))}]",
        FieldType.Table => $"[{string.Join(',', value.AsTable.Select(Field))}]",
        _ => value.ToString(),
    };

    /// <summary>A string, which to Erlang is a list of bytes: <c>"text"</c>, or <c>[48,0]</c> if Latin-1 has a byte that cannot be printed.</summary>
    public static string Characters(string text)
    {
        var bytes = LosslessUtf8.GetBytes(text);
        return Array.TrueForAll(bytes, IsPrintable) ? Quoted(text) : $"[{string.Join(',', bytes)}]";
    }

    private static string Binary(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return "<<>>";
        if (Utf8.IsValid(bytes))
        {
            var text = Encoding.UTF8.GetString(bytes);
            if (!text.Any(char.IsControl)) return $"<<{Quoted(text)}{(text.Length == bytes.Length ? "" : "/utf8")}>>";
        }
        return $"<<{string.Join(',', bytes.ToArray())}>>";
    }

    private static string Element(FieldValue value) => $"{{{value.Type.Name()},{Render(value)}}}";

    /// <summary>A field as a term: <c>{&lt;&lt;"key"&gt;&gt;,long,1}</c>.</summary>
    public static string Field(KeyValuePair<string, FieldValue> field) =>
        $"{{{Binary(LosslessUtf8.GetBytes(field.Key))},{field.Value.Type.Name()},{Render(field.Value)}}}";

    /// <summary>The shortest form that reads back, always with a point.</summary>
    private static string Number(double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        return text.AsSpan().ContainsAny('.', 'E', 'N') ? text : text + ".0";
    }

    private static bool IsPrintable(byte character) =>
        character is (>= (byte)' ' and <= (byte)'~') or >= 0xA0 or (>= (byte)'\b' and <= (byte)'\r') or (byte)'\e';

    private static string Quoted(string text) => $"\"{string.Concat(text.Select(Escaped))}\"";

    private static string Escaped(char character) => character switch
    {
        '"' or '\\' => $"\\{character}",
        '\b' => "\\b",
        '\t' => "\\t",
        '\n' => "\\n",
        '\v' => "\\v",
        '\f' => "\\f",
        '\r' => "\\r",
        '\e' => "\\e",
        _ => character.ToString(),
    };
}
