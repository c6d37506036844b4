using Amqp.Core.Policies;
using Amqp.Core.Routing;
using AMQP.Net;

namespace Amqp.Core.Topology;

/// <summary>An exchange, what policies make of it and the way it routes, as of one topology version. A bind gives a new one with a new router.</summary>
public sealed class Exchange
{
    public const string AlternateExchangeArgument = "alternate-exchange";

    private readonly string? _alternateExchange;

    private Exchange(Exchange exchange, AppliedPolicies policies, IRouter router)
    {
        (Vhost, Name, Type, Durable, AutoDelete, Internal) =
            (exchange.Vhost, exchange.Name, exchange.Type, exchange.Durable, exchange.AutoDelete, exchange.Internal);
        (Arguments, _alternateExchange, OwnQueue) = (exchange.Arguments, exchange._alternateExchange, exchange.OwnQueue);
        (Policies, Router) = (policies, router);
        AlternateExchange = _alternateExchange ?? policies.Effective.Text(AlternateExchangeArgument);
    }

    /// <summary>An exchange without bindings.</summary>
    /// <param name="type">One of <see cref="ExchangeTypes.Known"/>.</param>
    /// <param name="ownQueue">The number of its <see cref="OwnQueue"/>; null with types that have none.</param>
    /// <param name="home">The node that has it (<see cref="QueueDefinition.Home"/>).</param>
    public Exchange(string vhost, string name, string type, bool durable, bool autoDelete, bool isInternal, FieldTable arguments, QueueId? ownQueue = null, QueueHome home = default)
    {
        Vhost = vhost;
        Name = name;
        Type = type;
        Durable = durable;
        AutoDelete = autoDelete;
        Internal = isInternal;
        Arguments = arguments;
        _alternateExchange = arguments.TryGet(AlternateExchangeArgument, out var value) && value.Type == FieldType.LongString
            ? value.AsText
            : null;
        AlternateExchange = _alternateExchange;
        Policies = AppliedPolicies.None;
        Router = ExchangeTypes.NewRouter(type, arguments);
        if (ownQueue is { } queue && ExchangeTypes.OwnQueue(type, arguments) is { } settings) OwnQueue = QueueDefinition.OfExchange(this, queue, settings, home);
    }

    public string Vhost { get; }
    public string Name { get; }

    /// <summary>One of <see cref="ExchangeTypes.Known"/>.</summary>
    public string Type { get; }

    public bool Durable { get; }

    /// <summary>Deleted when its last binding as a source is.</summary>
    public bool AutoDelete { get; }

    /// <summary>Clients may not publish to it, only other exchanges lead to it.</summary>
    public bool Internal { get; }

    public FieldTable Arguments { get; }

    public AppliedPolicies Policies { get; }

    /// <summary>Where messages go that match no binding: by its argument, else by a policy.</summary>
    public string? AlternateExchange { get; }

    public IRouter Router { get; }

    /// <summary>Where it keeps messages, if its type does. Clients do not see this queue: it comes and goes with its exchange.</summary>
    public QueueDefinition? OwnQueue { get; private init; }

    /// <summary>The nameless exchange, to which every queue is bound with its own name.</summary>
    public bool IsDefault => Name.Length == 0;

    /// <summary>One that every virtual host has from the beginning; no other one can be declared under such a name.</summary>
    public bool IsPredeclared => IsDefault || Names.IsReserved(Name);

    public Resource Resource => Resource.Exchange(Vhost, Name);

    public override string ToString() => Resource.ToString();

    /// <summary>Declared alike, whatever is bound to it, and with the same queue of its own if it has one.</summary>
    internal bool IsSameAs(Exchange other) =>
        (Type, Durable, AutoDelete, Internal, OwnQueue?.Id) == (other.Type, other.Durable, other.AutoDelete, other.Internal, other.OwnQueue?.Id)
        && Arguments.Equals(other.Arguments);

    /// <summary>The same exchange with the messages that it keeps on that node.</summary>
    internal Exchange At(QueueHome home) => OwnQueue is null ? this : new(this, Policies, Router) { OwnQueue = OwnQueue.At(home) };

    /// <summary>The same exchange, unbound, with another queue of its own.</summary>
    internal Exchange At(QueueId ownQueue, QueueHome home) => new(Vhost, Name, Type, Durable, AutoDelete, Internal, Arguments, ownQueue, home);

    internal Exchange With(IRouter router) => new(this, Policies, router);

    /// <summary>The same exchange under other policies.</summary>
    internal Exchange Under(AppliedPolicies policies) => policies.Equals(Policies) ? this : new(this, policies, Router);
}
