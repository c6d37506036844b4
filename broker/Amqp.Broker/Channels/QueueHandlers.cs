using Amqp.Broker.Connections;
using Amqp.Core.Errors;
using Amqp.Core.Queues;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Channels;

/// <summary>queue.declare, bind, unbind, purge, delete.</summary>
internal sealed class QueueHandlers(ChannelSession channel)
{
    private readonly AmqpConnection _connection = channel.Connection;

    public ValueTask Declare(QueueDeclare declare)
    {
        var name = Names.Strip(declare.Queue);
        if (name.StartsWith(Names.DirectReplyTo, StringComparison.Ordinal)) return DeclareDirectReply(name, declare.NoWait);
        return declare.Passive ? DeclarePassive(name, declare.NoWait) : DeclareActive(name, declare);
    }

    public async ValueTask Bind(QueueBind bind)
    {
        var binding = Binding(bind.Queue, bind.Exchange, bind.RoutingKey, bind.Arguments);
        await _connection.Bind(binding);
        if (!bind.NoWait) channel.Send(default(QueueBindOk));
    }

    public async ValueTask Unbind(QueueUnbind unbind)
    {
        var binding = Binding(unbind.Queue, unbind.Exchange, unbind.RoutingKey, unbind.Arguments);
        await _connection.Propose(new Unbind(_connection.Vhost, binding, _connection.Id, _connection.User));
        channel.Send(default(QueueUnbindOk));
    }

    public async ValueTask Purge(QueuePurge purge)
    {
        var queue = channel.FindQueue(purge.Queue);
        var count = await _connection.Ask<int>(queue, QueueOperation.Purge);
        if (!purge.NoWait) channel.Send(new QueuePurgeOk((uint)count));
    }

    public async ValueTask Delete(QueueDelete delete)
    {
        var name = channel.ExpandQueueName(delete.Queue);
        _connection.CheckAccess(Access.Configure, Resource.Queue(_connection.Vhost, name));
        var count = 0;
        // Deleting what is not there is no error.
        if (_connection.VirtualHost.FindQueue(name) is { } definition)
        {
            if (definition.CheckAccess(_connection.Id) is { } refused) throw new BrokerException(refused);
            count = await Delete(definition, delete);
        }
        if (!delete.NoWait) channel.Send(new QueueDeleteOk((uint)count));
    }

    private async ValueTask<int> Delete(QueueDefinition definition, QueueDelete delete)
    {
        if (!_connection.Services.Queues.TryFind(definition, out var queue)) return 0;
        var conditions = (delete.IfUnused ? DeleteConditions.IfUnused : DeleteConditions.None)
            | (delete.IfEmpty ? DeleteConditions.IfEmpty : DeleteConditions.None);
        var result = await _connection.Ask<DeleteResult>(queue, reply => QueueOperation.Delete(conditions, reply, _connection.User));
        return result.Outcome switch
        {
            DeleteOutcome.InUse => throw new BrokerException(BrokerError.QueueInUse(definition.Vhost, definition.Name)),
            DeleteOutcome.NotEmpty => throw new BrokerException(BrokerError.QueueNotEmpty(definition.Vhost, definition.Name)),
            _ => result.MessageCount,
        };
    }

    private async ValueTask DeclareActive(string name, QueueDeclare declare)
    {
        var serverNamed = name.Length == 0;
        if (serverNamed) name = Names.GeneratedQueueName(Random16.Bytes());
        var command = new DeclareQueue(
            _connection.Vhost,
            name,
            declare.Durable,
            declare.AutoDelete,
            declare.Exclusive,
            declare.Arguments,
            _connection.Id,
            serverNamed,
            _connection.User);
        _connection.Services.Metrics.Churn.QueuesDeclared.Add();
        while (true)
        {
            var definition = (await _connection.Propose(command)).Queue!;
            // Gone: it is being deleted, and the deletion was proposed before this could ask again.
            if (await Status(definition) is not { Gone: false } status) continue;
            Answer(name, status.ReadyCount, status.ConsumerCount, declare.NoWait);
            return;
        }
    }

    private async ValueTask DeclarePassive(string name, bool noWait)
    {
        // As in RabbitMQ, an empty name does not stand for the last declared queue here.
        if (_connection.VirtualHost.FindQueue(name) is not { } definition
            || await Status(definition) is not { Gone: false } status)
        {
            throw new BrokerException(BrokerError.QueueNotFound(_connection.Vhost, name));
        }
        if (definition.CheckAccess(_connection.Id) is { } refused) throw new BrokerException(refused);
        Answer(name, status.ReadyCount, status.ConsumerCount, noWait);
    }

    /// <summary>A declare of a reply address is passive: it tells whether the requester is still there. The name that requesters consume
    /// from always is.</summary>
    private ValueTask DeclareDirectReply(string name, bool noWait)
    {
        if (name != Names.DirectReplyTo && !_connection.Services.DirectReplies.TryFind(name, out _))
            throw new BrokerException(BrokerError.QueueNotFound(_connection.Vhost, name));
        Answer(name, messages: 0, consumers: 1, noWait);
        return ValueTask.CompletedTask;
    }

    private async ValueTask<QueueStatus?> Status(QueueDefinition definition)
    {
        if (!_connection.Services.Queues.TryFind(definition, out var queue)) return null;
        return await _connection.Ask<QueueStatus>(queue, QueueOperation.Status);
    }

    private void Answer(string name, int messages, int consumers, bool noWait)
    {
        channel.LastQueue = name;
        if (!noWait) channel.Send(new QueueDeclareOk(name, (uint)messages, (uint)consumers));
    }

    private Binding Binding(string queue, string exchange, string routingKey, FieldTable arguments)
    {
        // Both left empty stand for the last declared queue; an empty routing key alone is just empty.
        var name = channel.ExpandQueueName(queue);
        var key = queue.Length == 0 && routingKey.Length == 0 ? name : routingKey;
        return new Binding(Names.Strip(exchange), Destination.Queue(name), key, arguments);
    }
}
