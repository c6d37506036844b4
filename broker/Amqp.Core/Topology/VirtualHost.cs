using System.Collections.Immutable;
using AMQP.Net;

namespace Amqp.Core.Topology;

/// <summary>A namespace of exchanges and queues, as of one topology version.</summary>
public sealed class VirtualHost
{
    private VirtualHost(
        string name, ImmutableDictionary<string, Exchange> exchanges, ImmutableDictionary<string, QueueDefinition> queues, BindingTable bindings)
    {
        Name = name;
        Exchanges = exchanges;
        Queues = queues;
        Bindings = bindings;
    }

    public string Name { get; }
    public ImmutableDictionary<string, Exchange> Exchanges { get; }
    public ImmutableDictionary<string, QueueDefinition> Queues { get; }

    /// <summary>The bindings that somebody made. Those of the default exchange follow from the names of the queues.</summary>
    public BindingTable Bindings { get; }

    public Exchange? FindExchange(string name) => Exchanges.GetValueOrDefault(name);

    public QueueDefinition? FindQueue(string name) => Queues.GetValueOrDefault(name);

    public bool Exists(Destination destination) => destination.Kind == ResourceKind.Queue
        ? Queues.ContainsKey(destination.Name)
        : Exchanges.ContainsKey(destination.Name);

    /// <summary>Whether a binding outlives the process: only if both of its ends do.</summary>
    public bool IsDurable(Binding binding) => Exchanges[binding.Source].Durable && (binding.Destination.Kind == ResourceKind.Queue
        ? Queues[binding.Destination.Name].Durable
        : Exchanges[binding.Destination.Name].Durable);

    /// <summary>A virtual host with nothing but the exchanges that every one has. They are durable and cannot be deleted, so
    /// they need not be stored.</summary>
    internal static VirtualHost New(string name)
    {
        Exchange[] predeclared =
        [
            Predeclared(name, "", ExchangeTypes.Direct),
            Predeclared(name, "amq.direct", ExchangeTypes.Direct),
            Predeclared(name, "amq.fanout", ExchangeTypes.Fanout),
            Predeclared(name, "amq.topic", ExchangeTypes.Topic),
            Predeclared(name, "amq.headers", ExchangeTypes.Headers),
            Predeclared(name, "amq.match", ExchangeTypes.Headers),
            Predeclared(name, "amq.rabbitmq.trace", ExchangeTypes.Topic, isInternal: true),
        ];
        return new(
            name,
            predeclared.ToImmutableDictionary(exchange => exchange.Name),
            ImmutableDictionary<string, QueueDefinition>.Empty,
            BindingTable.Empty);
    }

    internal VirtualHost With(Exchange exchange) => new(Name, Exchanges.SetItem(exchange.Name, exchange), Queues, Bindings);

    internal VirtualHost With(QueueDefinition queue) => new(Name, Exchanges, Queues.SetItem(queue.Name, queue), Bindings);

    internal VirtualHost With(Binding binding)
    {
        var source = Exchanges[binding.Source];
        return new(Name, Exchanges.SetItem(source.Name, source.With(source.Router.Bind(binding))), Queues, Bindings.Add(binding));
    }

    internal VirtualHost Without(Binding binding)
    {
        var source = Exchanges[binding.Source];
        return new(Name, Exchanges.SetItem(source.Name, source.With(source.Router.Unbind(binding))), Queues, Bindings.Remove(binding));
    }

    /// <summary>Without the exchange and all bindings from it and to it.</summary>
    internal VirtualHost WithoutExchange(string name)
    {
        // Its own router goes with it, so the bindings from it need only leave the table.
        var bindings = Bindings.OfSource(name).Aggregate(Bindings, (table, binding) => table.Remove(binding));
        var rest = new VirtualHost(Name, Exchanges, Queues, bindings).WithoutBindingsTo(Destination.Exchange(name));
        return new(Name, rest.Exchanges.Remove(name), Queues, rest.Bindings);
    }

    /// <summary>Without the queue and all bindings to it.</summary>
    internal VirtualHost WithoutQueue(string name)
    {
        var rest = WithoutBindingsTo(Destination.Queue(name));
        return new(Name, rest.Exchanges, Queues.Remove(name), rest.Bindings);
    }

    private VirtualHost WithoutBindingsTo(Destination destination) =>
        Bindings.OfDestination(destination).Aggregate(this, (vhost, binding) => vhost.Without(binding));

    private static Exchange Predeclared(string vhost, string name, string type, bool isInternal = false) =>
        new(vhost, name, type, durable: true, autoDelete: false, isInternal, FieldTable.Empty);
}
