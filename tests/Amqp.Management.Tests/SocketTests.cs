using System.Net;
using System.Runtime.Versioning;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Management.Tests;

/// <summary>The control socket as a file, and the process behind it.</summary>
internal sealed class SocketTests : ApiFixture
{
    [Test]
    [UnsupportedOSPlatform("windows")]
    public void Only_the_user_who_runs_the_broker_can_open_it() =>
        Assert.That(File.GetUnixFileMode(Api.SocketPath), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));

    [Test]
    public async Task It_is_gone_after_an_orderly_stop_and_made_anew_after_a_kill()
    {
        var broker = await StartOwnBroker([]);
        var api = new ControlApi(broker);
        await broker.Kill();
        Assert.That(File.Exists(api.SocketPath), Is.True, "the socket that the killed process left");
        await broker.Restart();
        Assert.That((await api.Get("overview")).Status, Is.EqualTo(HttpStatusCode.OK));
        await broker.Stop();
        Assert.That(File.Exists(api.SocketPath), Is.False);
    }

    [Test]
    public async Task One_that_another_broker_answers_on_is_left_to_it()
    {
        Assert.That(
            async () => await TestBroker.Start($"--Control:Socket={Api.SocketPath}"),
            Throws.InstanceOf<AssertionException>().With.Message.Contains("cannot be made: another broker answers there"));
        Assert.That((await Api.Get("overview")).Status, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public void A_path_that_is_too_long_for_a_socket_is_refused_with_advice() =>
        Assert.That(
            async () => await TestBroker.Start($"--Control:Socket=/tmp/{new string('x', 120)}/control.sock"),
            Throws.InstanceOf<AssertionException>().With.Message.Contains("a path of at most 107 bytes is possible. Choose another with Control:Socket"));

    [Test]
    public async Task A_node_that_is_stopped_has_told_its_clients_and_listens_again_when_it_is_started()
    {
        var broker = await StartOwnBroker([]);
        var api = new ControlApi(broker);
        var connection = await Connect(broker);
        var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("kept", durable: true, exclusive: false, autoDelete: false);
        await channel.BasicPublishAsync("", "kept", mandatory: false, new BasicProperties { Persistent = true }, new byte[10]);
        var ended = new TaskCompletionSource<string>();
        connection.ConnectionShutdownAsync += (_, reason) =>
        {
            ended.TrySetResult(reason.ReplyText);
            return Task.CompletedTask;
        };
        var node = (await api.List("nodes"))[0]["name"]!.GetValue<string>();

        Assert.That((await api.Put($"nodes/{node}/app", new { running = false })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await ended.Task.WaitAsync(Patience.Answer), Is.EqualTo("CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"));
        Assert.That((await api.List("nodes"))[0]["running"]!.GetValue<bool>(), Is.False);
        var refused = await api.Get("overview");
        Assert.That((refused.Status, refused.Json!.ToJsonString()), Is.EqualTo(
            (HttpStatusCode.ServiceUnavailable, """{"error":"not_running","reason":"the node is stopped: start it with start_app"}""")));
        Assert.That((await api.Put($"nodes/{node}/memory-high-watermark", new { relative = 0.5 })).Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(async () => await Connect(broker), Throws.InstanceOf<BrokerUnreachableException>());
        // Again is no error.
        Assert.That((await api.Put($"nodes/{node}/app", new { running = false })).Status, Is.EqualTo(HttpStatusCode.NoContent));

        Assert.That((await api.Put($"nodes/{node}/app", new { running = true })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await api.List("nodes"))[0]["running"]!.GetValue<bool>(), Is.True);
        var again = await (await Connect(broker)).CreateChannelAsync();
        Assert.That(await again.MessageCountAsync("kept"), Is.EqualTo(1));
    }

    [Test]
    public async Task What_is_not_there_is_not_found_in_RabbitMQs_words()
    {
        var answer = await Api.Get("no-such-thing");
        Assert.That(answer.Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That(answer.Json!.ToJsonString(), Is.EqualTo("""{"error":"Object Not Found","reason":"Not Found"}"""));
        Assert.That((await Api.Get("nodes/other@host")).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [TestCase("memory-high-watermark", """{"relative":1.5}""", "'relative' is a share of the memory, from 0.0 to 1.0")]
    [TestCase("memory-high-watermark", """{"relative":1e400}""", "'relative' is not a number")]
    [TestCase("memory-high-watermark", """{"absolute":1.5}""", "'absolute' is missing or not a whole number")]
    [TestCase("memory-high-watermark", """{"absolute":9223372036854775808}""", "'absolute' is missing or not a whole number")]
    [TestCase("memory-high-watermark", """{"absolute":-1}""", "'absolute' is a number of bytes from 0 on")]
    [TestCase("memory-high-watermark", "{}", "'absolute' is missing or not a whole number")]
    [TestCase("disk-free-limit", """{"mem_relative":-0.1}""", "'mem_relative' is a share of the memory, from 0.0 on")]
    [TestCase("app", """{"running":"yes"}""", "'running' is missing or neither true nor false")]
    [TestCase("app", "[]", "not_json")]
    [TestCase("app", "{", "not_json")]
    public async Task A_wrong_request_is_told_what_is_wrong(string what, string body, string reason)
    {
        var node = (await Api.List("nodes"))[0]["name"]!.GetValue<string>();
        var answer = await Api.Send(HttpMethod.Put, $"nodes/{node}/{what}", body);
        Assert.That(answer.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(answer["error"]!.GetValue<string>(), Is.EqualTo("bad_request"));
        Assert.That(answer["reason"]!.GetValue<string>(), Is.EqualTo(reason));
    }

    [Test]
    public async Task A_memory_watermark_below_the_use_blocks_publishers_until_it_is_raised()
    {
        var broker = await StartOwnBroker([]);
        var api = new ControlApi(broker);
        var node = (await api.List("nodes"))[0]["name"]!.GetValue<string>();
        ExpectLog("Memory resource limit alarm set", broker);
        ExpectLog("Memory resource limit alarm cleared", broker);
        var connection = await Connect(broker);
        var channel = await connection.CreateChannelAsync();
        var (blocked, unblocked) = (new TaskCompletionSource<string>(), new TaskCompletionSource());
        connection.ConnectionBlockedAsync += (_, reason) => Task.FromResult(blocked.TrySetResult(reason.Reason));
        connection.ConnectionUnblockedAsync += (_, _) => Task.FromResult(unblocked.TrySetResult());

        await api.Put($"nodes/{node}/memory-high-watermark", new { absolute = 1_000_000 });
        Assert.That((await api.List("nodes"))[0]["mem_alarm"]!.GetValue<bool>(), Is.True);
        await channel.BasicPublishAsync("", "nowhere", mandatory: false, new BasicProperties(), new byte[10]);
        Assert.That(await blocked.Task.WaitAsync(Patience.Answer), Is.EqualTo("low on memory"));
        Assert.That((await api.List("connections"))[0]["state"]!.GetValue<string>(), Is.EqualTo("blocked"));

        await api.Put($"nodes/{node}/memory-high-watermark", new { relative = 0.4 });
        await unblocked.Task.WaitAsync(Patience.Answer);
        Assert.That((await api.List("connections"))[0]["state"]!.GetValue<string>(), Is.EqualTo("running"));
    }
}
