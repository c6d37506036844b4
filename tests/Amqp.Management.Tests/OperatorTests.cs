using System.Net;
using System.Text.Json.Nodes;

namespace Amqp.Management.Tests;

/// <summary>Users, virtual hosts, permissions and limits, as operators change them and clients feel it.</summary>
internal sealed class OperatorTests : ApiFixture
{
    [Test]
    public async Task A_user_is_made_changed_and_deleted()
    {
        var user = Name("a/b c");
        var path = $"users/{Uri.EscapeDataString(user)}";
        Assert.That((await Api.Put(path, new { password = "first", tags = "monitoring, own" })).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Api.Put(path, new { password = "second", tags = new[] { "management" } })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        var shown = await Api.Get(path);
        Assert.That(shown["name"]!.GetValue<string>(), Is.EqualTo(user));
        Assert.That(shown["tags"]!.ToJsonString(), Is.EqualTo("""["management"]"""));
        Assert.That(shown["hashing_algorithm"]!.GetValue<string>(), Is.EqualTo("rabbit_password_hashing_sha256"));
        Assert.That(await Fits(path, "first"), Is.False);
        Assert.That(await Fits(path, "second"), Is.True);

        // Another user with the hash has the password.
        var twin = $"users/{Uri.EscapeDataString(Name("twin"))}";
        await Api.Put(twin, new { password_hash = shown["password_hash"]!.GetValue<string>(), tags = "" });
        Assert.That(await Fits(twin, "second"), Is.True);

        Assert.That((await Api.Put($"{path}/password", new { password = "third" })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Api.Put($"{path}/tags", new { tags = new[] { "administrator" } })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await Fits(path, "third"), Is.True);
        Assert.That((await Api.Get(path))["tags"]!.ToJsonString(), Is.EqualTo("""["administrator"]"""));
        await Api.Put($"{path}/password", new JsonObject { ["password"] = null });
        Assert.That(await Fits(path, "third"), Is.False, "a password that was cleared");

        Assert.That((await Api.Delete(path)).Status, Is.EqualTo(HttpStatusCode.NoContent));
        foreach (var answer in new[] { await Api.Get(path), await Api.Delete(path), await Api.Put($"{path}/tags", new { tags = "" }) })
            Assert.That(answer.Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task What_must_be_new_is_not_changed()
    {
        var user = $"users/{Uri.EscapeDataString(Name())}";
        var vhost = $"vhosts/{Uri.EscapeDataString(Name())}";
        var ifNew = ("If-None-Match", "*");
        Assert.That((await Api.Put(user, new { password = "x", tags = "" }, ifNew)).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Api.Put(user, new { password = "y", tags = "" }, ifNew)).Status, Is.EqualTo(HttpStatusCode.PreconditionFailed));
        Assert.That(await Fits(user, "x"), Is.True);
        Assert.That((await Api.Put(vhost, new { description = "one" }, ifNew)).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Api.Put(vhost, new { description = "two" }, ifNew)).Status, Is.EqualTo(HttpStatusCode.PreconditionFailed));
        Assert.That((await Api.Get(vhost))["description"]!.GetValue<string>(), Is.EqualTo("one"));
    }

    [TestCase("""{"tags":""}""", "a user needs a password or a password_hash; an empty password_hash is for users who log in without")]
    [TestCase("""{"password":"","tags":""}""", "the password must not be empty")]
    [TestCase("""{"password":"x"}""", "tags are missing; an empty text is for a user without any")]
    [TestCase("""{"password":1,"tags":""}""", "'password' is not a text")]
    [TestCase("""{"password":"x","tags":[1]}""", "'tags' is not a list of texts")]
    [TestCase("""{"password":"x","tags":["\ud800"]}""", "'tags' is not a list of texts")]
    [TestCase("""{"password":"\udce9","tags":""}""", "'password' is not a text")]
    [TestCase("""{"password":"x","tags":"","\udce9":1}""", "not_json")]
    [TestCase("""{"password":"x","tags":"","tags":1}""", "'tags' is not a text")]
    [TestCase("""{"password_hash":"??","tags":""}""", "the password_hash is not base64 of a salt and a hash")]
    [TestCase("""{"password_hash":"AAAAAAAA","hashing_algorithm":"own","tags":""}""", "the hashing algorithm 'own' is not known here")]
    public async Task A_user_that_cannot_be_is_refused(string body, string reason)
    {
        var answer = await Api.Send(HttpMethod.Put, "users/never-made", body);
        Assert.That(answer.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(answer["reason"]!.GetValue<string>(), Is.EqualTo(reason));
        Assert.That((await Api.Get("users/never-made")).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task Of_two_members_of_a_name_the_last_one_counts()
    {
        var path = $"users/{Uri.EscapeDataString(Name())}";
        await Api.Send(HttpMethod.Put, path, """{"password":"first","tags":"","password":"second"}""");
        Assert.That(await Fits(path, "first"), Is.False);
        Assert.That(await Fits(path, "second"), Is.True);
    }

    [TestCase("%E9")]
    [TestCase("a%ED%A0%80")]
    public async Task A_name_in_a_path_that_is_not_UTF8_is_none(string name)
    {
        var answer = await Api.Send(HttpMethod.Put, $"users/{name}", """{"password":"x","tags":""}""");
        Assert.That(answer.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(answer["reason"]!.GetValue<string>(), Is.EqualTo($"'{name}' is not a name in UTF-8"));
        Assert.That((await Api.List("users")).Select(user => user["name"]!.GetValue<string>()), Has.None.EqualTo(name));
    }

    [Test]
    public async Task A_percent_sign_in_a_name_is_one()
    {
        var user = Name("%E9%");
        Assert.That((await Api.Put($"users/{Uri.EscapeDataString(user)}", new { password = "x", tags = "" })).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Api.List("users")).Select(one => one["name"]!.GetValue<string>()), Has.One.EqualTo(user));
    }

    [Test]
    public async Task A_virtual_host_says_its_default_queue_type()
    {
        var path = $"vhosts/{Name()}";
        Assert.That((await Api.Put(path, new { description = "d", default_queue_type = "classic" })).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That(await Shown(), Is.EqualTo(("classic", """{"description":"d","tags":[],"default_queue_type":"classic"}""")));
        Assert.That((await Api.Put(path, new { default_queue_type = "undefined" })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await Shown(), Is.EqualTo(("undefined", """{"description":"d","tags":[]}""")));
        Assert.That((await Api.Put(path, new { defaultqueuetype = "classic" })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Api.Put(path, new { tags = "t" })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await Shown(), Is.EqualTo(("classic", """{"description":"d","tags":["t"],"default_queue_type":"classic"}""")));

        var refused = await Api.Put(path, new { default_queue_type = "heap" });
        Assert.That((refused.Status, refused.Json!["reason"]!.GetValue<string>()), Is.EqualTo(
            (HttpStatusCode.BadRequest, "unsupported default queue type 'heap': it must be one of quorum, stream, classic")));
        Assert.That((await Api.Put(path, new { default_queue_type = "stream" })).Status, Is.EqualTo(HttpStatusCode.BadRequest));

        async Task<(string, string)> Shown()
        {
            var vhost = (await Api.Get(path)).Json!;
            return (vhost["default_queue_type"]!.GetValue<string>(), vhost["metadata"]!.ToJsonString());
        }
    }

    [Test]
    public async Task A_new_user_may_open_a_virtual_host_when_there_are_permissions()
    {
        var (user, vhost) = (Name("user"), Name("v/h"));
        var permissions = $"permissions/{Uri.EscapeDataString(vhost)}/{Uri.EscapeDataString(user)}";
        await Api.Put($"users/{Uri.EscapeDataString(user)}", new { password = "x", tags = "" });
        Assert.That((await Api.Put($"vhosts/{Uri.EscapeDataString(vhost)}", new { description = "d", tags = "t,u" })).Status, Is.EqualTo(HttpStatusCode.Created));
        // The client notices only when it wants more of the connection.
        var refused = await Assert.CatchAsync(async () => await (await Connect(user: user, password: "x", vhost: vhost)).CreateChannelAsync());
        Assert.That($"{refused}", Does.Contain($"access to vhost '{vhost}' refused for user '{user}'"));

        Assert.That((await Api.Put(permissions, new { configure = "", write = "^q", read = ".*" })).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Api.Get(permissions)).Json!.ToJsonString(), Is.EqualTo(
            $$"""{"user":"{{user}}","vhost":"{{vhost}}","configure":"","write":"^q","read":".*"}"""));
        Assert.That((await Api.List($"users/{Uri.EscapeDataString(user)}/permissions")), Has.Length.EqualTo(1));
        Assert.That((await Api.List($"vhosts/{Uri.EscapeDataString(vhost)}/permissions")), Has.Length.EqualTo(1));
        Assert.That((await Api.Put(permissions, new { configure = "(", write = "", read = "" })).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        var connection = await Connect(user: user, password: "x", vhost: vhost);
        Assert.That(connection.IsOpen, Is.True);

        Assert.That((await Api.Delete(permissions)).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Api.Get(permissions)).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await Api.Delete(permissions)).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await Api.Delete($"vhosts/{Uri.EscapeDataString(vhost)}")).Status, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [Test]
    public async Task Topic_permissions_are_kept_for_each_exchange()
    {
        var user = Name("user");
        await Api.Put($"users/{user}", new { password = "x", tags = "" });
        var path = $"topic-permissions/%2F/{user}";
        Assert.That((await Api.Put(path, new { exchange = "one", write = "^{username}", read = ".*" })).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Api.Put(path, new { exchange = "two", write = "", read = "" })).Status, Is.EqualTo(HttpStatusCode.Created));
        Assert.That((await Api.Put(path, new { exchange = "two", write = "x", read = "" })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Api.Get(path)).Json!.ToJsonString(), Is.EqualTo(
            $$"""[{"user":"{{user}}","vhost":"/","exchange":"one","write":"^{username}","read":".*"},{"user":"{{user}}","vhost":"/","exchange":"two","write":"x","read":""}]"""));
        await Api.Delete($"{path}?exchange=one");
        Assert.That(await Api.List($"users/{user}/topic-permissions"), Has.Length.EqualTo(1));
        await Api.Delete(path);
        Assert.That(await Api.List(path), Is.Empty);
        Assert.That((await Api.Get("topic-permissions/%2F/nobody")).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task Limits_are_set_one_by_one_and_shown_by_their_names()
    {
        var (user, vhost) = (Name("user"), Name("vhost"));
        await Api.Put($"users/{user}", new { password = "x", tags = "" });
        await Api.Put($"vhosts/{vhost}", "");
        await Api.Put($"vhost-limits/{vhost}/max-queues", new { value = 0 });
        await Api.Put($"vhost-limits/{vhost}/max-connections", new { value = 7 });
        await Api.Put($"user-limits/{user}/max-channels", new { value = 3 });
        Assert.That((await Api.Get($"vhost-limits/{vhost}")).Json!.ToJsonString(), Is.EqualTo(
            $$$"""[{"vhost":"{{{vhost}}}","value":{"max-connections":7,"max-queues":0}}]"""));
        Assert.That((await Api.Get($"user-limits/{user}")).Json!.ToJsonString(), Is.EqualTo($$$"""[{"user":"{{{user}}}","value":{"max-channels":3}}]"""));
        Assert.That((await Api.Get($"users/{user}"))["limits"]!.ToJsonString(), Is.EqualTo("""{"max-channels":3}"""));
        await Api.Delete($"vhost-limits/{vhost}/max-connections");
        await Api.Delete($"user-limits/{user}/max-channels");
        Assert.That((await Api.Get($"vhost-limits/{vhost}")).Json!.ToJsonString(), Is.EqualTo($$$"""[{"vhost":"{{{vhost}}}","value":{"max-queues":0}}]"""));
        Assert.That(await Api.List($"user-limits/{user}"), Is.Empty);

        var unknown = await Api.Put($"user-limits/{user}/max-queues", new { value = 1 });
        Assert.That(unknown.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(unknown["reason"]!.GetValue<string>(), Is.EqualTo("there is no limit 'max-queues'; there are 'max-connections' and 'max-channels'"));
        Assert.That((await Api.Put($"user-limits/{user}/max-channels", new { value = "many" })).Status, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    private static async Task<bool> Fits(string path, string password) =>
        (await Api.Send(HttpMethod.Post, $"{path}/authenticate", new { password }))["authenticated"]!.GetValue<bool>();
}
