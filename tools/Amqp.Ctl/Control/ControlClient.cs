using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Amqp.Ctl.Control;

/// <summary>The control socket does not answer; the message says why and what to do.</summary>
internal sealed class UnreachableException(string message, Exception inner) : Exception(message, inner);

/// <summary>What the broker answered.</summary>
/// <param name="Body">The JSON, or an undefined element where there is none.</param>
internal sealed record Answer(HttpStatusCode Status, JsonElement Body)
{
    public bool IsMissing => Status == HttpStatusCode.NotFound;

    public bool Exists => Status == HttpStatusCode.PreconditionFailed;

    public bool IsGood => (int)Status is >= 200 and < 300;

    /// <summary>Why the broker refused.</summary>
    public string Reason => Body.ValueKind == JsonValueKind.Object && Body.TryGetProperty("reason", out var reason) ? reason.ToString() : $"the broker answered {(int)Status}";

    /// <summary>The body of what went well.</summary>
    /// <exception cref="Failure">It did not.</exception>
    public JsonElement Good() => IsGood ? Body : throw Failure.Error(Status >= HttpStatusCode.InternalServerError ? ExitCode.Software : ExitCode.Unavailable, Reason);
}

/// <summary>The management HTTP API: over the control socket, where there is no login and everything is allowed, or over TCP as a user who has logged in.</summary>
internal sealed class ControlClient : IDisposable
{
    private static readonly UriCreationOptions AsGiven = new() { DangerousDisablePathAndQueryCanonicalization = true };

    /// <summary>Names, in an answer, the nodes that run and have said nothing.</summary>
    private const string MissingHeader = "X-Missing-Nodes";

    private readonly HttpClient _http;
    private readonly string _root;
    private readonly Func<SocketException?, Exception, string> _explain;

    private ControlClient(SocketsHttpHandler handler, string root, Func<SocketException?, Exception, string> explain)
    {
        // An explanation for a closed connection is in whatever language its writer speaks.
        handler.RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8;
        // The command's own time covers all of its requests.
        (_http, _root, _explain) = (new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan }, root, explain);
    }

    /// <param name="socket">Path of the control socket.</param>
    public static ControlClient OverSocket(string socket) => new(
        new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancel);
                    return new NetworkStream(connection, ownsSocket: true);
                }
                catch
                {
                    connection.Dispose();
                    throw;
                }
            },
        },
        "http://localhost",
        (refusal, otherwise) => Explain(socket, refusal, otherwise));

    /// <param name="url">Of the management port, with user and password: <c>http://user:password@host:15672</c>.</param>
    public static ControlClient OverHttp(Uri url)
    {
        var address = url.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped).TrimEnd('/');
        var client = new ControlClient(new SocketsHttpHandler(), address, (_, otherwise) => $"the management API at {address} does not answer: {otherwise.Message}");
        var login = Uri.UnescapeDataString(url.UserInfo.Length > 0 ? url.UserInfo : "guest:guest");
        client._http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(login)));
        return client;
    }

    /// <summary>Nodes of which answers lack what they have, with the reason; each once.</summary>
    public SortedDictionary<string, string> Missing { get; } = new(StringComparer.Ordinal);

    public Task<Answer> Get(string path, CancellationToken cancel) => Send(HttpMethod.Get, path, null, cancel);

    public Task<Answer> Put(string path, JsonNode body, CancellationToken cancel) => Send(HttpMethod.Put, path, body, cancel);

    /// <summary>A PUT that changes nothing where there is something already.</summary>
    public Task<Answer> Create(string path, JsonNode body, CancellationToken cancel) => Send(HttpMethod.Put, path, body, cancel, ("If-None-Match", "*"));

    public Task<Answer> Post(string path, JsonNode body, CancellationToken cancel) => Send(HttpMethod.Post, path, body, cancel);

    public Task<Answer> Delete(string path, CancellationToken cancel, params (string Name, string Value)[] headers) => Send(HttpMethod.Delete, path, null, cancel, headers);

    /// <summary>Lines of an answer that goes on, as they come; until the broker ends it.</summary>
    /// <exception cref="Failure">There is no such thing.</exception>
    public async IAsyncEnumerable<string> Lines(string path, [EnumeratorCancellation] CancellationToken cancel)
    {
        using var response = await _http.GetAsync(new Uri(_root + path, AsGiven), HttpCompletionOption.ResponseHeadersRead, cancel);
        if (!response.IsSuccessStatusCode) throw Failure.Error(ExitCode.Unavailable, await response.Content.ReadAsStringAsync(cancel));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancel));
        while (await reader.ReadLineAsync(cancel) is { } line) yield return line;
    }

    /// <summary>The path of an object, whose name may contain anything: <c>Path("vhosts", name)</c>.</summary>
    public static string Path(params ReadOnlySpan<string> parts)
    {
        var path = new StringBuilder("/api");
        foreach (var part in parts) path.Append('/').Append(Uri.EscapeDataString(part));
        return path.ToString();
    }

    public void Dispose() => _http.Dispose();

    private async Task<Answer> Send(HttpMethod method, string path, JsonNode? body, CancellationToken cancel, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(_root + path, AsGiven));
        if (body is not null) request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value.ReplaceLineEndings(" "));
        try
        {
            using var response = await _http.SendAsync(request, cancel);
            if (response.Headers.TryGetValues(MissingHeader, out var missing))
            {
                foreach (var node in missing.SelectMany(value => JsonElement.Parse(value).EnumerateArray())) Missing[node.GetProperty("node").GetString()!] = node.GetProperty("reason").GetString()!;
            }
            var bytes = await response.Content.ReadAsByteArrayAsync(cancel);
            return new Answer(response.StatusCode, bytes.Length > 0 ? JsonElement.Parse(bytes) : default);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new UnreachableException(_explain(e.InnerException as SocketException, e), e);
        }
        catch (JsonException e)
        {
            throw new UnreachableException($"what answers is not a broker: {e.Message}", e);
        }
    }

    private static string Explain(string socket, SocketException? refusal, Exception otherwise) => refusal?.SocketErrorCode switch
    {
        SocketError.AccessDenied => $"the control socket '{socket}' may not be opened by this user; run this as the user whom the broker runs as",
        SocketError.ConnectionRefused => $"nothing listens on the control socket '{socket}'; the broker that made it has ended. Start it again",
        _ when !File.Exists(socket) => $"there is no control socket '{socket}'. Start the broker, or say where its data is: --data-directory <directory>, or --socket <path>",
        _ => $"the control socket '{socket}' does not answer: {otherwise.Message}",
    };
}
