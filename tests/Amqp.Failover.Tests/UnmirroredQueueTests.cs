using Amqp.Failover.Tests.Load;
using Amqp.Testing;
using Amqp.Testing.Clusters;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Failover.Tests;

/// <summary>A queue that is on one node only, used at others.</summary>
[Ours, NonParallelizable]
public sealed class UnmirroredQueueTests : FailoverFixture
{
    private const int Messages = 200;

    [Test]
    public async Task Its_node_is_killed_and_comes_back_with_what_was_persistent()
    {
        await using var connection = await LoadClient.Connect(Cluster["n2"], "a client elsewhere");
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await DeclareAt("n1");
        for (var number = 1; number <= Messages; number++) await Publish(channel, number);
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var consuming = await connection.CreateChannelAsync();
        // What it gets it keeps, so that all of it is there afterwards.
        await consuming.BasicQosAsync(0, 10, global: false);
        var consumer = new AsyncEventingBasicConsumer(consuming);
        consumer.UnregisteredAsync += (_, _) =>
        {
            cancelled.TrySetResult();
            return Task.CompletedTask;
        };
        await consuming.BasicConsumeAsync(Queue, autoAck: false, consumer);

        await Cluster["n1"].Kill();
        await cancelled.Task.WaitAsync(ToRecover);
        Assert.That(() => Publish(channel, Messages + 1), Throws.InstanceOf<PublishException>(), "a publish to a queue whose node is down is nacked");
        await using (var asking = await connection.CreateChannelAsync())
        {
            var refused = await Assert.ThrowsAsync<OperationInterruptedException>(() => asking.QueueDeclarePassiveAsync(Queue));
            Assert.That(refused!.ShutdownReason!.ReplyCode, Is.EqualTo(404));
            Assert.That(refused.ShutdownReason.ReplyText, Does.Contain($"home node 'n1@127.0.0.1' of durable queue '{Queue}' in vhost '/' is down or inaccessible"));
        }

        await Cluster["n1"].Start();
        await Eventually.That(() => CountAt("n3"), Is.EqualTo((uint)Messages), ToRecover, "what was persistent");
        for (var number = 1; number <= Messages; number++)
        {
            var message = await channel.BasicGetAsync(Queue, autoAck: true);
            Assert.That(Body.Read(message!.Body.Span).Number, Is.EqualTo(number));
        }
    }

    [TestCase("n1")]
    [TestCase("n2")]
    public async Task Publishers_at_all_nodes_lose_nothing_when_a_node_is_killed(string killed)
    {
        var load = await BeginLoad("n1", policy: null, "n2", "n3");
        await load.MoreConfirms(500);
        await Cluster[killed].Kill();
        if (killed != "n1") await load.MoreConfirms(500);
        await Cluster[killed].Start();
        await load.MoreConfirms(500);
        await Judge(load, copies: 1);
    }

    /// <summary>As with RabbitMQ: a definition is there on all nodes when its client has the answer, also when a node hears late of it.</summary>
    [Test]
    public async Task What_is_declared_at_one_node_is_known_at_all_others_before_that_is_said()
    {
        await using var declaring = await LoadClient.Connect(Cluster["n1"], "declares");
        await using var declarer = await declaring.CreateChannelAsync();
        await using var publishing = await LoadClient.Connect(Cluster["n3"], "publishes");
        await using var publisher = await publishing.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await Cluster["n3"].FreezeEtcd();
        var declared = Declare();
        try
        {
            await Eventually.Never(() => declared.IsCompleted, TimeSpan.FromMilliseconds(500));
        }
        finally
        {
            await Cluster["n3"].ThawEtcd();
        }
        await declared;
        // A message that is unroutable comes back, and the library throws.
        await publisher.BasicPublishAsync("", Queue, mandatory: true, Body.Of(new MessageKey(1, 1)));
        await publisher.BasicPublishAsync("amq.fanout", "", mandatory: true, Body.Of(new MessageKey(1, 2)));
        Assert.That(await declarer.MessageCountAsync(Queue), Is.EqualTo(2));

        async Task Declare()
        {
            await declarer.QueueDeclareAsync(Queue, durable: false, exclusive: true, autoDelete: false);
            await declarer.QueueBindAsync(Queue, "amq.fanout", "");
        }
    }

    [TestCase(10_000)]
    [TestCase(100_000, Category = "Long")]
    public async Task Every_request_at_another_node_is_answered_in_a_queue_of_this_one(int requests)
    {
        const int Window = 200;
        await using var serverConnection = await LoadClient.Connect(Cluster["n2"], "server");
        await using var server = await serverConnection.CreateChannelAsync();
        await server.QueueDeclareAsync(Queue, durable: true, exclusive: false, autoDelete: false);
        var serving = new AsyncEventingBasicConsumer(server);
        serving.ReceivedAsync += async (_, request) =>
        {
            await server.BasicPublishAsync(
                "", request.BasicProperties.ReplyTo!, mandatory: false, new BasicProperties { CorrelationId = request.BasicProperties.CorrelationId }, request.Body.ToArray());
            await server.BasicAckAsync(request.DeliveryTag, multiple: false);
        };
        await server.BasicQosAsync(0, Window, global: false);
        await server.BasicConsumeAsync(Queue, autoAck: false, serving);

        await using var connection = await LoadClient.Connect(Cluster["n1"], "client");
        await using var client = await connection.CreateChannelAsync();
        var replies = await client.QueueDeclareAsync("", durable: false, exclusive: true, autoDelete: true);
        using var room = new SemaphoreSlim(Window);
        var answered = new HashSet<MessageKey>();
        var twice = 0;
        var receiving = new AsyncEventingBasicConsumer(client);
        receiving.ReceivedAsync += (_, reply) =>
        {
            if (!answered.Add(Body.Read(reply.Body.Span))) twice++;
            room.Release();
            return Task.CompletedTask;
        };
        await client.BasicConsumeAsync(replies.QueueName, autoAck: true, receiving);
        for (var number = 1; number <= requests; number++)
        {
            Assert.That(await room.WaitAsync(ToRecover), $"request {number} is waited for; {answered.Count} are answered");
            await client.BasicPublishAsync("", Queue, mandatory: true, new BasicProperties { ReplyTo = replies.QueueName }, Body.Of(new MessageKey(1, number)));
        }
        for (var place = 0; place < Window; place++) Assert.That(await room.WaitAsync(ToRecover), $"{answered.Count} of {requests} are answered");
        Assert.That((answered.Count, twice), Is.EqualTo((requests, 0)));
        await Record($"{requests} requests, all answered once");
    }

    private async Task DeclareAt(string node)
    {
        await using var connection = await LoadClient.Connect(Cluster[node], "declares");
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync(Queue, durable: true, exclusive: false, autoDelete: false);
    }

    private async Task<uint> CountAt(string node)
    {
        await using var connection = await LoadClient.Connect(Cluster[node], "counts");
        await using var channel = await connection.CreateChannelAsync();
        try
        {
            return (await channel.QueueDeclarePassiveAsync(Queue)).MessageCount;
        }
        catch (OperationInterruptedException)
        {
            return 0;
        }
    }

    private Task Publish(IChannel channel, int number) =>
        channel.BasicPublishAsync("", Queue, mandatory: false, new BasicProperties { Persistent = true }, Body.Of(new MessageKey(1, number))).AsTask();
}
