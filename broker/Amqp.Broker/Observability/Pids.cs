using System.Globalization;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker.Observability;

/// <summary>
/// Names in the form of Erlang's process identifiers, which RabbitMQ's tools print and take: <c>&lt;rabbit@host.1700000000.17.3&gt;</c>. Node,
/// second of its start, connection, and channel or 0; for a queue a connection of 0 and the queue's number.
/// </summary>
/// <param name="startOf">The second in which another node was started; 0: it is not known.</param>
public sealed class Pids(string node, DateTimeOffset startedAt, Func<string, long> startOf)
{
    private readonly long _startedAt = startedAt.ToUnixTimeSeconds();

    public string Of(ConnectionId connection) => Of(connection.Node, connection.Number, 0);

    public string Of(ConnectionId connection, ushort channel) => Of(connection.Node, connection.Number, channel);

    public string Of(ConsumerId consumer) => Of(consumer.Connection, consumer.Channel);

    public string Of(QueueId queue) => Of(node, 0, queue.Value);

    /// <summary>Of the copy of a queue on a node.</summary>
    public string Of(QueueId queue, string on) => Of(on, 0, queue.Value);

    private string Of(string on, long first, long second) => string.Create(CultureInfo.InvariantCulture, $"<{on}.{(on == node ? _startedAt : startOf(on))}.{first}.{second}>");
}
