using System.Globalization;
using Amqp.Core.Topology;

namespace Amqp.Broker.Observability;

/// <summary>
/// Names in the form of Erlang's process identifiers, which RabbitMQ's tools print and take: <c>&lt;rabbit@host.1700000000.17.3&gt;</c>. Node,
/// second of its start, connection, and channel or 0; for a queue a connection of 0 and the queue's number.
/// </summary>
public sealed class Pids(string node, DateTimeOffset startedAt)
{
    private readonly long _startedAt = startedAt.ToUnixTimeSeconds();

    public string Of(ConnectionId connection) => Of(connection.Number, 0);

    public string Of(ConnectionId connection, ushort channel) => Of(connection.Number, channel);

    public string Of(ConsumerId consumer) => Of(consumer.Connection, consumer.Channel);

    public string Of(QueueId queue) => Of(0, queue.Value);

    private string Of(long first, long second) => string.Create(CultureInfo.InvariantCulture, $"<{node}.{_startedAt}.{first}.{second}>");
}
