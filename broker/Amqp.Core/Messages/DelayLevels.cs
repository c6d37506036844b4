namespace Amqp.Core.Messages;

/// <summary>What the numbers mean that messages may ask for with <c>x-delay-level</c>, from 1 on; as in RocketMQ a higher number than there is means the last.</summary>
public sealed class DelayLevels
{
    /// <summary>RocketMQ's.</summary>
    public const string DefaultText = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h";

    private readonly long[] _ms;

    private DelayLevels(long[] ms) => _ms = ms;

    public static DelayLevels Default { get; } = Parse(DefaultText)!;

    /// <param name="text">Times with spaces between, each a whole number and s, m, h or d.</param>
    /// <returns>Null: there is none, or one is something else, or longer than <see cref="Limits.TimeToLiveMs"/>.</returns>
    public static DelayLevels? Parse(string text)
    {
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var ms = new long[words.Length];
        for (var index = 0; index < words.Length; index++)
        {
            if (!DecimalDigits.TryParse(words[index].AsSpan(0, words[index].Length - 1), out var count)) return null;
            var unit = UnitMs(words[index][^1]);
            if (unit == 0 || count == 0 || count > Limits.TimeToLiveMs / unit) return null;
            ms[index] = count * unit;
        }
        return ms.Length == 0 ? null : new DelayLevels(ms);
    }

    /// <param name="level">1 or more.</param>
    public long Ms(long level) => _ms[(int)Math.Min(level, _ms.Length) - 1];

    private static long UnitMs(char unit) => unit switch
    {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => 0,
    };
}
