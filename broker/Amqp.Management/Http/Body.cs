using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Amqp.Management.Http;

/// <summary>A request is not what the endpoint takes; answered with 400 and the message.</summary>
internal sealed class BadRequestException(string reason) : Exception(reason);

/// <summary>The JSON object that a request carries.</summary>
internal sealed class Body
{
    private readonly JsonObject _json;

    private Body(JsonObject json)
    {
        _json = json;
    }

    /// <summary>Lets a handler have it as an argument.</summary>
    /// <exception cref="BadRequestException">It is no object.</exception>
    public static async ValueTask<Body> BindAsync(HttpContext context)
    {
        try
        {
            return await JsonNode.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted) is JsonObject json
                ? new Body(json)
                : throw new BadRequestException("the body is not a JSON object");
        }
        catch (JsonException)
        {
            throw new BadRequestException("not_json");
        }
    }

    public bool Has(string key) => _json.ContainsKey(key);

    /// <exception cref="BadRequestException">It is missing, or no text.</exception>
    public string Text(string key) => TextOrNull(key) ?? throw new BadRequestException($"{{key_missing,{key}}}");

    /// <summary>Null: it is missing, or <c>null</c>.</summary>
    /// <exception cref="BadRequestException">It is no text.</exception>
    public string? TextOrNull(string key) => _json[key] switch
    {
        null => null,
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        _ => throw new BadRequestException($"'{key}' is not a text"),
    };

    /// <summary>Words, as an array or as one text with commas; empty ones are left out.</summary>
    /// <returns>Null: it is missing.</returns>
    /// <exception cref="BadRequestException">It is neither.</exception>
    public IEnumerable<string>? Words(string key) => _json[key] switch
    {
        null => null,
        JsonArray array => array.Select(item => item is JsonValue value && value.TryGetValue<string>(out var word)
            ? word
            : throw new BadRequestException($"'{key}' is not a list of texts")),
        _ => Text(key).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
    };

    /// <summary>Null: it is missing.</summary>
    /// <exception cref="BadRequestException">It is no number.</exception>
    public double? Number(string key) => _json[key] switch
    {
        null => null,
        JsonValue value when value.TryGetValue<double>(out var number) => number,
        _ => throw new BadRequestException($"'{key}' is not a number"),
    };

    /// <exception cref="BadRequestException">It is missing, or no whole number.</exception>
    public long Integer(string key) => _json[key] is JsonValue value && value.TryGetValue<long>(out var number)
        ? number
        : throw new BadRequestException($"'{key}' is missing or not a whole number");

    /// <exception cref="BadRequestException">It is missing, or neither true nor false.</exception>
    public bool Flag(string key) => _json[key] is JsonValue value && value.TryGetValue<bool>(out var flag)
        ? flag
        : throw new BadRequestException($"'{key}' is missing or neither true nor false");
}
