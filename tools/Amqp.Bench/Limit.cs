using System.Diagnostics;

namespace Amqp.Bench;

/// <summary>What a part reaches when there is nothing else to do.</summary>
/// <param name="PerSecond">Messages.</param>
/// <param name="CpuNs">Processor time of one message, nanoseconds, of all threads that the part uses.</param>
internal sealed record Limit(double PerSecond, double CpuNs)
{
    private const double NanosecondsPerSecond = 1e9;

    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(500);

    /// <summary>Both for each message, one after the other.</summary>
    public static Limit operator +(Limit one, Limit other) => new(1 / ((1 / one.PerSecond) + (1 / other.PerSecond)), one.CpuNs + other.CpuNs);

    public static Limit Of(double messages, TimeSpan took, double cpuSeconds) =>
        new(messages / took.TotalSeconds, cpuSeconds * NanosecondsPerSecond / messages);

    /// <summary>Repeats something in this process, which has nothing else to do meanwhile.</summary>
    /// <param name="work">Returns how many messages it was; enough of them for the clock not to count.</param>
    public static Limit Measure(int seconds, Func<int> work)
    {
        Repeat(work, WarmUp);
        var cpu = Environment.CpuUsage.TotalTime;
        var took = Stopwatch.StartNew();
        var messages = Repeat(work, TimeSpan.FromSeconds(seconds));
        return Of(messages, took.Elapsed, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
    }

    private static long Repeat(Func<int> work, TimeSpan time)
    {
        var messages = 0L;
        for (var took = Stopwatch.StartNew(); took.Elapsed < time;) messages += work();
        return messages;
    }
}
