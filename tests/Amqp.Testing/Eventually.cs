using System.Diagnostics;
using System.Runtime.CompilerServices;
using NUnit.Framework.Constraints;
using NUnit.Framework.Internal;

namespace Amqp.Testing;

/// <summary>
/// Polls until something holds, with a deadline. The only place where a test lets time pass: a test never sleeps in the hope that
/// something has happened by then.
/// </summary>
public static class Eventually
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>Polls until <paramref name="condition"/> is true.</summary>
    public static Task True(
        Func<bool> condition, TimeSpan? within = null, [CallerArgumentExpression(nameof(condition))] string expression = "") =>
        That(() => Task.FromResult(condition()), Is.True, within, expression);

    /// <summary>Polls until <paramref name="condition"/> is true; an exception of it ends the test.</summary>
    public static Task True(
        Func<Task<bool>> condition, TimeSpan? within = null, [CallerArgumentExpression(nameof(condition))] string expression = "") =>
        That(condition, Is.True, within, expression);

    /// <summary>Polls until the value satisfies <paramref name="constraint"/>.</summary>
    public static Task That<T>(
        Func<T> value, IResolveConstraint constraint, TimeSpan? within = null,
        [CallerArgumentExpression(nameof(value))] string expression = "") =>
        That(() => Task.FromResult(value()), constraint, within, expression);

    /// <summary>Polls until the value satisfies <paramref name="constraint"/>; an exception of the probe ends the test.</summary>
    public static async Task That<T>(
        Func<Task<T>> value, IResolveConstraint constraint, TimeSpan? within = null,
        [CallerArgumentExpression(nameof(value))] string expression = "")
    {
        var deadline = within ?? Patience.Answer;
        var resolved = constraint.Resolve();
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var result = resolved.ApplyTo(await value());
            if (result.IsSuccess) return;
            if (watch.Elapsed > deadline)
            {
                using var writer = new TextMessageWriter($"not so within {deadline.TotalSeconds} s: {expression}");
                result.WriteMessageTo(writer);
                Assert.Fail(writer.ToString());
            }
            await Task.Delay(Interval);
        }
    }

    /// <summary>
    /// Holds for the whole of <paramref name="span"/>: for what must not happen. It can only ever prove that nothing was seen, so
    /// prefer to send something behind the forbidden event and to wait for that.
    /// </summary>
    public static async Task Never(
        Func<bool> condition, TimeSpan span, [CallerArgumentExpression(nameof(condition))] string expression = "")
    {
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < span)
        {
            if (condition()) Assert.Fail($"happened after {watch.ElapsedMilliseconds} ms: {expression}");
            await Task.Delay(Interval);
        }
    }
}
