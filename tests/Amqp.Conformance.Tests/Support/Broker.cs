using Amqp.Conformance.Tests.Support;
using Amqp.Testing;

namespace Amqp.Conformance.Tests;

/// <summary>One broker for all tests of the assembly.</summary>
[SetUpFixture]
public sealed class Broker : SharedBroker
{
    /// <summary>Runs before the broker is stopped.</summary>
    [OneTimeTearDown]
    public Task CloseSharedConnection() => ConformanceFixture.CloseShared();
}
