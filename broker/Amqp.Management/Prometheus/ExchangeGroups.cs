using Amqp.Broker;
using Amqp.Core.Metrics;
using Amqp.Core.Topology;
using static Amqp.Management.Prometheus.Metric;

namespace Amqp.Management.Prometheus;

/// <summary>An exchange, and what this node counted for it.</summary>
/// <param name="Bindings">From it; 0 where nothing asks for them.</param>
internal sealed record ExchangeReading(Exchange Exchange, Meter? Meter, int Bindings);

/// <summary>What is told of exchanges, on the detailed page only.</summary>
internal static class ExchangeGroups
{
    public static readonly MetricGroup<ExchangeReading> Publishes = new(
        "exchange_metrics",
        Counter<ExchangeReading>("exchange_messages_published_total", "Total number of messages published into an exchange", Measure.Published, exchange => exchange.Meter),
        Counter<ExchangeReading>("exchange_messages_routed_total", "Total number of copies of these that went to queues", Measure.Routed, exchange => exchange.Meter));

    /// <summary>The same on all nodes.</summary>
    public static readonly MetricGroup<ExchangeReading>[] OfCluster =
    [
        new(
            "exchange_bindings",
            Gauge<ExchangeReading>("exchange_bindings", "Number of bindings for an exchange. This value is cluster-wide.", exchange => exchange.Bindings)),
        new(
            "exchange_names",
            Gauge<ExchangeReading>("exchange_name", "Enumerates exchanges without any additional info. This value is cluster-wide. A cheaper alternative to `exchange_bindings`", _ => 1)),
    ];

    /// <summary>With the labels that RabbitMQ gives them.</summary>
    public static IReadOnlyList<Labelled<ExchangeReading>> Label(BrokerNode node, bool withType) =>
    [
        .. from vhost in node.Topology.VirtualHosts.Values
           from exchange in vhost.Exchanges.Values
           where exchange.Name.Length > 0 && !exchange.Internal
           select new Labelled<ExchangeReading>(
               withType
                   ? MetricsText.LabelsOf(("vhost", vhost.Name), ("exchange", exchange.Name), ("type", exchange.Type))
                   : MetricsText.LabelsOf(("vhost", vhost.Name), ("exchange", exchange.Name)),
               new ExchangeReading(exchange, node.MeterOf(exchange), vhost.Bindings.OfSource(exchange.Name).Count)),
    ];
}
