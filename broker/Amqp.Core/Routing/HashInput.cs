using System.Globalization;
using Amqp.Core.Errors;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Core.Routing;

/// <summary>What of a message a consistent-hash exchange goes by: its routing keys, or what the argument <c>hash-header</c> or <c>hash-property</c> names.</summary>
internal sealed class HashInput
{
    private const string HeaderArgument = "hash-header";
    private const string PropertyArgument = "hash-property";

    private readonly string? _header;
    private readonly string? _property;

    private HashInput(string? header, string? property) => (_header, _property) = (header, property);

    public bool IsByKey => _header is null && _property is null;

    /// <summary>What is wrong with the arguments of an exchange, or null.</summary>
    public static BrokerError? Validate(Resource exchange, FieldTable arguments)
    {
        foreach (var name in (ReadOnlySpan<string>)[HeaderArgument, PropertyArgument])
        {
            if (arguments.TryGet(name, out var value) && value.Type != FieldType.LongString) return BrokerError.InvalidArgType(value.Type, name, exchange);
        }
        var input = Of(arguments);
        if (input is { _header: not null, _property: not null }) return BrokerError.HashHeaderAndProperty;
        return input._property is null or "message_id" or "correlation_id" or "timestamp" ? null : BrokerError.UnsupportedHashProperty(input._property);
    }

    public static HashInput Of(FieldTable arguments) => new(Text(arguments, HeaderArgument), Text(arguments, PropertyArgument));

    /// <summary>Messages without the header or property are all alike.</summary>
    public ulong HashOf(RoutingInput input)
    {
        if (IsByKey)
        {
            var hash = StableHash.Start;
            foreach (var key in input.Keys) hash = StableHash.Of(key, hash);
            return hash;
        }
        if (_header is null) return StableHash.Of(PropertyOf(input.Properties));
        return StableHash.Of(input.Headers is { } headers && headers.TryGet(_header, out var value) ? ErlangTerm.Text(value) : "");
    }

    private string? PropertyOf(BasicProperties properties) => _property switch
    {
        "message_id" => properties.MessageId,
        "correlation_id" => properties.CorrelationId,
        _ => properties.Timestamp?.ToString(CultureInfo.InvariantCulture),
    };

    private static string? Text(FieldTable arguments, string name) =>
        arguments.TryGet(name, out var value) && value.Type == FieldType.LongString ? value.AsText : null;
}
