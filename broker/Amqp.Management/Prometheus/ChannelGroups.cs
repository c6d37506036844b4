using Amqp.Broker.Observability;
using Amqp.Core.Metrics;
using static Amqp.Management.Prometheus.Metric;

namespace Amqp.Management.Prometheus;

/// <summary>What is told of channels.</summary>
internal static class ChannelGroups
{
    private static readonly MetricGroup<ChannelInfo> Full = new(
        "channel_metrics",
        Gauge<ChannelInfo>("channel_consumers", "Consumers on a channel", channel => channel.Consumers.Length),
        Gauge<ChannelInfo>("channel_messages_unacked", "Delivered but not yet acknowledged messages", channel => channel.Unacked),
        Gauge<ChannelInfo>("channel_messages_unconfirmed", "Published but not yet confirmed messages", channel => channel.Unconfirmed),
        Gauge<ChannelInfo>("channel_messages_uncommitted", "Messages received in a transaction but not yet committed", channel => channel.UncommittedPublishes),
        Gauge<ChannelInfo>("channel_acks_uncommitted", "Message acknowledgements in a transaction not yet committed", channel => channel.UncommittedAcks),
        Gauge<ChannelInfo>("consumer_prefetch", "Limit of unacknowledged messages for each consumer", channel => channel.Prefetch),
        Gauge<ChannelInfo>("channel_prefetch", "Total limit of unacknowledged messages for all consumers on a channel", channel => channel.GlobalPrefetch));

    private static readonly MetricGroup<ChannelInfo> Publishes = new(
        "channel_exchange_metrics",
        CounterOf("channel_messages_published_total", "Total number of messages published into an exchange on a channel", Measure.Published),
        CounterOf("channel_messages_confirmed_total", "Total number of messages published into an exchange and confirmed on the channel", Measure.Confirmed),
        CounterOf(
            "channel_messages_unroutable_returned_total", "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable", Measure.Returned),
        CounterOf("channel_messages_unroutable_dropped_total", "Total number of messages published as non-mandatory into an exchange and dropped as unroutable", Measure.Dropped));

    private static readonly MetricGroup<ChannelInfo> Deliveries = new(
        "channel_queue_metrics",
        CounterOf("channel_get_ack_total", "Total number of messages fetched with basic.get in manual acknowledgement mode", Measure.Got),
        CounterOf("channel_get_total", "Total number of messages fetched with basic.get in automatic acknowledgement mode", Measure.GotAutoAck),
        CounterOf("channel_messages_delivered_ack_total", "Total number of messages delivered to consumers in manual acknowledgement mode", Measure.Delivered),
        CounterOf("channel_messages_delivered_total", "Total number of messages delivered to consumers in automatic acknowledgement mode", Measure.DeliveredAutoAck),
        CounterOf("channel_messages_redelivered_total", "Total number of messages redelivered to consumers", Measure.Redelivered),
        CounterOf("channel_messages_acked_total", "Total number of messages acknowledged by consumers", Measure.Acknowledged),
        CounterOf("channel_get_empty_total", "Total number of times basic.get operations fetched no message", Measure.GetEmpty));

    public static readonly MetricGroup<ChannelInfo>[] All = [Full, Publishes, Deliveries];

    private static Metric<ChannelInfo> CounterOf(string name, string help, Measure measure) => Counter<ChannelInfo>(name, help, measure, channel => channel.Meter);
}
