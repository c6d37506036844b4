using System.Text.Json;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Ctl.Tests.Live;

/// <summary>Connections ended by the tool, and the whole app stopped and started.</summary>
public class ConnectionStory : ToolFixture
{
    private const int ConnectionForced = 320;

    [Test]
    public async Task A_connection_is_closed_by_its_pid_with_the_operators_words()
    {
        var (first, second) = (await Connect(), await Connect());
        var closed = Closed(first);
        var pids = (await Do("-s list_connections pid")).Lines;
        Assert.That(pids, Has.Length.EqualTo(2));
        await Do($"close_connection {pids[0]} 'moved to größer'");
        var reason = await closed;
        Assert.That((reason.ReplyCode, reason.ReplyText), Is.EqualTo(((ushort)ConnectionForced, "CONNECTION_FORCED - moved to größer")));
        Assert.That(second.IsOpen, Is.True);
        await Eventually.That(async () => (await Do("-s list_connections pid")).Lines, Is.EqualTo([pids[1]]));
        await Do($"close_connection {pids[0]} again");
    }

    [Test]
    public async Task Connections_are_closed_by_virtual_host_by_number_and_by_user()
    {
        await Do("add_vhost other");
        await Do("set_permissions -p other guest .* .* .*");
        var clients = new[] { await Connect(), await Connect(), await Connect(virtualHost: "other") };
        Assert.That((await Do("-q close_all_connections --limit 1 why")).Output, Is.EqualTo("Closed 1 connections\n"));
        await Eventually.That(() => clients.Count(client => client.IsOpen), Is.EqualTo(2));
        Assert.That((await Do("-q close_all_connections -p other --per-connection-delay 1 why")).Output, Is.EqualTo("Closed 1 connections\n"));
        await Eventually.That(() => clients.Count(client => client.IsOpen), Is.EqualTo(1));
        await Do("close_all_user_connections nobody why");
        await Do("close_all_user_connections guest why");
        await Eventually.That(() => clients.Count(client => client.IsOpen), Is.Zero);
        Assert.That((await Do("close_all_connections --global why")).Output, Is.EqualTo("Closing all connections to node node@localhost (across all vhosts), reason: why...\nClosed 0 connections\n"));
    }

    [Test]
    public async Task A_stopped_app_serves_nobody_until_it_is_started()
    {
        var client = await Connect();
        var closed = Closed(client);
        Assert.That((await Do("stop_app")).Output, Is.EqualTo("Stopping rabbit application on node node@localhost ...\n"));
        Assert.That((await closed).ReplyCode, Is.EqualTo(ConnectionForced));
        Assert.That(async () => await Connect(), Throws.InstanceOf<BrokerUnreachableException>());
        await Do("stop_app");

        var refused = await Run("list_queues");
        Assert.That(refused.Code, Is.EqualTo(64));
        Assert.That(refused.Error, Does.StartWith("Error: this command requires the 'rabbit' app to be running on the target node. Start it with 'rabbitmqctl start_app'.\nArguments given:\n\tlist_queues"));
        Assert.That((await Do("ping -q")).Output, Is.EqualTo("Ping succeeded\n"));
        var late = await Run("await_startup -t 0.3");
        Assert.That(late.Code, Is.EqualTo(75));
        // A busy machine may not even have told the name by then.
        Assert.That(late.Error, Does.Match("^Error: operation await_startup on (node node@localhost|the broker's node) timed out\\. Timeout value used: 300\n$"));

        var waiting = Run("await_startup");
        Assert.That((await Do("start_app")).Output, Is.EqualTo("Starting node node@localhost ...\n"));
        Assert.That((await waiting).Code, Is.Zero);
        await Connect();
    }

    [Test]
    public async Task Watermarks_raise_alarms_and_take_them_back()
    {
        await using var channel = await (await Connect()).CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: false, exclusive: false, autoDelete: false);
        await channel.BasicPublishAsync("", "q", new byte[1000]);
        await Do("set_vm_memory_high_watermark 0.0001");
        await Eventually.That(async () => await Alarms(), Is.EqualTo("memory"));
        Assert.That((await Do("-q status")).Output, Does.Contain("Alarms\n\nMemory alarm on node node@localhost\n"));
        await Do("set_vm_memory_high_watermark absolute 1GB");
        await Eventually.That(async () => await Alarms(), Is.Empty);
        await Do("set_disk_free_limit mem_relative 1000000.0");
        await Eventually.That(async () => await Alarms(), Is.EqualTo("disk"));
        await Do("set_disk_free_limit 1MB");
        await Eventually.That(async () => await Alarms(), Is.Empty);
        AllowLog("alarm|memory|disk", Node);
    }

    private async Task<string> Alarms()
    {
        using var status = JsonDocument.Parse((await Do("status --formatter json")).Output);
        return string.Join(',', status.RootElement.GetProperty("alarms").EnumerateArray().Select(alarm => alarm.GetProperty("resource").GetString()));
    }
}
