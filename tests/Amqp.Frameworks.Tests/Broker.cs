using Amqp.Testing;

namespace Amqp.Frameworks.Tests;

/// <summary>One broker for all tests of the assembly.</summary>
[SetUpFixture]
public sealed class Broker : SharedBroker;
