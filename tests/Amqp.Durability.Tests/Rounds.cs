using System.Globalization;
using Amqp.Testing;

namespace Amqp.Durability.Tests;

/// <summary>
/// Rounds of a test that chance leads: the seed is printed, <c>AMQP_TEST_SEED</c> sets it, and what came of it stands in a line of
/// <c>tests/results/durability.md</c>. The seed decides what clients want and when the broker is ended, not how processes meet.
/// </summary>
internal static class Rounds
{
    private const string SeedVariable = "AMQP_TEST_SEED";

    /// <param name="test">Returns what it counted, in words.</param>
    public static async Task Run(string name, int rounds, Func<Random, Task<string>> test)
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable(SeedVariable), CultureInfo.InvariantCulture, out var set) ? set : Random.Shared.Next();
        await TestContext.Out.WriteLineAsync($"{name}: {rounds} rounds, {SeedVariable}={seed}");
        var result = "failed";
        try
        {
            result = await test(new Random(seed));
            await TestContext.Out.WriteLineAsync(result);
        }
        finally
        {
            var line = string.Create(CultureInfo.InvariantCulture, $"| {DateTime.UtcNow:yyyy-MM-dd HH:mm} | {name} | {rounds} | {seed} | {result} |\n");
            var results = Repository.PathOf("tests", "results");
            Directory.CreateDirectory(results);
            await File.AppendAllTextAsync(Path.Combine(results, "durability.md"), line);
        }
    }
}
