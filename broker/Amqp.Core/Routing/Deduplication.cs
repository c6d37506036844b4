using AMQP.Net;
using Amqp.Core.Errors;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Core.Routing;

/// <summary>
/// An exchange of type <c>x-message-deduplication</c>, as the plug-in of that name has it: a fanout exchange that lets no message pass whose key it
/// remembers. Messages without a key pass, and nothing is remembered of them.
/// </summary>
internal static class Deduplication
{
    private const string SizeArgument = "x-cache-size";
    private const string LifeName = "x-cache-ttl"; // an argument, and a header
    private const string PersistenceArgument = "x-cache-persistence";

    /// <summary>406 if there is no size, or an argument means nothing.</summary>
    public static BrokerError? Validate(Resource exchange, FieldTable arguments)
    {
        if (Positive(arguments, SizeArgument) is null) return BrokerError.InvalidCacheSize;
        if (arguments.Contains(LifeName) && !(Positive(arguments, LifeName) <= Limits.TimeToLiveMs)) return BrokerError.InvalidCacheTtl;
        if (!arguments.TryGet(PersistenceArgument, out var persistence)) return null;
        return persistence.Type == FieldType.LongString && persistence.AsText is "disk" or "memory" ? null : BrokerError.InvalidCachePersistence;
    }

    /// <summary>Of the queue that remembers the keys.</summary>
    public static QueueSettings Settings(FieldTable arguments) => new()
    {
        Role = QueueRole.Deduplication,
        LengthMax = Positive(arguments, SizeArgument) ?? 0,
        MessageTtlMs = Positive(arguments, LifeName),
        MaxPriority = 1,
        KeysInMemory = arguments.TryGet(PersistenceArgument, out var persistence) && persistence is { Type: FieldType.LongString, AsText: "memory" },
    };

    /// <summary>For how long the key of a message is to be remembered, as its header says; null: as the exchange says.</summary>
    public static long? LifeMs(FieldTable? headers) => headers is null ? null : Positive(headers, LifeName) is { } ms ? Math.Min(ms, Limits.TimeToLiveMs) : null;

    /// <summary>A positive integer, or one in digits; else null.</summary>
    private static long? Positive(FieldTable table, string name)
    {
        if (!table.TryGet(name, out var value)) return null;
        if (value.Type == FieldType.LongString && DecimalDigits.TryParse(value.AsText, out var digits)) return digits > 0 ? digits : null;
        return value.TryGetInteger(out var number) && number > 0 ? number : null;
    }
}
