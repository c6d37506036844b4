using System.Text.Json;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Ctl.Tests.Live;

/// <summary>Listings and queues: forms that RabbitMQ draws otherwise or not at all. What is the same is in <see cref="RecordedTests"/>.</summary>
public class ListStory : ToolFixture
{
    [Test]
    public async Task Queues_are_listed_by_whether_they_run()
    {
        await using var channel = await (await Connect()).CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: false, exclusive: false, autoDelete: false);
        foreach (var option in (string[])["", "--online", "--local", "--local --offline", "--online --offline"])
            Assert.That((await Do($"-s list_queues name state {option}")).Output, Is.EqualTo("q\trunning\n"), option);
        Assert.That((await Do("-s list_queues name --offline")).Output, Is.Empty);
        Assert.That((await Do("-q list_unresponsive_queues name type --queue-timeout 5")).Output, Is.Empty);
    }

    /// <summary>rabbit_queue_consumers.erl, all/3, of RabbitMQ 3.13.</summary>
    [Test]
    public async Task Consumers_say_which_one_is_active()
    {
        await using var channel = await (await Connect()).CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: false, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-single-active-consumer"] = true });
        await channel.QueueDeclareAsync("plain", durable: false, exclusive: false, autoDelete: false);
        foreach (var (queue, tag) in new[] { ("q", "a"), ("q", "b"), ("plain", "c") })
            await channel.BasicConsumeAsync(queue, autoAck: true, tag, new AsyncDefaultBasicConsumerOf(channel));
        Assert.That((await Do("-s list_consumers consumer_tag active activity_status")).Lines.Order(StringComparer.Ordinal), Is.EqualTo((string[])["a\ttrue\tsingle_active", "b\tfalse\twaiting", "c\ttrue\tup"]));
        await channel.BasicCancelAsync("a");
        Assert.That((await Do("-s list_consumers consumer_tag active activity_status")).Lines.Order(StringComparer.Ordinal), Is.EqualTo((string[])["b\ttrue\tsingle_active", "c\ttrue\tup"]));
    }

    [Test]
    public async Task Every_column_that_the_help_names_is_one()
    {
        await using var channel = await (await Connect()).CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: false, exclusive: true, autoDelete: false);
        await channel.BasicConsumeAsync("q", autoAck: true, new AsyncDefaultBasicConsumerOf(channel));
        foreach (var list in (string[])["queues", "exchanges", "bindings", "connections", "channels", "consumers", "vhosts"])
        {
            var columns = (await Do($"help list_{list}")).Lines.Single(line => line.StartsWith("\tmust be one of ", StringComparison.Ordinal))["\tmust be one of ".Length..];
            var lines = (await Do($"-q list_{list} '{columns}'")).Lines;
            Assert.That(lines[0].Split('\t'), Is.EquivalentTo(columns.Split(", ")), list);
            Assert.That(lines[1].Split('\t'), Has.Length.EqualTo(columns.Split(", ").Length), list);
        }
    }

    [Test]
    public async Task Json_names_pids_that_other_commands_take()
    {
        var client = await Connect();
        using var json = JsonDocument.Parse((await Do("list_connections pid peer_host client_properties --formatter json")).Output);
        var row = json.RootElement[0];
        Assert.That(row.GetProperty("peer_host").EnumerateArray().Select(part => part.GetInt32()), Is.EqualTo([127, 0, 0, 1]));
        Assert.That(row.GetProperty("client_properties").EnumerateArray().Select(property => $"{property[0]} {property[1]}"), Has.Member("product longstr").And.Member("capabilities table"));
        await Do($"close_connection {row.GetProperty("pid").GetString()} why");
        await Eventually.True(() => !client.IsOpen);
    }

    [Test]
    public async Task A_pretty_table_is_drawn_and_does_not_break_rows()
    {
        await using var channel = await (await Connect()).CreateChannelAsync();
        var name = new string('q', 200);
        await channel.QueueDeclareAsync(name, durable: false, exclusive: false, autoDelete: false);
        var lines = (await Do("-q list_queues --formatter pretty_table")).Lines;
        Assert.That(lines[1], Does.Match(@"^│ name +│ messages │$"));
        Assert.That(lines[3], Is.EqualTo($"│ {name} │ 0        │"));
    }

    [Test]
    public async Task A_time_that_is_too_short_is_75()
    {
        var late = await Run("list_queues -t 0.000001");
        Assert.That(late.Code, Is.EqualTo(75));
        Assert.That(late.Error, Does.EndWith(". Some queue(s) are unresponsive, use list_unresponsive_queues command.\n").And.StartWith("Error: operation list_queues on "));
    }

    private sealed class AsyncDefaultBasicConsumerOf(IChannel channel) : AsyncDefaultBasicConsumer(channel);
}
