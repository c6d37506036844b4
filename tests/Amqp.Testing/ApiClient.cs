using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace Amqp.Testing;

/// <summary>What the API answered.</summary>
public sealed record ApiAnswer(HttpStatusCode Status, JsonNode? Json)
{
    public HttpResponseMessage? Response { get; init; }

    public JsonNode? this[string key] => Json![key];
}

/// <summary>A client of a broker's API: each request goes over a connection of its own.</summary>
public abstract class ApiClient
{
    public Task<ApiAnswer> Get(string path) => Send(HttpMethod.Get, path, body: null);

    public Task<ApiAnswer> Put(string path, object body, params (string Name, string Value)[] headers) => Send(HttpMethod.Put, path, body, headers);

    public Task<ApiAnswer> Delete(string path, params (string Name, string Value)[] headers) => Send(HttpMethod.Delete, path, body: null, headers);

    /// <summary>A list, as an array.</summary>
    public async Task<JsonObject[]> List(string path) => [.. (await Get(path)).Json!.AsArray().Select(item => item!.AsObject())];

    public async Task<ApiAnswer> Send(HttpMethod method, string path, object? body, params (string Name, string Value)[] headers)
    {
        using var client = NewClient();
        using var request = new HttpRequestMessage(method, new Uri($"api/{path}", UriKind.Relative));
        request.Content = body switch
        {
            null => null,
            string text => new StringContent(text),
            _ => JsonContent.Create(body),
        };
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await client.SendAsync(request);
        var answer = await response.Content.ReadAsStringAsync();
        return new ApiAnswer(response.StatusCode, answer.Length == 0 ? null : JsonNode.Parse(answer)) { Response = response };
    }

    /// <summary>The status alone, of an answer that may be no JSON.</summary>
    public async Task<HttpStatusCode> StatusOf(HttpMethod method, string path, string? body)
    {
        using var client = NewClient();
        using var request = new HttpRequestMessage(method, new Uri($"api/{path}", UriKind.Relative));
        if (body is not null) request.Content = new StringContent(body);
        using var response = await client.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        return response.StatusCode;
    }

    protected abstract HttpClient NewClient();
}
