using Amqp.Testing;

namespace Amqp.Management.Tests;

/// <summary>The broker that the tests of this assembly share.</summary>
[SetUpFixture]
public sealed class Broker : SharedBroker;
