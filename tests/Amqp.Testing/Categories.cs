using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace Amqp.Testing;

/// <summary>Must hold on RabbitMQ 3.10 (the oracle) and on our broker alike. The rule; the other two are the exceptions.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class SameAttribute() : CategoryAttribute("same");

/// <summary>
/// What RabbitMQ 3.11 to 3.13 do and 3.10 does not: our broker follows the newer one. Skipped against the oracle, so the
/// behaviour comes from RabbitMQ's source, which the test names.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class NewerAttribute() : CategoryAttribute("newer"), IApplyToTest
{
    void IApplyToTest.ApplyToTest(Test test)
    {
        ApplyToTest(test);
        Oracle.Skip(test, "the oracle is RabbitMQ 3.10 and this is behaviour of a later one");
    }
}

/// <summary>What our broker does on purpose otherwise than RabbitMQ. Each such test has its line in <c>tests/DIFFERENCES.md</c>.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class OursAttribute() : CategoryAttribute("ours"), IApplyToTest
{
    void IApplyToTest.ApplyToTest(Test test)
    {
        ApplyToTest(test);
        Oracle.Skip(test, "our broker differs here on purpose (tests/DIFFERENCES.md)");
    }
}
