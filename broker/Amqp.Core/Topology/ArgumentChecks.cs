using AMQP.Net;

namespace Amqp.Core.Topology;

/// <summary>
/// Which values an argument of a queue may have. A check returns null if the value is fine, else the reason as RabbitMQ
/// prints it (an Erlang term), which becomes the end of the error text.
/// </summary>
internal static class ArgumentChecks
{
    private const int PriorityMax = 255;

    public static string? Anything(FieldValue value, FieldTable all) => null;

    public static string? Bool(FieldValue value, FieldTable all) => value.Type == FieldType.Bool ? null : UnacceptableType(value);

    public static string? LongString(FieldValue value, FieldTable all) =>
        value.Type == FieldType.LongString ? null : UnacceptableType(value);

    public static string? NonNegative(FieldValue value, FieldTable all)
    {
        if (!value.TryGetInteger(out var number)) return ExpectedInteger(value);
        return number < 0 ? $"{{value_negative,{number}}}" : null;
    }

    public static string? Positive(FieldValue value, FieldTable all) =>
        NonNegative(value, all) ?? (IsZero(value) ? "{value_zero,0}" : null);

    public static string? MessageTtl(FieldValue value, FieldTable all)
    {
        if (NonNegative(value, all) is { } reason) return reason;
        value.TryGetInteger(out var ms);
        return ms > Limits.TimeToLiveMs ? $"{{value_too_large,{ms}}}" : null;
    }

    public static string? Expires(FieldValue value, FieldTable all) => IsZero(value) ? "{value_zero,0}" : MessageTtl(value, all);

    public static string? PositiveTime(FieldValue value, FieldTable all) => Positive(value, all) ?? MessageTtl(value, all);

    public static string? MaxPriority(FieldValue value, FieldTable all)
    {
        if (NonNegative(value, all) is { } reason) return reason;
        value.TryGetInteger(out var priority);
        return priority > PriorityMax ? $"{{max_value_exceeded,{priority}}}" : null;
    }

    public static string? DeadLetterRoutingKey(FieldValue value, FieldTable all)
    {
        if (LongString(value, all) is { } reason) return reason;
        return all.Contains("x-dead-letter-exchange") ? null : "routing_key_but_no_dlx_defined";
    }

    public static string? DeadLetterStrategy(FieldValue value, FieldTable all) =>
        OneOf(value, "invalid_dlx_strategy", "at-most-once", "at-least-once");

    public static string? Overflow(FieldValue value, FieldTable all) =>
        OneOf(value, "invalid_overflow", "drop-head", "reject-publish", "reject-publish-dlx");

    public static string? Dispatch(FieldValue value, FieldTable all) => OneOf(value, "invalid_dispatch", "round-robin", "least-loaded");

    public static string? RetryType(FieldValue value, FieldTable all) =>
        OneOf(value, "invalid_delayed_retry_type", "all", "failed", "returned", "disabled");

    public static string? ConsumerTimeoutAction(FieldValue value, FieldTable all) =>
        OneOf(value, "invalid_consumer_timeout_action", "close-channel", "requeue");

    public static string? LeaderLocator(FieldValue value, FieldTable all) =>
        OneOf(value, "invalid_queue_locator_arg", "client-local", "balanced", "random", "least-leaders");

    public static string? QueueMode(FieldValue value, FieldTable all) =>
        LongString(value, all) ?? OneOf(value, $"\"unsupported queue mode '{value.AsText}'\"", "default", "lazy");

    public static string? QueueVersion(FieldValue value, FieldTable all)
    {
        if (NonNegative(value, all) is { } reason) return reason;
        value.TryGetInteger(out var version);
        return version is 1 or 2 ? null : $"\"unsupported queue version '{version}'\"";
    }

    public static string? QueueType(FieldValue value, FieldTable all)
    {
        if (LongString(value, all) is { } reason) return reason;
        return value.AsText == "undefined" || QueueTypes.TryParse(value.AsText, out _)
            ? null
            : $"\"unsupported queue type '{value.AsText}'\"";
    }

    /// <summary>A number above zero and a unit: <c>7D</c>.</summary>
    public static string? MaxAge(FieldValue value, FieldTable all)
    {
        if (LongString(value, all) is { } reason) return reason;
        var text = value.AsText;
        var digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        return digits > 0 && text.AsSpan(0, digits).ContainsAnyExcept('0') && text[digits..] is "Y" or "M" or "D" or "h" or "m" or "s"
            ? null
            : "invalid_max_age";
    }

    private static bool IsZero(FieldValue value) => value.TryGetInteger(out var number) && number == 0;

    private static string? OneOf(FieldValue value, string reason, params ReadOnlySpan<string> allowed)
    {
        if (value.Type != FieldType.LongString) return UnacceptableType(value);
        return allowed.Contains(value.AsText) ? null : reason;
    }

    private static string UnacceptableType(FieldValue value) => $"{{unacceptable_type,{value.Type.Name()}}}";

    private static string ExpectedInteger(FieldValue value) => $"\"expected integer, got {value.Type.Name()}\"";
}
