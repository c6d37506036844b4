using System.Runtime.InteropServices;
using System.Text.Json;
using Amqp.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Amqp.Management.Http;

/// <summary>The JSON object that a request carries. Of members with the same name the last one counts, as in RabbitMQ.</summary>
internal sealed class Body
{
    private static readonly Body Empty = new(JsonElement.Parse("{}"));

    private readonly JsonElement _object;

    private Body(JsonElement json) => _object = json;

    /// <summary>As JSON.</summary>
    public string Json => _object.GetRawText();

    /// <summary>Lets a handler have it as an argument.</summary>
    /// <exception cref="BadRequestException">It is no object.</exception>
    public static async ValueTask<Body> BindAsync(HttpContext context)
    {
        // As in RabbitMQ nothing at all, and null, are an object without members.
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != true) return Empty;
        try
        {
            var json = await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.Body, cancellationToken: context.RequestAborted);
            return Read(json);
        }
        catch (JsonException)
        {
            throw new BadRequestException("not_json");
        }
    }

    /// <exception cref="BadRequestException">It is no object.</exception>
    public static Body Read(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => Of(json),
        JsonValueKind.Null => Empty,
        JsonValueKind.String => throw new BadRequestException("invalid payload: the request body JSON-decoded to a string. Is the input doubly-JSON-encoded?"),
        _ => throw new BadRequestException("not_json"),
    };

    /// <summary>The objects of a list; what else is in it does not count, as in RabbitMQ. Empty: it is missing.</summary>
    /// <exception cref="BadRequestException">It is no list.</exception>
    public IReadOnlyList<Body> Items(string key) => Find(key) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.Object).Select(Of)],
        _ => throw new BadRequestException($"'{key}' is not a list"),
    };

    /// <summary>An object; null: it is missing, or something else.</summary>
    public Body? Inner(string key) => Find(key) is { ValueKind: JsonValueKind.Object } inner ? Of(inner) : null;

    /// <exception cref="BadRequestException">It is missing, or no text.</exception>
    public string Text(string key) => TextOrNull(key) ?? throw new BadRequestException($"{{key_missing,{key}}}");

    /// <summary>Null: it is missing, or <c>null</c>.</summary>
    /// <exception cref="BadRequestException">It is no text.</exception>
    public string? TextOrNull(string key) =>
        Find(key) is { } value ? TextOf(value) ?? throw new BadRequestException($"'{key}' is not a text") : null;

    /// <summary>Words, as an array or as one text with commas; empty ones are left out.</summary>
    /// <returns>Null: it is missing.</returns>
    /// <exception cref="BadRequestException">It is neither.</exception>
    public IEnumerable<string>? Words(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } array =>
            array.EnumerateArray().Select(item => TextOf(item) ?? throw new BadRequestException($"'{key}' is not a list of texts")),
        _ => Text(key).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
    };

    /// <summary>Null: it is missing.</summary>
    /// <exception cref="BadRequestException">It is no number, or larger than can be.</exception>
    public double? Number(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetDouble(out var number) && double.IsFinite(number) => number,
        _ => throw new BadRequestException($"'{key}' is not a number"),
    };

    /// <exception cref="BadRequestException">It is missing, or no whole number.</exception>
    public long Integer(string key) => Find(key) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number)
        ? number
        : throw new BadRequestException($"'{key}' is missing or not a whole number");

    /// <summary>A whole number, or one as a text, which RabbitMQ's own tools send.</summary>
    /// <exception cref="BadRequestException">It is missing, or none of that.</exception>
    public long IntegerOrText(string key) => Value(key) is { ValueKind: JsonValueKind.String } text
        ? DecimalDigits.TryParse(TextOf(text), out var number) ? number : throw new BadRequestException($"'{key}' is not a whole number")
        : Integer(key);

    /// <exception cref="BadRequestException">It is missing, or neither true nor false.</exception>
    public bool Flag(string key) => FlagOrNull(key) ?? throw new BadRequestException($"'{key}' is missing or neither true nor false");

    /// <summary>Null: it is missing.</summary>
    /// <exception cref="BadRequestException">It is neither true nor false.</exception>
    public bool? FlagOrNull(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True or JsonValueKind.False } value => value.GetBoolean(),
        _ => throw new BadRequestException($"'{key}' is missing or neither true nor false"),
    };

    /// <summary>True, false, or one of them as a text, which RabbitMQ's own tools send.</summary>
    /// <returns>False if it is missing.</returns>
    /// <exception cref="BadRequestException">It is none of that.</exception>
    public bool FlagOrText(string key) => FlagOrTextOrNull(key) ?? false;

    /// <summary>Likewise; null: it is missing.</summary>
    /// <exception cref="BadRequestException">It is none of that.</exception>
    public bool? FlagOrTextOrNull(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } value => TextOf(value) switch { "true" => true, "false" => false, _ => throw new BadRequestException($"'{key}' is neither true nor false") },
    };

    /// <summary>Any value.</summary>
    /// <exception cref="BadRequestException">It is missing, or a text in it is none.</exception>
    public JsonElement Value(string key) => ValueOrNull(key) ?? throw new BadRequestException($"{{key_missing,{key}}}");

    /// <summary>Any value; null: it is missing, or <c>null</c>.</summary>
    /// <exception cref="BadRequestException">A text in it is none.</exception>
    public JsonElement? ValueOrNull(string key) => Find(key) is not { } value ? null
        : HasTexts(value) ? value
        : throw new BadRequestException($"'{key}' contains what is not Unicode");

    private static Body Of(JsonElement json) => json.EnumerateObject().All(HasName) ? new(json) : throw new BadRequestException("not_json");

    private JsonElement? Find(string key) =>
        _object.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static bool HasTexts(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => TextOf(value) is not null,
        JsonValueKind.Array => value.EnumerateArray().All(HasTexts),
        JsonValueKind.Object => value.EnumerateObject().All(member => HasName(member) && HasTexts(member.Value)),
        _ => true,
    };

    private static bool HasName(JsonProperty member)
    {
        if (!JsonMarshal.GetRawUtf8PropertyName(member).Contains((byte)'\\')) return true;
        try
        {
            return member.Name is not null;
        }
        catch (InvalidOperationException)
        {
            return false; // as below
        }
    }

    private static string? TextOf(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // not UTF-8, or half of a surrogate pair
        }
    }
}
