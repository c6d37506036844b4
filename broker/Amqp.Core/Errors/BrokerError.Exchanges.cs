using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Core.Errors;

/// <summary>Exchanges and bindings.</summary>
public sealed partial record BrokerError
{
    public static BrokerError ExchangeNotFound(string vhost, string name) => NotFound($"no {Resource.Exchange(vhost, name)}");

    /// <summary>The name is not known at all. RabbitMQ up to 3.12 closed the connection with 503 here.</summary>
    public static BrokerError UnknownExchangeType(string type) => PreconditionFailed($"unknown exchange type '{type}'");

    /// <summary>RabbitMQ's answer without its federation plugin; a broker downstream knows it.</summary>
    public static BrokerError NoFederation => new(ReplyCode.CommandInvalid, "unknown exchange type 'x-federation-upstream'");

    public static BrokerError DelayedTypeNotExchangeType => PreconditionFailed("Invalid argument, 'x-delayed-type' must be an existing exchange type");

    public static BrokerError DelayedTypeNotItself => PreconditionFailed("Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'");

    public static BrokerError InvalidRecentHistoryLength(FieldValue length) =>
        PreconditionFailed($"Invalid argument {ErlangTerm.Render(length)}, 'x-recent-history-length' must be a positive integer");

    public static BrokerError InvalidCacheSize => PreconditionFailed("Missing or invalid argument, 'x-cache-size' must be an integer greater than 0");

    public static BrokerError InvalidCacheTtl => PreconditionFailed("Invalid argument, 'x-cache-ttl' must be an integer greater than 0");

    public static BrokerError InvalidCachePersistence => PreconditionFailed("Invalid argument, 'x-cache-persistence' must be either 'disk' or 'memory'");

    public static BrokerError HashHeaderAndProperty => PreconditionFailed("hash-header and hash-property are mutually exclusive");

    public static BrokerError UnsupportedHashProperty(string property) => PreconditionFailed($"Unsupported property: {property}");

    /// <summary>The key of a binding of a consistent-hash exchange is a weight.</summary>
    public static BrokerError HashWeightNotInteger(string key) =>
        PreconditionFailed($"The binding key must be an integer: {ErlangTerm.Render(FieldValue.From(key))}");

    public static BrokerError HashWeightTooSmall => PreconditionFailed("The binding key must be greater than 0");

    public static BrokerError LocalRandomBindingKey(string key) => PreconditionFailed($"Non empty binding '{key}' key not permitted");

    public static BrokerError LocalRandomDestination => PreconditionFailed("Destination not found");

    /// <summary>The name is known, but not as an exchange type.</summary>
    public static BrokerError InvalidExchangeType(string type) => PreconditionFailed($"invalid exchange type '{type}'");

    public static BrokerError DefaultExchange => AccessRefused("operation not permitted on the default exchange");

    public static BrokerError SystemExchangeDeletion(string vhost, string name) =>
        AccessRefused($"deletion of system {Resource.Exchange(vhost, name)} not allowed");

    public static BrokerError ExchangeInUse(string vhost, string name) =>
        PreconditionFailed($"{Resource.Exchange(vhost, name)} in use");

    public static BrokerError PublishToInternalExchange(string vhost, string name) =>
        AccessRefused($"cannot publish to internal {Resource.Exchange(vhost, name)}");

    public static BrokerError InvalidXMatchValue(FieldValue value) => PreconditionFailed(
        $"Invalid x-match field value {ErlangTerm.Render(value)}; expected all, any, all-with-x, or any-with-x");

    public static BrokerError InvalidXMatchType(FieldValue value) => PreconditionFailed(
        $"Invalid x-match field type {value.Type.Name()} (value {ErlangTerm.Render(value)}); expected longstr");

    /// <summary>A name beginning with <c>amq.</c>, which belongs to the broker.</summary>
    public static BrokerError ReservedPrefix(ResourceKind kind, string name) =>
        AccessRefused($"{kind.Text()} name '{name}' contains reserved prefix 'amq.*'");

    /// <summary>A repeated declaration differs in a property: <c>durable</c>, <c>auto_delete</c>, <c>internal</c>.</summary>
    public static BrokerError InequivalentArg(string name, Resource resource, bool received, bool current) =>
        InequivalentArg(name, resource, received ? "true" : "false", current ? "true" : "false");

    /// <summary>A repeated declaration differs in a property, such as the <c>type</c> of an exchange.</summary>
    public static BrokerError InequivalentArg(string name, Resource resource, string received, string current) =>
        Inequivalent(name, resource, $"'{received}'", $"'{current}'");

    /// <summary>A repeated declaration differs in an argument. RabbitMQ names type and value only where the other side has
    /// none; null means absent.</summary>
    public static BrokerError InequivalentArg(string name, Resource resource, FieldValue? received, FieldValue? current) =>
        Inequivalent(name, resource, Describe(received, other: current), Describe(current, other: received));

    private static BrokerError Inequivalent(string name, Resource resource, string received, string current) =>
        PreconditionFailed($"inequivalent arg '{name}' for {resource}: received {received} but current is {current}");

    private static string Describe(FieldValue? value, FieldValue? other) => (value, other) switch
    {
        (null, _) => "none",
        ({ } present, null) => $"the value '{ErlangTerm.Text(present)}' of type '{present.Type.Name()}'",
        ({ } present, _) => $"'{ErlangTerm.Text(present)}'",
    };
}
