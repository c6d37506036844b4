using System.Net;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace Amqp.Testing;

/// <summary>
/// Oracle mode: with <c>AMQP_TEST_ORACLE=127.0.0.1:5673</c> the tests run against the RabbitMQ that listens there
/// (<c>tests/oracle/start.sh</c>), to prove the tests right.
/// </summary>
public static class Oracle
{
    public const string Variable = "AMQP_TEST_ORACLE";

    /// <summary>The address given, or null when the tests run against our broker.</summary>
    public static IPEndPoint? Address { get; } = Parse(Environment.GetEnvironmentVariable(Variable));

    public static bool IsUsed => Address is not null;

    internal static void Skip(Test test, string reason)
    {
        if (!IsUsed || test.RunState is RunState.NotRunnable) return;
        test.RunState = RunState.Ignored;
        test.Properties.Set(PropertyNames.SkipReason, reason);
    }

    private static IPEndPoint? Parse(string? value)
    {
        if (string.IsNullOrEmpty(value)) return null;
        return IPEndPoint.TryParse(value, out var address) && address.Port != 0
            ? address
            : throw new InvalidOperationException($"{Variable}={value} is not an address and port, such as 127.0.0.1:5673");
    }
}
