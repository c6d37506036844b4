using Amqp.Broker;
using Amqp.Broker.Observability;
using Amqp.Core.Metrics;
using Amqp.Core.Topology;

namespace Amqp.Management.Prometheus;

/// <summary>RabbitMQ's global counters, which dashboards show: what happened on the node, also on connections and in queues that are gone.</summary>
internal static class GlobalCounters
{
    private const string Prefix = "rabbitmq_global_";

    private static readonly byte[] Protocol = MetricsText.LabelsOf(("protocol", "amqp091"));

    private static readonly (string Name, string Help, Measure Measure)[] OfProtocol =
    [
        ("messages_received_total", "Total number of messages received from publishers", Measure.Published),
        ("messages_received_confirm_total", "Total number of messages received from publishers expecting confirmations", Measure.PublishedToConfirm),
        ("messages_routed_total", "Total number of messages routed to queues or streams", Measure.Routed),
        ("messages_unroutable_dropped_total", "Total number of messages published as non-mandatory into an exchange and dropped as unroutable", Measure.Dropped),
        ("messages_unroutable_returned_total", "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable", Measure.Returned),
        ("messages_confirmed_total", "Total number of messages confirmed to publishers", Measure.Confirmed),
    ];

    private static readonly (string Name, string Help, Measure[] Measures)[] OfQueueType =
    [
        ("messages_delivered_total", "Total number of messages delivered to consumers", [Measure.Delivered, Measure.DeliveredAutoAck, Measure.Got, Measure.GotAutoAck]),
        ("messages_delivered_consume_manual_ack_total", "Total number of messages delivered to consumers using basic.consume with manual acknowledgment", [Measure.Delivered]),
        ("messages_delivered_consume_auto_ack_total", "Total number of messages delivered to consumers using basic.consume with automatic acknowledgment", [Measure.DeliveredAutoAck]),
        ("messages_delivered_get_manual_ack_total", "Total number of messages delivered to consumers using basic.get with manual acknowledgment", [Measure.Got]),
        ("messages_delivered_get_auto_ack_total", "Total number of messages delivered to consumers using basic.get with automatic acknowledgment", [Measure.GotAutoAck]),
        ("messages_get_empty_total", "Total number of times basic.get operations fetched no message", [Measure.GetEmpty]),
        ("messages_redelivered_total", "Total number of messages redelivered to consumers", [Measure.Redelivered]),
        ("messages_acknowledged_total", "Total number of messages acknowledged by consumers", [Measure.Acknowledged]),
    ];

    private static readonly (string Name, string Help, Measure Measure)[] OfDeadLetters =
    [
        ("messages_dead_lettered_expired_total", "Total number of messages dead-lettered due to message TTL exceeded", Measure.Expired),
        ("messages_dead_lettered_maxlen_total", "Total number of messages dead-lettered due to overflow drop-head or reject-publish-dlx", Measure.BeyondLength),
        ("messages_dead_lettered_rejected_total", "Total number of messages dead-lettered due to basic.reject or basic.nack", Measure.Rejected),
        ("messages_dead_lettered_delivery_limit_total", "Total number of messages dead-lettered due to delivery-limit exceeded", Measure.BeyondDeliveryLimit),
    ];

    private static readonly QueueType[] Types = [QueueType.Classic, QueueType.Quorum];

    public static void Write(IMetricsSink sink, BrokerNode node, IReadOnlyCollection<ChannelInfo> channels)
    {
        foreach (var (name, help, measure) in OfProtocol)
        {
            sink.Begin(Prefix + name, "counter", help);
            sink.Sample(Protocol, node.Meter[measure]);
        }
        sink.Begin(Prefix + "publishers", "gauge", "Current number of publishers");
        sink.Sample(Protocol, channels.Count(channel => channel.Meter[Measure.Published] > 0));
        sink.Begin(Prefix + "consumers", "gauge", "Current number of consumers");
        sink.Sample(Protocol, channels.Sum(channel => channel.Consumers.Length));
        foreach (var (name, help, measures) in OfQueueType)
        {
            sink.Begin(Prefix + name, "counter", help);
            foreach (var type in Types)
                sink.Sample(MetricsText.LabelsOf(("protocol", "amqp091"), ("queue_type", TextOf(type))), measures.Sum(measure => SumOf(node.QueueTotals, type, measure)));
        }
        foreach (var (name, help, measure) in OfDeadLetters)
        {
            sink.Begin(Prefix + name, "counter", help);
            foreach (var kind in QueueKind.All.Where(kind => Types.Contains(kind.Type)))
                sink.Sample(MetricsText.LabelsOf(("queue_type", TextOf(kind.Type)), ("dead_letter_strategy", TextOf(kind.DeadLetters))), node.QueueTotals[kind, measure]);
        }
    }

    private static long SumOf(QueueTotals totals, QueueType type, Measure measure) => QueueKind.All.Where(kind => kind.Type == type).Sum(kind => totals[kind, measure]);

    private static string TextOf(QueueType type) => $"rabbit_{type.Text()}_queue";

    private static string TextOf(DeadLetterStrategy strategy) => strategy switch
    {
        DeadLetterStrategy.AtMostOnce => "at_most_once",
        DeadLetterStrategy.AtLeastOnce => "at_least_once",
        _ => "disabled",
    };
}
