using System.Text;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Ctl.Tests.Live;

/// <summary>The firehose. What it says was compared with RabbitMQ 3.10.</summary>
public class TraceStory : ToolFixture
{
    private const string Trace = "amq.rabbitmq.trace";

    [Test]
    public async Task While_it_is_on_each_message_is_copied_when_it_is_published_and_when_it_is_handed_out()
    {
        await using var connection = await Connect();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        await channel.QueueDeclareAsync("q", durable: false, exclusive: false, autoDelete: false);
        await channel.QueueDeclareAsync("copies", durable: false, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync("copies", Trace, "#");
        await Publish("before");
        await channel.BasicGetAsync("q", autoAck: true);

        await Do("trace_on");
        await Publish("m");
        await channel.BasicRejectAsync((await channel.BasicGetAsync("q", autoAck: false))!.DeliveryTag, requeue: true);
        var consumer = new RabbitMQ.Client.Events.AsyncEventingBasicConsumer(channel);
        await channel.BasicConsumeAsync("q", autoAck: true, consumer);
        await Eventually.True(async () => await channel.MessageCountAsync("copies") == 3);
        await Do("trace_off");
        await Publish("after");

        foreach (var (key, more) in ((string, string)[])[("publish.", "routed_queues=[q]"), ("deliver.q", "redelivered=0"), ("deliver.q", "redelivered=1")])
        {
            var copy = (await channel.BasicGetAsync("copies", autoAck: true))!;
            Assert.That((copy.RoutingKey, copy.Exchange, Encoding.UTF8.GetString(copy.Body.Span)), Is.EqualTo((key, Trace, "m")));
            var headers = copy.BasicProperties.Headers!;
            var shown = string.Join(' ', headers.Where(header => header.Key is not ("node" or "connection")).Select(header => $"{header.Key}={Show(header.Value)}"));
            Assert.That(shown, Does.StartWith("exchange_name= routing_keys=[q] properties={content_type=t headers=").And.EndsWith($"delivery_mode=2 message_id=id}} vhost=/ channel=1 user=guest {more}"));
            Assert.That(Show(headers["connection"]), Is.EqualTo($"127.0.0.1:{connection.LocalPort} -> 127.0.0.1:{connection.RemotePort}"));
        }
        Assert.That(await channel.BasicGetAsync("copies", autoAck: true), Is.Null);

        async Task Publish(string text)
        {
            var properties = new BasicProperties { ContentType = "t", Persistent = true, MessageId = "id", Headers = new Dictionary<string, object?> { ["h"] = 1 } };
            await channel.BasicPublishAsync("", "q", mandatory: false, properties, Encoding.UTF8.GetBytes(text));
        }
    }

    [Test]
    public async Task A_virtual_host_that_is_not_there_cannot_be_traced()
    {
        var refused = await Run("-q trace_on -p nothing");
        Assert.That((refused.Code, refused.Error.Trim()), Is.EqualTo((65, "Virtual host 'nothing' does not exist")));
    }

    [Test]
    public async Task What_became_of_a_message_is_told_by_its_id()
    {
        await Do("""set_policy traced ^traced$ '{"trace":true}'""");
        await using var connection = await Connect();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        await channel.QueueDeclareAsync("traced", durable: false, exclusive: false, autoDelete: false);
        await channel.BasicPublishAsync("", "traced", mandatory: false, new BasicProperties { MessageId = "order 17", CorrelationId = "c" }, "m"u8.ToArray());
        await channel.BasicGetAsync("traced", autoAck: true);
        var client = $"by user 'guest' on connection 127.0.0.1:{connection.LocalPort} -> 127.0.0.1:{connection.RemotePort}, channel 1";
        const string At = @"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  node@localhost  ";
        var told = (await Do("trace show 'order 17'")).Lines;
        Assert.That(told[0], Is.EqualTo("Message with message id 'order 17' and correlation id 'c':"));
        Assert.That(told.Skip(1).Select(line => System.Text.RegularExpressions.Regex.Replace(line, At, "")), Is.EqualTo((string[])
        [
            $"published to exchange '' with routing key 'traced' {client}; goes to queues 'traced'",
            "is in queue 'traced'",
            "acknowledged, and out of queue 'traced'",
            $"fetched from queue 'traced' {client}",
        ]));
        Assert.That((await Do("trace show c --formatter json")).Output, Does.StartWith("[{\"vhost\":\"/\",\"message_id\":\"order 17\""));
        var unknown = await Run("trace show other");
        Assert.That(unknown.Code, Is.EqualTo(65));
        Assert.That(unknown.Error, Does.StartWith("Error:\nNothing is known of a message with the id 'other' in vhost '/'."));
        Assert.That((await Run("trace hide c")).Code, Is.EqualTo(65));
    }

    private static string Show(object? value) => value switch
    {
        byte[] bytes => Encoding.UTF8.GetString(bytes),
        IDictionary<string, object?> table => $"{{{string.Join(' ', table.Select(field => $"{field.Key}={Show(field.Value)}"))}}}",
        System.Collections.IList list => $"[{string.Join(',', list.Cast<object?>().Select(Show))}]",
        _ => $"{value}",
    };
}
