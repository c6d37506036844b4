using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Amqp.Testing;
using Microsoft.OpenApi;

namespace Amqp.Management.Tests;

/// <summary>The document of the API, which tools make clients of, and the page on which people read it.</summary>
internal sealed class OpenApiTests
{
    /// <summary>What stands for the names in paths.</summary>
    private static readonly Dictionary<string, string> Names = new(StringComparer.Ordinal)
    {
        ["vhost"] = "%2F", ["queue"] = "documented", ["exchange"] = "amq.topic", ["source"] = "amq.topic", ["user"] = "anna", ["component"] = "vhost-limits",
    };

    private TestBroker _broker = null!;
    private HttpClient _http = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _broker = await TestBroker.Start();
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_broker.ManagementPort}") };
    }

    [OneTimeTearDown]
    public async Task End()
    {
        _http.Dispose();
        await _broker.DisposeAsync();
    }

    [Test]
    public async Task It_is_an_OpenAPI_document_of_all_paths_and_says_what_each_does()
    {
        var (document, diagnostic) = OpenApiDocument.Parse(await _http.GetStringAsync(new Uri("/api/openapi.json", UriKind.Relative)), OpenApiConstants.Json);
        Assert.That(diagnostic!.Errors, Is.Empty);
        var operations = document!.Paths.SelectMany(path => path.Value.Operations!.Select(operation => (path.Key, operation.Key.Method, operation.Value))).ToArray();
        Assert.Multiple(() =>
        {
            Assert.That(operations.Select(operation => $"{operation.Method} {operation.Key}"), Is.SupersetOf(new[] { "GET /api/overview", "PUT /api/policies/{vhost}/{name}", "POST /api/queues/{vhost}/{queue}/get" }));
            Assert.That(operations.Where(operation => string.IsNullOrEmpty(operation.Value.Summary)).Select(operation => operation.Key), Is.Empty, "without a sentence");
            Assert.That(operations.Select(operation => operation.Value.OperationId), Is.Unique);
            foreach (var (path, _, operation) in operations)
            {
                var inPath = Regex.Matches(path, @"\{(?<name>\w+)\}", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)).Select(match => match.Groups[1].Value);
                Assert.That((operation.Parameters ?? []).Where(parameter => parameter.In == ParameterLocation.Path).Select(parameter => parameter.Name), Is.EquivalentTo(inPath), path);
            }
        });
    }

    [Test]
    public async Task Each_body_that_it_gives_as_an_example_is_taken()
    {
        var node = (await Overview())["node"]!.GetValue<string>();
        var document = JsonNode.Parse(await _http.GetStringAsync(new Uri("/api/openapi.json", UriKind.Relative)))!;
        var taken = 0;
        // Drained at the end.
        foreach (var (path, methods) in document["paths"]!.AsObject().OrderBy(path => path.Key.Contains("maintenance", StringComparison.Ordinal)))
        {
            foreach (var (method, operation) in methods!.AsObject().Where(each => each.Value!["requestBody"] is not null))
            {
                foreach (var user in (string[])["anna", "berta"]) await Send("put", $"/api/users/{user}", """{"password":"...","tags":""}""");
                await Send("put", "/api/queues/%2F/documented", """{"durable":true,"arguments":{"x-message-ttl":60000}}""");
                var example = operation!["requestBody"]!["content"]!["application/json"]!["example"]!.ToJsonString();
                var (status, text) = await Send(method, Fill(path, node), example);
                // Understood, and the queue has no mirrors.
                if (path.EndsWith("/actions", StringComparison.Ordinal)) Assert.That(text, Does.Contain("not_mirrored"));
                else Assert.That((int)status, Is.InRange(200, 204), $"{method} {path} {example}: {text}");
                taken++;
            }
        }
        Assert.That(taken, Is.GreaterThan(25));
    }

    [Test]
    public async Task Its_page_has_all_it_needs_from_the_broker()
    {
        using var redirected = await _http.GetAsync(new Uri("/api/index.html", UriKind.Relative));
        var page = await redirected.Content.ReadAsStringAsync();
        Assert.That((redirected.StatusCode, redirected.RequestMessage!.RequestUri!.AbsolutePath), Is.EqualTo((HttpStatusCode.OK, "/api/docs/")));
        Assert.That(page, Does.Not.Contain("//").And.Contain("api/openapi.json"));
        var scripts = Regex.Matches(page, "src=\"(?<path>[^\"]+)\"", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)).Select(match => match.Groups[1].Value).ToArray();
        Assert.That(scripts, Is.Not.Empty);
        foreach (var script in scripts)
        {
            using var answer = await _http.GetAsync(new Uri($"/api/docs/{script}", UriKind.Relative));
            Assert.That((answer.StatusCode, answer.Content.Headers.ContentType!.MediaType), Is.EqualTo((HttpStatusCode.OK, "text/javascript")), script);
        }
    }

    private static string Fill(string path, string node)
    {
        foreach (var (name, value) in Names) path = path.Replace($"{{{name}}}", value, StringComparison.Ordinal);
        var limit = path.Contains("vhost-limits/%2F", StringComparison.Ordinal) && !path.Contains("/parameters/", StringComparison.Ordinal) ? "max-queues" : path.Contains("user-limits", StringComparison.Ordinal) ? "max-channels" : "limits";
        return path.Replace("{destination}", path.Contains("/q/", StringComparison.Ordinal) ? "documented" : "amq.fanout", StringComparison.Ordinal)
            .Replace("{name}", limit, StringComparison.Ordinal)
            .Replace("{node}", node, StringComparison.Ordinal);
    }

    private async Task<JsonNode> Overview() => JsonNode.Parse((await Send("get", "/api/overview", body: null)).Text)!;

    private async Task<(HttpStatusCode Status, string Text)> Send(string method, string path, string? body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method.ToUpperInvariant()), new Uri(path, UriKind.Relative));
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("guest:guest"u8));
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await _http.SendAsync(request);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }
}
