using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Amqp.Conformance.Tests")]
