using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Ctl.Tests.Live;

/// <summary>stop_app and start_app: what is durable stays, and the rest is gone, as in a restart of the process.</summary>
public class StopStory : ToolFixture
{
    private static readonly BasicProperties Persistent = new() { Persistent = true };

    [Test]
    public async Task What_is_durable_stays_and_the_rest_is_gone()
    {
        await Do("add_user alice secret");
        await using (var channel = await (await Connect()).CreateChannelAsync(new CreateChannelOptions(true, true)))
        {
            await Declare(channel, "durable", durable: true);
            await Declare(channel, "transient", durable: false);
            await channel.QueueDeclareAsync("used", durable: true, exclusive: false, autoDelete: true);
            await channel.BasicConsumeAsync("used", autoAck: true, new AsyncEventingBasicConsumer(channel));
            await channel.ExchangeDeclareAsync("gone", ExchangeType.Fanout, durable: false);
            await channel.ExchangeDeclareAsync("stays", ExchangeType.Fanout, durable: true, autoDelete: true);
            await channel.QueueBindAsync("durable", "gone", "");
            await channel.QueueBindAsync("transient", "stays", "");
            await channel.BasicPublishAsync("", "durable", mandatory: true, Persistent, "first"u8.ToArray());
            await channel.BasicPublishAsync("", "durable", mandatory: true, new BasicProperties(), "not stored"u8.ToArray());
            await channel.BasicPublishAsync("", "durable", mandatory: true, Persistent, "last"u8.ToArray());
            Assert.That((await channel.BasicGetAsync("durable", autoAck: false))!.Redelivered, Is.False);
            await Do("set_vm_memory_high_watermark absolute 1GB");
            await Do("set_disk_free_limit 1MB");
            await Do("stop_app");
        }
        await Do("start_app");

        Assert.That((await Do("-s list_queues name messages")).Lines, Is.EqualTo(["durable\t2"]));
        Assert.That((await Do("-s list_bindings source_name destination_name")).Lines, Is.EqualTo(["\tdurable"]));
        var exchanges = (await Do("-s list_exchanges name")).Lines;
        Assert.That(exchanges.Contains("stays"), Is.True, "its queue was not deleted, and so its last binding was not either");
        Assert.That(exchanges.Contains("gone"), Is.False);
        Assert.That((await Do("-s list_users")).Lines, Has.Member("alice\t[]"));
        using var status = JsonDocument.Parse((await Do("status --formatter json")).Output);
        Assert.That(status.RootElement.GetProperty("vm_memory_high_watermark_setting").GetProperty("relative").GetDouble(), Is.EqualTo(0.4), "as configured");
        Assert.That(status.RootElement.GetProperty("disk_free_limit").GetInt64(), Is.EqualTo(50_000_000), "as configured");

        await using var again = await (await Connect()).CreateChannelAsync();
        var (first, last) = (await again.BasicGetAsync("durable", autoAck: true), await again.BasicGetAsync("durable", autoAck: true));
        Assert.That((Text(first!), first!.Redelivered), Is.EqualTo(("first", true)));
        Assert.That((Text(last!), last!.Redelivered), Is.EqualTo(("last", false)));
    }

    [Test]
    public async Task What_was_confirmed_is_there_however_often_the_app_is_stopped_meanwhile()
    {
        const int rounds = 5;
        var confirmed = 0u;
        for (var round = 0; round < rounds; round++)
        {
            var client = await Connect();
            var channel = await client.CreateChannelAsync(new CreateChannelOptions(true, true));
            await Declare(channel, "q", durable: true);
            await channel.QueueDeclareAsync("", durable: false, exclusive: true, autoDelete: false, new Dictionary<string, object?> { ["x-expires"] = 60_000 });
            var before = confirmed;
            var publishing = Publish();
            await Eventually.That(() => Volatile.Read(ref confirmed), Is.GreaterThan(before + 20));
            await Do("stop_app");
            await publishing;
            await Do("start_app");

            async Task Publish()
            {
                try
                {
                    while (true)
                    {
                        await channel.BasicPublishAsync("", "q", mandatory: true, Persistent, new byte[1000]);
                        Interlocked.Increment(ref confirmed);
                    }
                }
                catch (Exception exception) when (exception is RabbitMQ.Client.Exceptions.AlreadyClosedException or RabbitMQ.Client.Exceptions.PublishException
                    or RabbitMQ.Client.Exceptions.OperationInterruptedException or OperationCanceledException)
                {
                    // The app was stopped: the one message on its way may be there or not.
                }
            }
        }
        await using var last = await (await Connect()).CreateChannelAsync();
        Assert.That((await last.QueueDeclarePassiveAsync("q")).MessageCount, Is.InRange(confirmed, confirmed + rounds));
    }

    [Test]
    public async Task A_start_that_fails_says_why_and_can_be_tried_again()
    {
        await using (var channel = await (await Connect()).CreateChannelAsync()) await Declare(channel, "q", durable: true);
        await Do("stop_app");
        using (var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            other.Bind(new IPEndPoint(IPAddress.Loopback, Node.Port));
            other.Listen();
            var refused = await Run("start_app");
            Assert.That((refused.Code, refused.Error), Is.EqualTo((69, $"Error:\ncannot listen on AMQP 127.0.0.1:{Node.Port}: Address already in use. "
                + "Another broker may have the port; stop it, or choose another with --Listeners:Amqp:Port=<port>.\n")));
        }
        Assert.That((await Run("list_queues")).Code, Is.EqualTo(64), "it is stopped still");
        await Do("start_app");
        Assert.That((await Do("-s list_queues name")).Lines, Is.EqualTo(["q"]));
        await Connect();
    }

    [Test]
    public async Task A_process_whose_app_is_stopped_ends_in_order()
    {
        await Do("stop_app");
        Assert.That(await Node.Stop(), Is.Zero, "exit code after SIGTERM");
    }

    private static Task<QueueDeclareOk> Declare(IChannel channel, string queue, bool durable) =>
        channel.QueueDeclareAsync(queue, durable, exclusive: false, autoDelete: false);

    private static string Text(BasicGetResult message) => System.Text.Encoding.UTF8.GetString(message.Body.Span);
}
