using System.Net;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Management.Tests;

/// <summary>Policies and parameters, as operators set them and queues follow.</summary>
internal sealed class PolicyTests : ApiFixture
{
    [TestCase("policies")]
    [TestCase("operator-policies")]
    public async Task A_policy_is_made_changed_and_deleted(string kind)
    {
        var name = Name("a/b");
        var path = $"{kind}/%2F/{Uri.EscapeDataString(name)}";
        var pattern = $"^{name}$";
        Assert.That((await Api.Put(path, new { pattern, definition = new Dictionary<string, int> { ["message-ttl"] = 5 } })).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Api.Get(path)).Json!.ToJsonString(), Is.EqualTo(
            $$$"""{"vhost":"/","name":"{{{name}}}","pattern":"{{{pattern}}}","apply-to":"all","definition":{"message-ttl":5},"priority":0}"""));
        var changed = await Api.Send(HttpMethod.Put, path, $$$"""{"pattern":"x","apply-to":"queues","priority":-3,"definition":{"expires":7},"vhost":"ignored"}""");
        Assert.That(changed.Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Api.List($"{kind}/%2F")).Single(policy => policy["name"]!.GetValue<string>() == name).ToJsonString(), Is.EqualTo(
            $$$"""{"vhost":"/","name":"{{{name}}}","pattern":"x","apply-to":"queues","definition":{"expires":7},"priority":-3}"""));
        Assert.That((await Api.List(kind)).Select(policy => policy["name"]!.GetValue<string>()), Has.One.EqualTo(name));
        Assert.That((await Api.Delete(path)).Status, Is.EqualTo(HttpStatusCode.NoContent));
        foreach (var answer in new[] { await Api.Get(path), await Api.Delete(path), await Api.Get($"{kind}/nowhere"), await Api.Put($"{kind}/nowhere/p", new { pattern, definition = new { expires = 1 } }) })
            Assert.That(answer.Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [TestCase("""{"definition":{"expires":1}}""", "{key_missing,pattern}")]
    [TestCase("""{"pattern":"x"}""", "{key_missing,definition}")]
    [TestCase("""{"pattern":"x","definition":{"expires":0}}""", "Validation failed\n\n0 is not a valid queue expiry\n")]
    [TestCase("""{"pattern":"x","definition":{"colour":"blue"}}""", "Validation failed\n\n[{<<\"colour\">>,<<\"blue\">>}] are not recognised policy settings\n")]
    [TestCase("""{"pattern":"x","definition":"{}"}""", "Validation failed\n\ndefinition must be a dictionary: <<\"{}\">>\n")]
    [TestCase("""{"pattern":"x","definition":{"expires":1},"priority":"high"}""", "Validation failed\n\npriority should be a number, actually was <<\"high\">>\n")]
    [TestCase("""{"pattern":"\ud800","definition":{"expires":1}}""", "'pattern' contains what is not Unicode")]
    public async Task A_policy_that_cannot_be_is_refused(string body, string reason)
    {
        var answer = await Api.Send(HttpMethod.Put, "policies/%2F/never-made", body);
        Assert.That((answer.Status, answer["reason"]!.GetValue<string>()), Is.EqualTo((HttpStatusCode.BadRequest, reason)));
        Assert.That((await Api.Get("policies/%2F/never-made")).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task A_queue_follows_policies_while_it_runs_and_over_a_restart()
    {
        await using var broker = await TestBroker.Start();
        var api = new ControlApi(broker);
        var channel = await (await Connect(broker)).CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: true, exclusive: false, autoDelete: false);
        await api.Put("policies/%2F/short", new { pattern = "^q", definition = new Dictionary<string, int> { ["message-ttl"] = 1 } });
        await api.Put("operator-policies/%2F/cap", new { pattern = "q$", definition = new { expires = 3_600_000 } });
        await channel.BasicPublishAsync("", "q", "goes soon"u8.ToArray());
        await Eventually.That(() => channel.MessageCountAsync("q"), Is.Zero);
        Assert.That(await Shown(), Is.EqualTo(("short", "cap", """{"expires":3600000,"message-ttl":1}""")));

        await broker.Restart();
        Assert.That(await Shown(), Is.EqualTo(("short", "cap", """{"expires":3600000,"message-ttl":1}""")));
        await api.Delete("operator-policies/%2F/cap");
        await api.Put("policies/%2F/short", new { pattern = "^q", definition = new { expires = 1 } });
        await Eventually.That(async () => (await api.Get("queues/%2F/q")).Status, Is.EqualTo(HttpStatusCode.NotFound));

        async Task<(string?, string?, string)> Shown()
        {
            var queue = (await api.Get("queues/%2F/q")).Json!;
            return (queue["policy"]?.GetValue<string>(), queue["operator_policy"]?.GetValue<string>(), queue["effective_policy_definition"]!.ToJsonString());
        }
    }

    [Test]
    public async Task An_alternate_exchange_comes_and_goes_with_a_policy()
    {
        var (exchange, queue) = (Name("x"), Name("q"));
        var channel = await (await Connect()).CreateChannelAsync();
        await channel.ExchangeDeclareAsync(exchange, "direct");
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: true, autoDelete: false);
        await channel.QueueBindAsync(queue, "amq.fanout", "");
        var path = $"policies/%2F/{exchange}";
        await Api.Put(path, new { pattern = $"^{exchange}$", definition = new Dictionary<string, string> { ["alternate-exchange"] = "amq.fanout" } });
        Assert.That((await Api.List("exchanges/%2F")).Single(each => each["name"]!.GetValue<string>() == exchange)["policy"]!.GetValue<string>(), Is.EqualTo(exchange));
        await channel.BasicPublishAsync(exchange, "unbound", "m"u8.ToArray());
        await Eventually.That(() => channel.MessageCountAsync(queue), Is.EqualTo(1));
        await Api.Delete(path);
        await channel.BasicPublishAsync(exchange, "unbound", "lost"u8.ToArray());
        await channel.BasicPublishAsync("", queue, "m"u8.ToArray());
        await Eventually.That(() => channel.MessageCountAsync(queue), Is.EqualTo(2));
    }

    [Test]
    public async Task A_virtual_host_can_merge_its_policies()
    {
        var vhost = Name();
        Assert.That((await Api.Send(HttpMethod.Put, $"vhosts/{vhost}", """{"policy-merge":true}""")).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Api.Get($"vhosts/{vhost}"))["metadata"]!.ToJsonString(), Is.EqualTo("""{"description":"","tags":[],"policy-merge":true}"""));
        await Api.Put($"policies/{vhost}/mirrors", new { pattern = "", definition = new Dictionary<string, string> { ["ha-mode"] = "all" } });
        await Api.Put($"policies/{vhost}/short", new { pattern = "", definition = new { expires = 3_600_000 }, priority = 5 });
        await Api.Put($"permissions/{vhost}/guest", new { configure = ".*", write = ".*", read = ".*" });
        var channel = await (await Connect(vhost: vhost)).CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: true, exclusive: false, autoDelete: false);
        Assert.That((await Api.Get($"queues/{vhost}/q"))["effective_policy_definition"]!.ToJsonString(), Is.EqualTo("""{"expires":3600000,"ha-mode":"all"}"""));
        Assert.That((await Api.Send(HttpMethod.Put, $"vhosts/{vhost}", """{"policy-merge":"yes"}""")).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        await Api.Send(HttpMethod.Put, $"vhosts/{vhost}", """{"policy-merge":false}""");
        Assert.That((await Api.Get($"queues/{vhost}/q"))["effective_policy_definition"]!.ToJsonString(), Is.EqualTo("""{"expires":3600000}"""));
    }

    [Test]
    public async Task Parameters_are_operator_policies_and_limits_of_virtual_hosts()
    {
        var (vhost, name) = (Name("v"), Name("p"));
        await Api.Put($"vhosts/{vhost}", "");
        var value = new Dictionary<string, object> { ["pattern"] = "x", ["definition"] = new { expires = 5 }, ["priority"] = 1, ["apply-to"] = "queues" };
        Assert.That((await Api.Put($"parameters/operator_policy/{vhost}/{name}", new { value })).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Api.Get($"operator-policies/{vhost}/{name}"))["priority"]!.GetValue<int>(), Is.EqualTo(1));
        Assert.That((await Api.Send(HttpMethod.Put, $"parameters/vhost-limits/{vhost}/limits", """{"value":{"max-queues":3}}""")).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Api.Get($"vhost-limits/{vhost}")).Json!.ToJsonString(), Does.Contain("\"max-queues\":3"));
        Assert.That((await Api.List("parameters")).Where(parameter => parameter["vhost"]!.GetValue<string>() == vhost).Select(parameter => parameter.ToJsonString()), Is.EqualTo((string[])
        [
            $$$"""{"vhost":"{{{vhost}}}","component":"operator_policy","name":"{{{name}}}","value":{"pattern":"x","definition":{"expires":5},"priority":1,"apply-to":"queues"}}""",
            $$$"""{"vhost":"{{{vhost}}}","component":"vhost-limits","name":"limits","value":{"max-queues":3}}""",
        ]));
        Assert.That(await Api.List($"parameters/vhost-limits/{vhost}"), Has.Length.EqualTo(1));
        Assert.That((await Api.Delete($"parameters/vhost-limits/{vhost}/limits")).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Api.Delete($"parameters/operator_policy/{vhost}/{name}")).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await Api.List($"operator-policies/{vhost}"), Is.Empty);

        foreach (var (component, reason) in new[] { ("shovel", "Validation failed\n\ncomponent shovel not found\n"), ("policy", "policies may not be set using this method") })
        {
            var refused = await Api.Put($"parameters/{component}/{vhost}/x", new { value });
            Assert.That((refused.Status, refused["reason"]!.GetValue<string>()), Is.EqualTo((HttpStatusCode.BadRequest, reason)));
        }
    }

    [Test]
    public async Task Global_parameters_are_kept_as_they_are()
    {
        var path = $"global-parameters/{Name()}";
        Assert.That((await Api.Send(HttpMethod.Put, path, """{"value":{"list":[1,"two",null]}}""")).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Api.Get(path))["value"]!.ToJsonString(), Is.EqualTo("""{"list":[1,"two",null]}"""));
        Assert.That((await Api.Put(path, new { value = 7 })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Api.Delete(path)).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Api.Delete(path)).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }
}
