using AMQP.Net;
using Amqp.Core.Errors;

namespace Amqp.Core.Messages;

/// <summary>
/// How long a message asks to wait in an exchange of type <c>x-delayed-message</c>: by its header <c>x-delay</c> in milliseconds, an integer, a number
/// with a fraction that is left out, or either as decimal digits; or by <c>x-delay-level</c>, the number of a <see cref="DelayLevels">level</see>.
/// What has waited carries both negated, as with RabbitMQ's plug-in: so it does not wait again in the next exchange, and consumers see that it did.
/// <para>Unlike there, what is no such number and what is beyond <see cref="Limits.TimeToLiveMs"/> is refused, and does not arrive at once.</para>
/// </summary>
public static class Delay
{
    private const string Header = "x-delay";
    private const string LevelHeader = "x-delay-level";

    /// <param name="headers">Of the message; null if it has none.</param>
    /// <param name="isAsked">It is to wait.</param>
    /// <returns>406 if a header is no such number; null if it is fine.</returns>
    public static BrokerError? Check(FieldTable? headers, out bool isAsked)
    {
        isAsked = false;
        // Most messages have neither, and none of those tables is decoded.
        if (headers is null) return null;
        foreach (var (name, max) in (ReadOnlySpan<(string, long)>)[(Header, Limits.TimeToLiveMs), (LevelHeader, long.MaxValue)])
        {
            if (!headers.TryGet(name, out var value) || value.Type == FieldType.Void) continue;
            if (Number(value) is not { } number || number > max) return BrokerError.InvalidDelay(name, value);
            isAsked |= number > 0;
        }
        return null;
    }

    /// <summary>Milliseconds that the message is to wait; 0: it is not.</summary>
    /// <param name="headers">That <see cref="Check"/> lets pass.</param>
    public static long Ms(FieldTable? headers, DelayLevels levels)
    {
        if (Asked(headers, Header) is { } ms) return ms;
        return Asked(headers, LevelHeader) is { } level ? levels.Ms(level) : 0;
    }

    /// <summary>The headers of a message that has waited.</summary>
    public static FieldTable Done(FieldTable headers)
    {
        foreach (var name in (ReadOnlySpan<string>)[Header, LevelHeader])
        {
            if (Asked(headers, name) is { } number) headers = headers.With(name, FieldValue.From(-number));
        }
        return headers;
    }

    private static long? Asked(FieldTable? headers, string name) =>
        headers is not null && headers.TryGet(name, out var value) && Number(value) is > 0 and var number ? number : null;

    private static long? Number(FieldValue value)
    {
        if (value.TryGetInteger(out var number)) return number;
        return value.Type switch
        {
            FieldType.Float => Whole(value.AsFloat),
            FieldType.Double => Whole(value.AsDouble),
            FieldType.LongString => Number(value.AsText),
            _ => null,
        };
    }

    private static long? Whole(double number) => Math.Abs(number) < 1e18 ? (long)number : null;

    private static long? Number(string text)
    {
        var isNegative = text is ['-', ..];
        return DecimalDigits.TryParse(text.AsSpan(isNegative || text is ['+', ..] ? 1 : 0), out var number) ? isNegative ? -number : number : null;
    }
}
