using System.Collections.Frozen;
using Amqp.Core.Errors;
using Amqp.Core.Queues;
using Amqp.Core.Routing;
using AMQP.Net;

namespace Amqp.Core.Topology;

/// <summary>The exchange types there are, each with its router.</summary>
public static class ExchangeTypes
{
    public const string Direct = "direct";
    public const string Fanout = "fanout";
    public const string Topic = "topic";
    public const string Headers = "headers";

    /// <summary>Messages may wait in it for a time that they ask for; then it routes as its argument says.</summary>
    private const string Delayed = "x-delayed-message";

    private const string DelayedTypeArgument = "x-delayed-type";

    /// <summary>What a broker downstream declares to be sent messages; one that hears 503 does with a fanout exchange.</summary>
    private const string FederationUpstream = "x-federation-upstream";

    private static readonly FrozenDictionary<string, ExchangeType> Types = new Dictionary<string, ExchangeType>
    {
        [Direct] = new(_ => DirectRouter.Empty),
        [Fanout] = new(_ => FanoutRouter.Empty),
        [Topic] = new(_ => TopicRouter.Empty),
        [Headers] = new(_ => HeadersRouter.Empty),
        ["x-consistent-hash"] = new(arguments => new ConsistentHashRouter(arguments), HashInput.Validate),
        ["x-modulus-hash"] = new(_ => new ModulusHashRouter(DestinationSet.Empty)),
        ["x-random"] = new(_ => new RandomRouter(DestinationSet.Empty)),
        ["x-local-random"] = new(_ => new LocalRandomRouter(DestinationSet.Empty)),
        [Delayed] = new(arguments => NewRouter(DelayedType(arguments)!, arguments), ValidateDelayed) { OwnQueue = _ => QueueSettings.OfDelays },
        ["x-message-deduplication"] = new(_ => FanoutRouter.Empty, Deduplication.Validate) { OwnQueue = Deduplication.Settings },
        ["x-recent-history"] = new(_ => FanoutRouter.Empty, RecentHistory.Validate) { OwnQueue = RecentHistory.Settings },
    }.ToFrozenDictionary();

    /// <summary>The names, for listing.</summary>
    public static IReadOnlyCollection<string> Known => Types.Keys;

    public static bool IsKnown(string type) => Types.ContainsKey(type);

    /// <summary>The error of a type that is not there, or null.</summary>
    public static BrokerError? Check(string type)
    {
        if (IsKnown(type)) return null;
        return type == FederationUpstream ? BrokerError.NoFederation : BrokerError.UnknownExchangeType(type);
    }

    /// <summary>406 if arguments mean nothing to an exchange of this type.</summary>
    public static BrokerError? Validate(string type, Resource exchange, FieldTable arguments) => Types[type].Validate?.Invoke(exchange, arguments);

    /// <summary>A router without bindings.</summary>
    public static IRouter NewRouter(string type, FieldTable arguments) => Types[type].NewRouter(arguments);

    /// <summary>What the queue goes by in which such an exchange keeps messages; null: it keeps none.</summary>
    public static QueueSettings? OwnQueue(string type, FieldTable arguments) => Types[type].OwnQueue?.Invoke(arguments);

    private static BrokerError? ValidateDelayed(Resource exchange, FieldTable arguments)
    {
        if (DelayedType(arguments) is not { } type) return BrokerError.DelayedTypeNotExchangeType;
        return type == Delayed ? BrokerError.DelayedTypeNotItself : Check(type) ?? Validate(type, exchange, arguments);
    }

    private static string? DelayedType(FieldTable arguments) =>
        arguments.TryGet(DelayedTypeArgument, out var type) && type.Type == FieldType.LongString ? type.AsText : null;

    private sealed record ExchangeType(Func<FieldTable, IRouter> NewRouter, Func<Resource, FieldTable, BrokerError?>? Validate = null)
    {
        public Func<FieldTable, QueueSettings>? OwnQueue { get; init; }
    }
}
