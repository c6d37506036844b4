using Amqp.Broker.Observability;
using Amqp.Core.Metrics;
using static Amqp.Management.Prometheus.Metric;

namespace Amqp.Management.Prometheus;

/// <summary>What is told of queues, by the node that leads them.</summary>
internal static class QueueGroups
{
    public static readonly MetricGroup<QueueInfo> Coarse = new(
        "queue_coarse_metrics",
        Gauge<QueueInfo>("queue_messages_ready", "Messages ready to be delivered to consumers", queue => queue.Figures.Ready),
        Gauge<QueueInfo>("queue_messages_unacked", "Messages delivered to consumers but not yet acknowledged", queue => queue.Figures.Unacked),
        Gauge<QueueInfo>("queue_messages", "Sum of ready and unacknowledged messages - total queue depth", queue => (long)queue.Figures.Ready + queue.Figures.Unacked));

    /// <summary>Also among <see cref="Full"/>.</summary>
    public static readonly MetricGroup<QueueInfo> Consumers = new(
        "queue_consumer_count",
        Gauge<QueueInfo>("queue_consumers", "Consumers on a queue", queue => queue.Consumers));

    public static readonly MetricGroup<QueueInfo> Full = new(
        "queue_metrics",
        Consumers.Metrics[0],
        Gauge<QueueInfo>("queue_consumer_capacity", "Consumer capacity", queue => queue.ConsumerCapacity),
        Gauge<QueueInfo>("queue_consumer_utilisation", "Same as consumer capacity", queue => queue.ConsumerCapacity),
        Gauge<QueueInfo>("queue_process_memory_bytes", "Memory in bytes used by the queue", queue => queue.Figures.MemoryBytes),
        Gauge<QueueInfo>("queue_messages_ram", "Ready and unacknowledged messages stored in memory", queue => (long)queue.Figures.ReadyInMemory + queue.Figures.UnackedInMemory),
        Gauge<QueueInfo>("queue_messages_ram_bytes", "Size of ready and unacknowledged messages stored in memory", queue => queue.Figures.BytesInMemory),
        Gauge<QueueInfo>("queue_messages_ready_ram", "Ready messages stored in memory", queue => queue.Figures.ReadyInMemory),
        Gauge<QueueInfo>("queue_messages_unacked_ram", "Unacknowledged messages stored in memory", queue => queue.Figures.UnackedInMemory),
        Gauge<QueueInfo>("queue_messages_persistent", "Persistent messages", queue => queue.Figures.Persistent),
        Gauge<QueueInfo>("queue_messages_persistent_bytes", "Size in bytes of persistent messages", queue => queue.Figures.PersistentBytes),
        Gauge<QueueInfo>("queue_messages_bytes", "Size in bytes of ready and unacknowledged messages", queue => queue.Figures.ReadyBytes + queue.Figures.UnackedBytes),
        Gauge<QueueInfo>("queue_messages_ready_bytes", "Size in bytes of ready messages", queue => queue.Figures.ReadyBytes),
        Gauge<QueueInfo>("queue_messages_unacked_bytes", "Size in bytes of all unacknowledged messages", queue => queue.Figures.UnackedBytes),
        Gauge<QueueInfo>("queue_messages_paged_out", "Messages paged out to disk", PagedOut),
        Gauge<QueueInfo>("queue_messages_paged_out_bytes", "Size in bytes of messages paged out to disk", PagedOutBytes),
        Gauge<QueueInfo>("queue_head_message_timestamp", "Timestamp of the first message in the queue, if any", queue => queue.HeadTimestamp ?? double.NaN) with { HasNoSum = true },
        Counter<QueueInfo>("queue_disk_reads_total", "Total number of times queue read messages from disk", queue => queue.MessagesRead),
        Counter<QueueInfo>("queue_disk_writes_total", "Total number of times queue wrote messages to disk", queue => queue.MessagesWritten));

    public static readonly MetricGroup<QueueInfo> Deliveries = new(
        "queue_delivery_metrics",
        CounterOf("queue_get_ack_total", "Total number of messages fetched from a queue with basic.get in manual acknowledgement mode", Measure.Got),
        CounterOf("queue_get_total", "Total number of messages fetched from a queue with basic.get in automatic acknowledgement mode", Measure.GotAutoAck),
        CounterOf("queue_messages_delivered_ack_total", "Total number of messages delivered from a queue to consumers in manual acknowledgement mode", Measure.Delivered),
        CounterOf("queue_messages_delivered_total", "Total number of messages delivered from a queue to consumers in automatic acknowledgement mode", Measure.DeliveredAutoAck),
        CounterOf("queue_messages_redelivered_total", "Total number of messages redelivered from a queue to consumers", Measure.Redelivered),
        CounterOf("queue_messages_acked_total", "Total number of messages acknowledged by consumers on a queue", Measure.Acknowledged),
        CounterOf("queue_get_empty_total", "Total number of times basic.get operations fetched no message on a queue", Measure.GetEmpty));

    /// <summary>RabbitMQ has it by exchange and channel; here it is what arrived in the queue.</summary>
    public static readonly MetricGroup<QueueInfo> Publishes = new(
        "channel_queue_exchange_metrics",
        CounterOf("queue_messages_published_total", "Total number of messages published to queues", Measure.Published));

    /// <summary>Ours: RabbitMQ never had metrics of mirrors. Of queues that have some.</summary>
    public static readonly MetricGroup<QueueInfo> Mirrors = new(
        "queue_mirror_metrics",
        Gauge<QueueInfo>("queue_mirrors", "Copies of mirrored queues on other nodes", queue => OfMirrored(queue, queue.Place.Copies.Length - 1)),
        Gauge<QueueInfo>("queue_mirrors_in_sync", "Of these, copies that have everything that was confirmed", queue => OfMirrored(queue, queue.Place.InSync.Length - 1)),
        Gauge<QueueInfo>("queue_mirror_lag_bytes", "Bytes that the mirror that is farthest behind does not have yet", queue =>
            OfMirrored(queue, queue.Place.Progress.Items.Select(mirror => mirror.BytesBehind).DefaultIfEmpty().Max())),
        Gauge<QueueInfo>("queue_mirror_sync_messages", "Messages that mirrors that catch up have been told so far", queue =>
            OfMirrored(queue, queue.Place.Progress.Items.Where(mirror => !mirror.IsComplete).Sum(mirror => mirror.MessagesTold))),
        Gauge<QueueInfo>("queues_unsynced", "Mirrored queues of which a copy is not in sync", queue => OfMirrored(queue, queue.Place.InSync.Length < queue.Place.Copies.Length ? 1 : 0)));

    /// <summary>All but those of which there are others.</summary>
    public static readonly MetricGroup<QueueInfo>[] All = [Coarse, Full, Deliveries, Publishes, Mirrors];

    private static double OfMirrored(QueueInfo queue, double value) => queue.Place.IsMirrored ? value : double.NaN;

    private static double PagedOut(QueueInfo queue) =>
        Math.Max(0, (long)queue.Figures.Ready + queue.Figures.Unacked - queue.Figures.ReadyInMemory - queue.Figures.UnackedInMemory);

    private static double PagedOutBytes(QueueInfo queue) => Math.Max(0, queue.Figures.ReadyBytes + queue.Figures.UnackedBytes - queue.Figures.BytesInMemory);

    /// <summary>For all together, those that are gone are counted too.</summary>
    private static Metric<QueueInfo> CounterOf(string name, string help, Measure measure) => Counter<QueueInfo>(name, help, queue => queue.Reading[measure]) with
    {
        OfAll = node => QueueKind.All.Sum(kind => node.QueueTotals[kind, measure]),
    };
}
