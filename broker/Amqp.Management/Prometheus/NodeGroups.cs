using Amqp.Core.Metrics;
using Amqp.Management.Http;
using static Amqp.Management.Prometheus.Metric;

namespace Amqp.Management.Prometheus;

/// <summary>What is told of the node. Where RabbitMQ tells of Erlang, the same of .NET is told under its names.</summary>
internal static class NodeGroups
{
    private static readonly MetricGroup<NodeReading> Churn = new(
        "connection_churn_metrics",
        CounterOf("connections_opened_total", "Total number of connections opened", churn => churn.ConnectionsOpened),
        CounterOf("connections_closed_total", "Total number of connections closed or terminated", churn => churn.ConnectionsClosed),
        CounterOf("channels_opened_total", "Total number of channels opened", churn => churn.ChannelsOpened),
        CounterOf("channels_closed_total", "Total number of channels closed", churn => churn.ChannelsClosed),
        CounterOf("queues_declared_total", "Total number of queues declared", churn => churn.QueuesDeclared),
        CounterOf("queues_created_total", "Total number of queues created", churn => churn.QueuesCreated),
        CounterOf("queues_deleted_total", "Total number of queues deleted", churn => churn.QueuesDeleted));

    private static readonly MetricGroup<NodeReading> Used = new(
        "node_coarse_metrics",
        Gauge<NodeReading>("process_open_fds", "Open file descriptors", node => node.Status.OpenFiles ?? double.NaN),
        Gauge<NodeReading>("process_open_tcp_sockets", "Open TCP sockets", node => node.Node.Connections.Count),
        // What the alarm goes by: dashboards divide it by the limit.
        Gauge<NodeReading>("process_resident_memory_bytes", "Memory used in bytes", node => node.Status.MemoryUsedBytes),
        Gauge<NodeReading>("disk_space_available_bytes", "Disk space available in bytes", node => node.Status.DiskFreeBytes ?? double.NaN),
        Gauge<NodeReading>("erlang_processes_used", "Threads of the thread pool", _ => ThreadPool.ThreadCount),
        Counter<NodeReading>("erlang_gc_runs_total", "Total number of garbage collector runs", _ => GC.CollectionCount(0)),
        Counter<NodeReading>("erlang_gc_reclaimed_bytes_total", "Total number of bytes of memory reclaimed by the garbage collector", _ => Runtime.ReclaimedBytes));

    private static readonly MetricGroup<NodeReading> Limits = new(
        "node_metrics",
        Gauge<NodeReading>("process_max_fds", "Open file descriptors limit", node => node.Status.OpenFilesMax ?? double.NaN),
        Gauge<NodeReading>("process_max_tcp_sockets", "Open TCP sockets limit", node => node.Host.ConnectionsMax),
        Gauge<NodeReading>("resident_memory_limit_bytes", "Memory high watermark in bytes", node => node.Status.MemoryLimitBytes),
        Gauge<NodeReading>("disk_space_available_limit_bytes", "Free disk space low watermark in bytes", node => node.Status.DiskFreeLimitBytes),
        Gauge<NodeReading>("erlang_processes_limit", "Limit of threads of the thread pool", _ => Runtime.ThreadsMax),
        Gauge<NodeReading>("erlang_scheduler_run_queue", "Work that waits for a thread of the thread pool", _ => ThreadPool.PendingWorkItemCount),
        Gauge<NodeReading>("erlang_net_ticktime_seconds", "Inter-node heartbeat interval", _ => ForTools.TickSeconds),
        Gauge<NodeReading>("erlang_uptime_seconds", "Node uptime", node => node.Status.UptimeMs / 1000.0));

    private static readonly MetricGroup<NodeReading> Store = new(
        "node_persister_metrics",
        Counter<NodeReading>("io_read_ops_total", "Total number of I/O read operations", node => node.Store.Reads.Count),
        Counter<NodeReading>("io_read_bytes_total", "Total number of I/O bytes read", node => node.Store.Reads.Bytes),
        Counter<NodeReading>("io_read_time_seconds_total", "Total I/O read time", node => node.Store.Reads.Seconds),
        Counter<NodeReading>("io_write_ops_total", "Total number of I/O write operations", node => node.Store.Writes.Count),
        Counter<NodeReading>("io_write_bytes_total", "Total number of I/O bytes written", node => node.Store.Writes.Bytes),
        Counter<NodeReading>("io_write_time_seconds_total", "Total I/O write time", node => node.Store.Writes.Seconds),
        Counter<NodeReading>("io_sync_ops_total", "Total number of I/O sync operations", node => node.Store.Flushes.Count),
        Counter<NodeReading>("io_sync_time_seconds_total", "Total I/O sync time", node => node.Store.Flushes.Seconds),
        Counter<NodeReading>("msg_store_read_total", "Total number of Message Store read operations", node => node.Store.MessagesRead.Count),
        Counter<NodeReading>("msg_store_write_total", "Total number of Message Store write operations", node => node.Store.MessagesWritten.Count));

    private static readonly MetricGroup<NodeReading> Logins = new(
        "auth_attempt_metrics",
        LoginsOf("auth_attempts_total", "Total number of authentication attempts", logins => logins.Attempts),
        LoginsOf("auth_attempts_succeeded_total", "Total number of successful authentication attempts", logins => logins.Succeeded.Count),
        LoginsOf("auth_attempts_failed_total", "Total number of failed authentication attempts", logins => logins.Failed.Count));

    public static readonly MetricGroup<NodeReading>[] All = [Churn, Used, Limits, Store, Logins];

    private static Metric<NodeReading> CounterOf(string name, string help, Func<Churn, Tally> tally) => Counter<NodeReading>(name, help, node => tally(node.Churn).Count);

    private static Metric<NodeReading> LoginsOf(string name, string help, Func<LoginTally, long> count) =>
        Counter<NodeReading>(name, help, node => count(node.Churn.AmqpLogins) + count(node.Churn.HttpLogins));
}
