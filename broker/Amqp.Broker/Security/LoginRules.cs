using Amqp.Broker.Connections;

namespace Amqp.Broker.Security;

/// <summary>How clients may log in, as the operator wants it.</summary>
/// <param name="LoopbackUsers">Names of users who may log in from this host only.</param>
/// <param name="Mechanisms">Those of <see cref="Known"/> that are switched on.</param>
public sealed record LoginRules(IReadOnlySet<string> LoopbackUsers, IReadOnlySet<string> Mechanisms)
{
    /// <summary>The SASL mechanisms there are, in the order in which they are offered. RabbitMQ has them in a hash table.</summary>
    public static IReadOnlyList<string> Known { get; } = [Sasl.Amqplain, Sasl.External, Sasl.Plain];

    /// <summary>What connection.start offers.</summary>
    internal string Offered(Transport transport) => string.Join(' ', Known.Where(mechanism => Offers(mechanism, transport)));

    /// <summary>Where no client is asked for a certificate, none can log in by one.</summary>
    internal bool Offers(string mechanism, Transport transport) =>
        Mechanisms.Contains(mechanism) && (mechanism != Sasl.External || transport.AsksForCertificate);
}
