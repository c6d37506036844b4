using Amqp.Conformance.Tests.Support;
using Amqp.Testing;

namespace Amqp.Conformance.Tests;

/// <summary>One broker for all tests of the assembly.</summary>
[SetUpFixture]
public sealed class Broker : SharedBroker
{
    protected override void Prepare(string directory) => Definitions.WriteTo(directory);

    protected override Task PrepareOracle() => Definitions.ImportIntoOracle();

    /// <summary>Runs before the broker is stopped.</summary>
    [OneTimeTearDown]
    public Task CloseSharedConnection() => ConformanceFixture.CloseShared();
}
