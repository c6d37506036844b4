using Amqp.Broker.Observability;
using Amqp.Core.Metrics;
using static Amqp.Management.Prometheus.Metric;

namespace Amqp.Management.Prometheus;

/// <summary>What is told of connections.</summary>
internal static class ConnectionGroups
{
    private static readonly MetricGroup<ConnectionInfo> Coarse = new(
        "connection_coarse_metrics",
        Counter<ConnectionInfo>("connection_incoming_bytes_total", "Total number of bytes received on a connection", Measure.BytesReceived, connection => connection.Meter),
        Counter<ConnectionInfo>("connection_outgoing_bytes_total", "Total number of bytes sent on a connection", Measure.BytesSent, connection => connection.Meter));

    private static readonly MetricGroup<ConnectionInfo> Full = new(
        "connection_metrics",
        Counter<ConnectionInfo>("connection_incoming_packets_total", "Total number of packets received on a connection", connection => connection.Reads),
        Counter<ConnectionInfo>("connection_outgoing_packets_total", "Total number of packets sent on a connection", connection => connection.Flushes),
        Gauge<ConnectionInfo>("connection_pending_packets", "Bytes waiting to be sent on a connection, under the name that RabbitMQ has for them", connection => connection.BytesPending),
        Gauge<ConnectionInfo>("connection_channels", "Channels on a connection", connection => connection.Channels.Length));

    public static readonly MetricGroup<ConnectionInfo>[] All = [Coarse, Full];
}
