using AMQP.Net;
using Amqp.Core.Errors;

namespace Amqp.Core.Messages;

/// <summary>The expiration property: milliseconds as decimal digits, with or without a sign, up to <see cref="Limits.TimeToLiveMs"/>.</summary>
public static class Expiration
{
    /// <summary>Milliseconds, or -1 when there is none, of properties that were let pass once.</summary>
    public static long Of(BasicProperties properties)
    {
        if ((properties.Flags & PropertyFlags.Expiration) == PropertyFlags.None) return -1;
        Parse(properties.Expiration, out var ms);
        return ms;
    }

    /// <param name="ms">Milliseconds, or -1 when there is none.</param>
    /// <returns>406, with the reason that RabbitMQ's parsing gives; null if it is fine.</returns>
    public static BrokerError? Parse(string? expiration, out long ms)
    {
        ms = -1;
        if (expiration is null) return null;
        var digits = expiration.AsSpan(expiration is ['+' or '-', ..] ? 1 : 0);
        var end = digits.IndexOfAnyExceptInRange('0', '9') is >= 0 and var other ? other : digits.Length;
        if (end == 0) return BrokerError.InvalidExpiration(expiration, "no_integer");
        if (end < digits.Length)
            return BrokerError.InvalidExpiration(expiration, $"{{leftover_string,{ErlangTerm.Characters(digits[end..].ToString())}}}");

        var number = digits.TrimStart('0').ToString();
        if (number.Length == 0) number = "0";
        if (expiration[0] == '-' && number != "0") return BrokerError.InvalidExpiration(expiration, $"{{value_negative,-{number}}}");
        if (DecimalDigits.TryParse(number, out ms) && ms <= Limits.TimeToLiveMs) return null;
        return BrokerError.InvalidExpiration(expiration, $"{{value_too_large,{number}}}");
    }
}
