using System.Net;
using System.Text.Json.Nodes;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Management.Tests;

/// <summary>Who is let in on the TCP port, and to what: RabbitMQ's rules and words.</summary>
internal sealed class LoginTests : ApiFixture
{
    private static readonly string[] Tags = ["management", "policymaker", "monitoring", "administrator"];

    // Its own: refused logins are logged, and not each of them.
    private TestBroker _broker = null!;
    private ControlApi _operator = null!;

    [OneTimeSetUp]
    public async Task MakeUsers()
    {
        _broker = await TestBroker.Start();
        _operator = new ControlApi(_broker);
        await _operator.Put("vhosts/inside", new { });
        await _operator.Put("vhosts/outside", new { });
        foreach (var tag in Tags.Append(""))
        {
            await _operator.Put($"users/u-{tag}", new { password = "p", tags = tag });
            await _operator.Put($"permissions/inside/u-{tag}", new { configure = ".*", write = ".*", read = "open.*" });
        }
    }

    [OneTimeTearDown]
    public Task End() => _broker.DisposeAsync().AsTask();

    [Test]
    public async Task Without_a_login_a_client_is_told_how_to_log_in()
    {
        var answer = await new HttpApi(_broker, user: null).Get("overview");
        Assert.That((answer.Status, answer.Json), Is.EqualTo((HttpStatusCode.Unauthorized, (JsonNode?)null)));
        Assert.That(answer.Response!.Headers.WwwAuthenticate.ToString(), Is.EqualTo("Basic realm=\"RabbitMQ Management\""));
    }

    [Test]
    public async Task What_is_not_there_is_not_there_for_anyone() => Assert.That((await new HttpApi(_broker, user: null).Get("nothing")).Status, Is.EqualTo(HttpStatusCode.NotFound));

    [Test]
    public async Task A_header_alone_can_be_asked_for()
    {
        var answer = await new HttpApi(_broker).Send(HttpMethod.Head, "overview", body: null);
        Assert.That((answer.Status, answer.Json, answer.Response!.Content.Headers.ContentType!.ToString()), Is.EqualTo((HttpStatusCode.OK, (JsonNode?)null, "application/json")));
    }

    [TestCase("guest", "wrong")]
    [TestCase("stranger", "guest")]
    [TestCase("guest", "")]
    public async Task A_wrong_name_or_password_is_refused_without_saying_which(string user, string password) =>
        await Refused(new HttpApi(_broker, user, password), "overview", "Not_Authorized", "not_authorized");

    [TestCase("Basic %%%")]
    [TestCase("Basic Z3Vlc3Q=")]
    [TestCase("Basic /////w==")]
    [TestCase("Basic")]
    [TestCase("Bearer abc")]
    [TestCase("nonsense nonsense nonsense")]
    public async Task What_is_no_login_is_none(string header) => Assert.That(
        (await new HttpApi(_broker, user: null).Send(HttpMethod.Get, "overview", body: null, ("Authorization", header))).Status, Is.EqualTo(HttpStatusCode.Unauthorized));

    [TestCase("POST", "overview", HttpStatusCode.MethodNotAllowed, "GET")]
    [TestCase("PATCH", "queues/%2F/q", HttpStatusCode.MethodNotAllowed, "DELETE, GET, PUT")]
    [TestCase("OPTIONS", "queues/%2F/q", HttpStatusCode.OK, "DELETE, GET, PUT")]
    [TestCase("OPTIONS", "nothing", HttpStatusCode.NotFound, "")]
    public async Task Which_methods_there_are_is_told_without_a_login(string method, string path, HttpStatusCode status, string allowed)
    {
        using var response = (await new HttpApi(_broker, user: null).Send(new HttpMethod(method), path, body: null)).Response!;
        Assert.That((response.StatusCode, string.Join(", ", response.Content.Headers.Allow.Order(StringComparer.Ordinal))), Is.EqualTo((status, allowed)));
    }

    [TestCase("overview", "")]
    [TestCase("queues", "")]
    [TestCase("queues/inside", "")]
    [TestCase("queues/outside", "administrator")]
    [TestCase("vhost-limits/outside", "monitoring administrator")]
    [TestCase("policies/outside/p", "administrator", HttpStatusCode.NotFound)]
    [TestCase("policies/inside/p", "policymaker administrator", HttpStatusCode.NotFound)]
    [TestCase("operator-policies/inside/p", "administrator", HttpStatusCode.NotFound)]
    [TestCase("parameters", "policymaker administrator")]
    [TestCase("global-parameters", "policymaker administrator")]
    [TestCase("nodes", "monitoring administrator")]
    [TestCase("users", "administrator")]
    [TestCase("permissions", "administrator")]
    [TestCase("vhosts/inside", "administrator")]
    [TestCase("vhosts", "")]
    public async Task What_a_user_may_see_is_said_by_its_tag_and_permissions(string path, string tags, HttpStatusCode status = HttpStatusCode.OK)
    {
        foreach (var tag in Tags)
        {
            var isAllowed = tags.Length == 0 || tags.Split(' ').Contains(tag);
            Assert.That((await As(tag).Get(path)).Status, Is.EqualTo(isAllowed ? status : HttpStatusCode.Unauthorized), tag);
        }
        await Refused(As(""), path, "Not management user");
    }

    [TestCase("users", "Not administrator user")]
    [TestCase("nodes", "Not monitor user")]
    [TestCase("queues/outside", "User not authorised to access virtual host")]
    [TestCase("parameters", "User not authorised to access object")]
    public Task The_refusal_says_what_is_missing(string path, string reason) => Refused(As("management"), path, reason);

    [Test]
    public async Task Lists_show_a_user_what_is_its_own()
    {
        var channel = await (await Connect(_broker, vhost: "outside", user: await Outsider())).CreateChannelAsync();
        await channel.QueueDeclareAsync("there", durable: true, exclusive: false, autoDelete: false);
        await Connect(_broker, vhost: "inside", user: "u-management", password: "p");
        Assert.That(await Names("queues", "management"), Has.None.EqualTo("there"));
        Assert.That(await Names("queues", "monitoring"), Has.None.EqualTo("there"), "RabbitMQ's rule: monitors see the virtual host, and not into it");
        Assert.That(await Names("queues", "administrator"), Has.One.EqualTo("there"));
        Assert.That(await Names("vhosts", "management"), Is.EqualTo(new[] { "inside" }));
        Assert.That(await Names("vhosts", "monitoring"), Is.SupersetOf(new[] { "inside", "outside" }));
        Assert.That((await As("management").List("connections")).Select(Owner).Distinct(), Is.EqualTo(new[] { "u-management" }));
        Assert.That((await As("monitoring").List("connections")).Select(Owner), Is.SupersetOf(new[] { "u-management", "outsider" }));
        var (all, own) = (await As("monitoring").Get("overview"), await As("management").Get("overview"));
        Assert.That((all["object_totals"]!["connections"]!.GetValue<int>(), own["object_totals"]!["connections"]!.GetValue<int>()), Is.EqualTo((2, 1)));
        Assert.That((all["listeners"]!.AsArray().Count > 0, own["listeners"]!.AsArray().Count), Is.EqualTo((true, 0)));
        Assert.That((await As("management").Delete("connections/username/outsider")).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await As("management").Delete("connections/username/u-management")).Status, Is.EqualTo(HttpStatusCode.NoContent));
        await channel.QueueDeleteAsync("there");

        static string Owner(JsonObject connection) => connection["user"]!.GetValue<string>();
    }

    [Test]
    public async Task What_a_user_does_needs_its_permissions_there()
    {
        var channel = await (await Connect(_broker, vhost: "inside", user: "u-administrator", password: "p")).CreateChannelAsync();
        foreach (var name in new[] { "open", "shut" }) await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false);
        Assert.That((await As("management").Delete("queues/inside/open/contents")).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await As("management").Delete("queues/inside/shut/contents")).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await As("management").Get("queues/inside/shut/messages"))["reason"]!.GetValue<string>(), Is.EqualTo("Access refused."));
        Assert.That((await As("management").Delete("queues/inside/shut")).Status, Is.EqualTo(HttpStatusCode.NoContent));
        await channel.QueueDeclareAsync("own", durable: false, exclusive: true, autoDelete: false);
        Assert.That((await As("management").Delete("queues/inside/own")).Status, Is.EqualTo(HttpStatusCode.BadRequest), "another connection's own");
        await channel.QueueDeleteAsync("open");
    }

    [TestCase("operator_policy/inside/p", """{"value":{"pattern":"^none$","definition":{"max-length":1},"priority":0,"apply-to":"queues"}}""")]
    [TestCase("vhost-limits/inside/limits", """{"value":{"max-queues":-1}}""")]
    public async Task What_bounds_policymakers_is_set_by_administrators_whatever_the_path(string path, string body)
    {
        Assert.That((await As("policymaker").Send(HttpMethod.Put, $"parameters/{path}", body)).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await As("administrator").Send(HttpMethod.Put, $"parameters/{path}", body)).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await As("policymaker").Delete($"parameters/{path}")).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await As("administrator").Delete($"parameters/{path}")).Status, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [Test]
    public async Task The_process_is_for_operators_of_its_host()
    {
        var path = $"nodes/{(await _operator.Get("node"))["name"]}/app";
        Assert.That((await new HttpApi(_broker).Put(path, new { running = false })).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await new HttpApi(_broker).Get("overview"))["node"]!.GetValue<string>(), Does.StartWith("test"));
    }

    [Test]
    public async Task Nothing_of_a_request_is_read_before_its_login()
    {
        var (body, asks) = (new string(' ', 10_000_000), ("Expect", "100-continue"));
        Assert.That((await new HttpApi(_broker, "guest", "wrong").Send(HttpMethod.Put, "users/x", body, asks)).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await new HttpApi(_broker).Send(HttpMethod.Put, "users/x", body, asks)).Status, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
    }

    [Test]
    public async Task Guessing_is_slowed_down_for_that_user_only()
    {
        await using var broker = await TestBroker.Start("--Limits:FailedLoginsPerMinute=5");
        await new HttpApi(broker).Put("users/guessed", new { password = "right", tags = "management" });
        for (var guess = 0; guess < 30; guess++) await new HttpApi(broker, "guessed", $"{guess}").Get("whoami");
        Assert.That((await new HttpApi(broker, "guessed", "right").Get("whoami")).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await new HttpApi(broker).Get("whoami"))["name"]!.GetValue<string>(), Is.EqualTo("guest"));
        Assert.That(broker.Log.Lines.Count(line => line.Contains("HTTP access denied", StringComparison.Ordinal)), Is.InRange(1, 3), "they cannot fill the disk either");
    }

    [Test]
    public async Task While_the_node_is_stopped_it_is_said_to_be()
    {
        await using var broker = await TestBroker.Start();
        var operators = new ControlApi(broker);
        var path = $"nodes/{(await operators.Get("node"))["name"]}/app";
        Assert.That((await operators.Put(path, new { running = false })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await new HttpApi(broker).Get("overview")).Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        await operators.Put(path, new { running = true });
        Assert.That((await new HttpApi(broker).Get("overview")).Status, Is.EqualTo(HttpStatusCode.OK));
    }

    private HttpApi As(string tag) => new(_broker, $"u-{tag}", "p");

    private async Task<string> Outsider()
    {
        await _operator.Put("users/outsider", new { password = "guest", tags = "" });
        await _operator.Put("permissions/outside/outsider", new { configure = ".*", write = ".*", read = ".*" });
        return "outsider";
    }

    private async Task<string[]> Names(string path, string tag) => [.. (await As(tag).List(path)).Select(item => item["name"]!.GetValue<string>())];

    private static async Task Refused(HttpApi api, string path, string reason, string error = "not_authorised")
    {
        var answer = await api.Get(path);
        Assert.That((answer.Status, answer["error"]?.GetValue<string>(), answer["reason"]?.GetValue<string>()), Is.EqualTo((HttpStatusCode.Unauthorized, error, reason)));
    }
}
