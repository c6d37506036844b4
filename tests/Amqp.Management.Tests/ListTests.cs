using System.Net;
using System.Text.Json.Nodes;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Management.Tests;

/// <summary>Lists: in pages, sorted, with the fields that are wanted, in RabbitMQ's shapes and with its errors.</summary>
internal sealed class ListTests : ApiFixture
{
    private const string Queues = "queues/lists";

    private static HttpApi Http => new(SharedBroker.Process!);

    [OneTimeSetUp]
    public async Task DeclareQueues()
    {
        await Http.Put("vhosts/lists", new { });
        await Http.Put("permissions/lists/guest", new { configure = ".*", write = ".*", read = ".*" });
        foreach (var name in (string[])["b-1", "a-2", "C-3", "a-10"]) await Http.Put($"{Queues}/{name}", new { durable = name[0] == 'a', arguments = new Dictionary<string, object> { ["x-max-length"] = name.Length } });
        for (var message = 0; message < 3; message++)
        {
            Assert.That((await Publish("b-1"))["routed"]!.GetValue<bool>(), Is.True);
            if (message < 1) await Publish("a-10");
        }
        await Eventually.That(async () => (await Http.List(Queues)).Sum(queue => queue["messages"]!.GetValue<int>()), Is.EqualTo(4));

        static Task<ApiAnswer> Publish(string queue) => Http.Send(
            HttpMethod.Post, "exchanges/lists/amq.default/publish", new { routing_key = queue, properties = new { }, payload = "x", payload_encoding = "string" });
    }

    [OneTimeTearDown]
    public Task DeleteQueues() => Http.Delete("vhosts/lists");

    [TestCase("", "C-3 a-10 a-2 b-1")]
    [TestCase("?sort=messages", "C-3 a-2 a-10 b-1")]
    [TestCase("?sort=messages&sort_reverse=true", "b-1 a-10 a-2 C-3")]
    [TestCase("?sort=durable", "C-3 b-1 a-10 a-2")]
    [TestCase("?sort=message_stats.publish&columns=name", "C-3 a-2 a-10 b-1")]
    [TestCase("?sort=arguments.x-max-length", "C-3 a-2 b-1 a-10")]
    [TestCase("?sort=nothing", "C-3 a-10 a-2 b-1")]
    [TestCase("?name=a", "C-3 a-10 a-2 b-1", Description = "a name counts with a page only, as in RabbitMQ")]
    public async Task A_list_is_sorted_by_any_field(string query, string names)
    {
        // Counts are as of the last pass of the sampler.
        await Eventually.That(async () => string.Join(' ', (await Http.List(Queues + query)).Select(NameOf)), Is.EqualTo(names));
    }

    [Test]
    public async Task A_queue_shows_which_part_of_the_time_its_consumers_can_take_messages()
    {
        await using var connection = await Connect();
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("kept-up", durable: false, exclusive: true, autoDelete: false);
        Assert.That(await Capacity(), Is.Zero, "without a consumer");
        await channel.BasicQosAsync(0, 1, global: false);
        await channel.BasicConsumeAsync("kept-up", autoAck: false, new AsyncEventingBasicConsumer(channel));
        Assert.That(await Capacity(), Is.EqualTo(1));
        for (var message = 0; message < 2; message++) await channel.BasicPublishAsync("", "kept-up", "x"u8.ToArray());
        await Eventually.That(Capacity, Is.LessThan(0.1));

        static async Task<double> Capacity() => (await Http.Get("queues/%2F/kept-up"))["consumer_utilisation"]!.GetValue<double>();
    }

    [TestCase("page=1&page_size=3", "C-3 a-10 a-2", 4, 4, 2)]
    [TestCase("page=2&page_size=3", "b-1", 4, 4, 2)]
    [TestCase("page=1", "C-3 a-10 a-2 b-1", 4, 4, 1)]
    [TestCase("page=1&name=A-", "a-10 a-2", 4, 2, 1)]
    [TestCase("page=1&name=%5E(A%7Cc)&use_regex=true", "C-3 a-10 a-2", 4, 3, 1)]
    [TestCase("page=1&name=.1&use_regex=false", "", 4, 0, 0)]
    [TestCase("page=2&page_size=4", "", 4, 4, 1)]
    [TestCase("page=1&page_size=1&sort=messages&sort_reverse=true", "b-1", 4, 4, 4)]
    [TestCase("page=1&use_regex=true&pagination=false&name=%5Eb-1%24&page_size=100", "b-1", 4, 1, 1, Description = "KEDA")]
    public async Task A_page_says_how_many_there_are(string query, string names, int total, int filtered, int pages)
    {
        var page = (await Http.Get($"{Queues}/?{query}")).Json!.AsObject();
        var items = page["items"]!.AsArray();
        Assert.That(string.Join(' ', items.Select(item => NameOf(item!.AsObject()))), Is.EqualTo(names));
        Assert.That(page.Where(member => member.Key != "items").Select(member => $"{member.Key} {member.Value}").Order(), Is.EqualTo(new[]
        {
            $"filtered_count {filtered}", $"item_count {items.Count}", page["page"]!.GetValue<int>() == 1 ? "page 1" : "page 2", $"page_count {pages}", $"page_size {page["page_size"]}", $"total_count {total}",
        }));
    }

    [TestCase("page=0", "invalid_pagination_parameters", "Invalid pagination parameters: page number 0, page size undefined")]
    [TestCase("page=1&page_size=501", "invalid_pagination_parameters", "Invalid pagination parameters: page number 1, page size 501")]
    [TestCase("page=1&page_size=0", "invalid_pagination_parameters", "Invalid pagination parameters: page number 1, page size 0")]
    [TestCase("page=3&page_size=3", "page_out_of_range", "Page out of range, page: 3 page size: 3, len: 4")]
    [TestCase("page=one", "bad_request", "Pagination parameters are invalid")]
    [TestCase("page=1&page_size=", "bad_request", "Pagination parameters are invalid")]
    [TestCase("page=1&name=(&use_regex=true", "bad_request", "Pagination parameters are invalid")]
    public async Task A_page_that_there_cannot_be_is_refused_as_by_RabbitMQ(string query, string error, string reason)
    {
        var answer = await Http.Get($"{Queues}?{query}");
        Assert.That((answer.Status, answer["error"]!.GetValue<string>(), answer["reason"]!.GetValue<string>()), Is.EqualTo((HttpStatusCode.BadRequest, error, reason)));
    }

    [TestCase($"{Queues}/b-1?columns=name,messages", """{"name":"b-1","messages":3}""")]
    [TestCase($"{Queues}/b-1?columns=name,arguments.x-max-length,policy,nothing", """{"name":"b-1","arguments":{"x-max-length":3},"policy":null}""")]
    [TestCase($"{Queues}/b-1?columns=message_stats.publish,message_stats.get", """{"message_stats":{"publish":3,"get":0}}""")]
    [TestCase($"{Queues}?columns=name", """[{"name":"C-3"},{"name":"a-10"},{"name":"a-2"},{"name":"b-1"}]""")]
    [TestCase("whoami?columns=tags", """{"tags":["administrator"]}""")]
    [TestCase("exchanges/lists/amq.topic?columns=type,arguments", """{"type":"topic","arguments":{}}""")]
    public async Task Only_the_wanted_fields_are_shown(string path, string json) =>
        await Eventually.That(async () => (await Http.Get(path)).Json!.ToJsonString(), Is.EqualTo(json));

    [Test]
    public async Task Statistics_can_be_left_out()
    {
        var queue = (await Http.Get($"{Queues}/b-1?disable_stats=true")).Json!.AsObject();
        Assert.That(queue.Select(member => member.Key), Is.EqualTo("name vhost durable auto_delete exclusive owner_pid arguments type node pid state policy".Split(' ')));
        var withTotals = (await Http.List($"{Queues}?disable_stats=true&enable_queue_totals=true")).Single(each => NameOf(each) == "b-1");
        Assert.That((withTotals["messages"]!.GetValue<int>(), withTotals["messages_ready"]!.GetValue<int>(), withTotals.ContainsKey("message_stats")), Is.EqualTo((3, 3, false)));
        Assert.That((await Http.Get("exchanges/lists/amq.topic?disable_stats=true")).Json!.AsObject().ContainsKey("message_stats"), Is.False);
        Assert.That((await Http.Get("vhosts/lists?disable_stats=true")).Json!.AsObject().ContainsKey("message_stats"), Is.False);
    }

    [Test]
    public async Task Connections_and_channels_are_listed_by_what_they_belong_to()
    {
        var connection = await Connect(vhost: "lists");
        var (idle, channel) = (await connection.CreateChannelAsync(), await connection.CreateChannelAsync());
        await channel.BasicConsumeAsync("a-2", autoAck: true, new AsyncEventingBasicConsumer(channel));
        var shown = (await Http.List("vhosts/lists/connections")).Single();
        var name = NameOf(shown);
        Assert.That((await Http.List("connections/username/guest")).Select(NameOf), Does.Contain(name));
        Assert.That((await Http.List("connections/username/stranger")), Is.Empty);
        Assert.That((await Http.List("connections?disable_stats=true")).Single(each => NameOf(each) == name).Select(member => member.Key), Is.EquivalentTo(new[] { "name", "vhost", "user", "node" }));
        foreach (var path in (string[])["vhosts/lists/channels", $"connections/{Uri.EscapeDataString(name)}/channels"])
            Assert.That((await Http.List(path)).Select(NameOf), Is.EqualTo(new[] { $"{name} (1)", $"{name} (2)" }));
        var found = (await Http.Get($"channels/{Uri.EscapeDataString($"{name} (2)")}")).Json!;
        Assert.That(found["consumer_details"]!.AsArray().Single()!["queue"]!["name"]!.GetValue<string>(), Is.EqualTo("a-2"));
        Assert.That((await Http.Get($"{Queues}/a-2"))["consumer_details"]!.AsArray().Single()!["channel_details"]!["name"]!.GetValue<string>(), Is.EqualTo($"{name} (2)"));
        Assert.That((await Http.Get($"{Queues}/b-1"))["consumer_details"]!.AsArray(), Is.Empty);
        Assert.That((await Http.List("queues/detailed")).Select(NameOf), Is.SupersetOf(new[] { "a-2", "b-1" }));
        foreach (var path in (string[])["vhosts/nothing/channels", "vhosts/nothing/connections", "connections/nothing/channels", "channels/nothing", "queues/nothing"])
            Assert.That((await Http.Get(path)).Status, Is.EqualTo(HttpStatusCode.NotFound), path);
        await idle.CloseAsync();
    }

    [Test]
    public async Task Other_lists_have_pages_too()
    {
        foreach (var path in (string[])["connections", "channels", "exchanges", "exchanges/lists", "queues", "users", "vhosts"])
        {
            var page = await Http.Get($"{path}?page=1&page_size=1");
            Assert.That(page["items"]!.AsArray(), Has.Count.EqualTo(Math.Min(1, page["total_count"]!.GetValue<int>())), path);
        }
        Assert.That((await Http.Get("policies?page=1")).Json, Is.InstanceOf<JsonArray>(), "a list without pages");
    }

    private static string NameOf(JsonObject shown) => shown["name"]!.GetValue<string>();
}
