using System.Globalization;
using Amqp.Core.Metrics;

namespace Amqp.Management.Http;

/// <summary>Since when something is idle, as RabbitMQ has it in <c>idle_since</c>.</summary>
internal static class Idleness
{
    /// <returns>Null: it is not idle, or another node knows that.</returns>
    public static string? Of(IReading? reading) => (reading as Meter)?.IdleSinceMs is { } ms
        ? DateTimeOffset.FromUnixTimeMilliseconds(ms).ToString("yyyy-MM-dd'T'HH:mm:ss.fffzzz", CultureInfo.InvariantCulture)
        : null;
}
