using Microsoft.AspNetCore.Http;

namespace Amqp.Management.Http;

/// <summary>How much of a queue a request may look at.</summary>
internal static class BrowseLimits
{
    public const int CountDefault = 100;

    /// <summary>What RabbitMQ's own page asks for.</summary>
    public const int TruncateDefault = 50_000;

    private const int CountMax = 1_000;

    /// <summary>400 if it is too much, or too little.</summary>
    public static IResult? Check(long from, int count, int truncate)
    {
        if (from < 0 || truncate < 0) return Answer.BadRequest("from and truncate cannot be negative");
        return count is < 1 or > CountMax ? Answer.BadRequest($"count has to be from 1 to {CountMax}") : null;
    }
}
