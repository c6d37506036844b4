using System.Globalization;
using Amqp.Core.Errors;

namespace Amqp.Broker.Publishing;

/// <summary>The expiration property: milliseconds as decimal text.</summary>
internal static class Expiration
{
    /// <summary>RabbitMQ's largest: what its timers can be set for.</summary>
    private const long MsMax = 4_294_967_295;

    /// <summary>Milliseconds, or -1 when there is none.</summary>
    /// <exception cref="BrokerException">406: it is no number, or out of range.</exception>
    public static long Parse(string? expiration)
    {
        if (expiration is null) return -1;
        return long.TryParse(expiration, NumberStyles.None, CultureInfo.InvariantCulture, out var ms) && ms <= MsMax
            ? ms
            : throw new BrokerException(BrokerError.InvalidExpiration(expiration));
    }
}
