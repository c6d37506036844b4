using System.Collections.Concurrent;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Client6.Tests;

/// <summary>The client's automatic recovery, over a restart of the broker.</summary>
[Same]
public sealed class RecoveryTests : Client6Fixture
{
    [TestCase(false)]
    [TestCase(true)]
    public async Task It_comes_back_with_its_topology_and_consumers(bool killed)
    {
        var broker = await StartOwnBroker();
        var factory = Factory(broker.Port);
        factory.HostName = broker.Host;
        factory.AutomaticRecoveryEnabled = true;
        factory.TopologyRecoveryEnabled = true;
        factory.NetworkRecoveryInterval = TimeSpan.FromMilliseconds(200);
        var connection = (IAutorecoveringConnection)Connect(factory);
        var recovered = new BlockingCollection<EventArgs>();
        connection.RecoverySucceeded += (_, e) => recovered.Add(e);
        var shutdown = Collect<ShutdownEventArgs>(handler => connection.ConnectionShutdown += handler);

        var channel = connection.CreateModel();
        channel.ExchangeDeclare("recovered", ExchangeType.Direct, durable: false, autoDelete: false);
        var queue = channel.QueueDeclare("", durable: false, exclusive: true, autoDelete: true).QueueName;
        channel.QueueBind(queue, "recovered", "key");
        channel.BasicQos(0, 10, global: false);
        var deliveries = Consume(channel, queue);

        if (killed) await broker.Kill();
        else await broker.Stop();
        var reason = Take(shutdown);
        if (!killed)
        {
            Assert.That((reason.ReplyCode, reason.ReplyText), Is.EqualTo(
                ((ushort)320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'")));
        }
        await broker.Restart();

        Assert.That(recovered.TryTake(out _, Patience.Start), Is.True, "recovered");
        channel.BasicPublish("recovered", "key", basicProperties: null, Bytes("after"));
        var delivery = Take(deliveries);
        Assert.That((delivery.Redelivered, delivery.Text), Is.EqualTo((false, "after")));
        channel.BasicAck(delivery.Tag, multiple: false);
    }
}
