using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Amqp.Testing;

/// <summary>What the API answered.</summary>
public sealed record ApiAnswer(HttpStatusCode Status, JsonNode? Json)
{
    public JsonNode? this[string key] => Json![key];
}

/// <summary>A client of the API on a broker's control socket.</summary>
public sealed class ControlApi(TestBroker broker)
{
    public string SocketPath { get; } = Path.Combine(broker.Directory, "control.sock");

    public Task<ApiAnswer> Get(string path) => Send(HttpMethod.Get, path, body: null);

    public Task<ApiAnswer> Put(string path, object body, params (string Name, string Value)[] headers) => Send(HttpMethod.Put, path, body, headers);

    public Task<ApiAnswer> Delete(string path, params (string Name, string Value)[] headers) => Send(HttpMethod.Delete, path, body: null, headers);

    /// <summary>A list, as an array.</summary>
    public async Task<JsonObject[]> List(string path) => [.. (await Get(path)).Json!.AsArray().Select(item => item!.AsObject())];

    public async Task<ApiAnswer> Send(HttpMethod method, string path, object? body, params (string Name, string Value)[] headers)
    {
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancel);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        });
        using var request = new HttpRequestMessage(method, new Uri($"http://localhost/api/{path}"));
        request.Content = body switch
        {
            null => null,
            string text => new StringContent(text),
            _ => JsonContent.Create(body),
        };
        foreach (var (name, value) in headers) request.Headers.Add(name, value);
        using var response = await client.SendAsync(request);
        var answer = await response.Content.ReadAsStringAsync();
        return new ApiAnswer(response.StatusCode, answer.Length == 0 ? null : JsonNode.Parse(answer));
    }
}
