using AMQP.Net;
using Amqp.Broker.Connections;
using Amqp.Broker.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker.Tests.Connections;

internal sealed class ExclusiveQueuesTests
{
    [Test]
    public void Queues_that_are_deleted_while_their_connection_lives_are_forgotten()
    {
        var queues = new ExclusiveQueues(new QueueDirectory(new NodeAlone("n"))); // in which none is to be found
        for (var id = 0; id < 10_000; id++)
            queues.Add(new QueueDefinition("/", $"q{id}", new QueueId(id), durable: false, autoDelete: false, new ConnectionId("n", 1, 1), FieldTable.Empty));
        Assert.That(queues.Count, Is.LessThan(100));
    }
}
