using AMQP.Net;
using Amqp.Core.Messages;
using Amqp.Core.Queues;

namespace Amqp.Core.DeadLetters;

/// <summary>
/// What a dead-lettered message tells of where it comes from, in headers as RabbitMQ 3.13 writes them:
/// <code>
/// x-death                  an array, what happened last first: a table for each queue and reason
///   original-expiration    the expiration that it had, if it had one; the property itself is taken away
///   count                  how often
///   reason                 rejected, expired, maxlen, delivery_limit
///   queue
///   time                   of the first time, in seconds since 1970
///   exchange, routing-keys where it was published to; of CC too
/// x-first-death-reason, x-first-death-queue, x-first-death-exchange     do not change any more
/// x-last-death-reason, x-last-death-queue, x-last-death-exchange
/// </code>
/// A client that publishes such headers is believed, as in 3.13: applications count retries with them.
/// </summary>
public static class Deaths
{
    private const string Header = "x-death";
    private const string Rejected = "rejected";

    /// <summary>The reason as headers say it; null: a message that leaves its queue for this is not dead-lettered.</summary>
    public static string? Text(RemovalReason reason) => reason switch
    {
        RemovalReason.Rejected => Rejected,
        RemovalReason.Expired => "expired",
        RemovalReason.BeyondLength => "maxlen",
        RemovalReason.DeliveryLimit => "delivery_limit",
        _ => null,
    };

    /// <summary>The content of the message that is published in its place.</summary>
    /// <param name="message">As it left its queue.</param>
    /// <param name="reason">Of those that have a <see cref="Text"/>.</param>
    /// <param name="queue">Name of the queue that it left.</param>
    /// <param name="unixSeconds">Now.</param>
    public static Content Record(Message message, RemovalReason reason, string queue, ulong unixSeconds)
    {
        var text = Text(reason) ?? throw new ArgumentOutOfRangeException(nameof(reason), reason, message: null);
        var headers = message.Properties.Headers ?? FieldTable.Empty;
        var before = headers.TryGet(Header, out var value) && value.Type == FieldType.Array ? value.AsArray : null;
        var deaths = before?.Where(IsDeath).Select(death => death.AsTable).ToList() ?? [];
        var known = deaths.FindIndex(death => Says(death, "queue", queue) && Says(death, "reason", text));
        var death = known < 0 ? New(message, text, queue, unixSeconds) : Again(deaths[known]);
        if (known >= 0) deaths.RemoveAt(known);
        deaths.Insert(0, death);

        headers = headers.With(Header, FieldValue.From([.. deaths.Select(FieldValue.From)]));
        if (before is null) headers = With(headers, "x-first-death-", text, queue, message.Exchange);
        var properties = MutableProperties.From(message.Properties);
        properties.Headers = With(headers, "x-last-death-", text, queue, message.Exchange);
        properties.Expiration = null;
        return message.Content.With(properties);
    }

    /// <summary>
    /// Whether a message with these headers has been in that queue before, and no consumer has rejected it since: it would go round for ever
    /// without anyone having wanted that, and is dropped.
    /// </summary>
    /// <param name="headers">As <see cref="Record"/> has made them.</param>
    public static bool IsCycle(FieldTable headers, string queue)
    {
        if (!headers.TryGet(Header, out var deaths)) return false;
        foreach (var death in deaths.AsArray)
        {
            if (Says(death.AsTable, "reason", Rejected)) return false;
            if (Says(death.AsTable, "queue", queue)) return true;
        }
        return false;
    }

    private static FieldTable New(Message message, string reason, string queue, ulong unixSeconds)
    {
        (string, FieldValue)[] fields =
        [
            ("count", FieldValue.From(1L)),
            ("reason", FieldValue.From(reason)),
            ("queue", FieldValue.From(queue)),
            ("time", FieldValue.Timestamp(unixSeconds)),
            ("exchange", FieldValue.From(message.Exchange)),
            ("routing-keys", FieldValue.From([.. message.RoutingKeys.Select(FieldValue.From)])),
        ];
        return message.ExpirationMs < 0
            ? FieldTable.From(fields)
            : FieldTable.From([("original-expiration", FieldValue.From($"{message.ExpirationMs}")), .. fields]);
    }

    private static FieldTable Again(FieldTable death)
    {
        death.TryGet("count", out var count);
        return count.TryGetInteger(out var times) ? death.With("count", FieldValue.From(times + 1)) : death;
    }

    private static FieldTable With(FieldTable headers, string prefix, string reason, string queue, string exchange) => headers
        .With($"{prefix}reason", FieldValue.From(reason))
        .With($"{prefix}queue", FieldValue.From(queue))
        .With($"{prefix}exchange", FieldValue.From(exchange));

    /// <summary>A client may have published anything under that name; what is no death is left out, as in RabbitMQ.</summary>
    private static bool IsDeath(FieldValue value) => value.Type == FieldType.Table
        && value.AsTable is var death
        && Has(death, "exchange", FieldType.LongString)
        && Has(death, "queue", FieldType.LongString)
        && Has(death, "reason", FieldType.LongString)
        && Has(death, "routing-keys", FieldType.Array)
        && Has(death, "time", FieldType.Timestamp)
        && death.TryGet("count", out var count) && count.TryGetInteger(out _);

    private static bool Has(FieldTable table, string name, FieldType type) => table.TryGet(name, out var value) && value.Type == type;

    private static bool Says(FieldTable death, string name, string text) =>
        death.TryGet(name, out var value) && value.Type == FieldType.LongString && value.AsText == text;
}
