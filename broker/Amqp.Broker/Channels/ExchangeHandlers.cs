using Amqp.Broker.Connections;
using Amqp.Core.Errors;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Channels;

/// <summary>exchange.declare, delete, bind, unbind.</summary>
internal sealed class ExchangeHandlers(ChannelSession channel)
{
    private readonly AmqpConnection _connection = channel.Connection;

    public async ValueTask Declare(ExchangeDeclare declare)
    {
        var name = Names.Strip(declare.Exchange);
        if (declare.Passive)
        {
            if (name.Length == 0) throw new BrokerException(BrokerError.DefaultExchange);
            if (_connection.VirtualHost.FindExchange(name) is null)
                throw new BrokerException(BrokerError.ExchangeNotFound(_connection.Vhost, name));
        }
        else
        {
            await _connection.Propose(new DeclareExchange(
                _connection.Vhost, name, declare.Type, declare.Durable, declare.AutoDelete, declare.Internal, declare.Arguments, _connection.User));
        }
        if (!declare.NoWait) channel.Send(default(ExchangeDeclareOk));
    }

    public async ValueTask Delete(ExchangeDelete delete)
    {
        await _connection.Propose(new DeleteExchange(_connection.Vhost, Names.Strip(delete.Exchange), delete.IfUnused, _connection.User));
        if (!delete.NoWait) channel.Send(default(ExchangeDeleteOk));
    }

    public async ValueTask Bind(ExchangeBind bind)
    {
        var binding = Binding(bind.Source, bind.Destination, bind.RoutingKey, bind.Arguments);
        await _connection.Bind(binding);
        if (!bind.NoWait) channel.Send(default(ExchangeBindOk));
    }

    public async ValueTask Unbind(ExchangeUnbind unbind)
    {
        var binding = Binding(unbind.Source, unbind.Destination, unbind.RoutingKey, unbind.Arguments);
        await _connection.Propose(new Unbind(_connection.Vhost, binding, _connection.Id, _connection.User));
        if (!unbind.NoWait) channel.Send(default(ExchangeUnbindOk));
    }

    private static Binding Binding(string source, string destination, string routingKey, FieldTable arguments) =>
        new(Names.Strip(source), Destination.Exchange(Names.Strip(destination)), routingKey, arguments);
}
