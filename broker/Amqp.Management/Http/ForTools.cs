using System.Runtime.InteropServices;
using Types = Amqp.Core.Topology.ExchangeTypes;

namespace Amqp.Management.Http;

/// <summary>What tools made for RabbitMQ insist on, though there is no such thing here.</summary>
internal static class ForTools
{
    /// <summary>How often objects are measured, in RabbitMQ's words.</summary>
    public const string RatesMode = "basic";

    /// <summary>Between heartbeats of nodes, in RabbitMQ.</summary>
    public const int TickSeconds = 60;

    /// <summary>Plugins of RabbitMQ whose work is done here, in its form and under its names; there are none to switch on.</summary>
    public static readonly string[] Plugins =
    [
        "rabbitmq_consistent_hash_exchange",
        "rabbitmq_delayed_message_exchange",
        "rabbitmq_event_exchange",
        "rabbitmq_management",
        "rabbitmq_management_agent",
        "rabbitmq_message_deduplication",
        "rabbitmq_prometheus",
        "rabbitmq_random_exchange",
        "rabbitmq_recent_history_exchange",
    ];

    /// <summary>By what RabbitMQ tells its memory apart.</summary>
    public static readonly string[] MemoryParts =
    [
        "connection_readers", "connection_writers", "connection_channels", "connection_other", "queue_procs", "queue_slave_procs", "quorum_queue_procs", "quorum_queue_dlx_procs", "stream_queue_procs",
        "stream_queue_replica_reader_procs", "stream_queue_coordinator_procs", "plugins", "metadata_store", "metrics", "mgmt_db", "mnesia", "quorum_ets", "metadata_store_ets", "other_ets", "msg_index", "code", "atom", "reserved_unallocated",
    ];

    public static readonly object[] ExchangeTypes =
    [
        .. Types.Known.Order(StringComparer.Ordinal).Select(name => new { name, description = DescriptionOf(name), enabled = true }),
    ];

    /// <summary>Of the runtime, where tools print Erlang's.</summary>
    public static readonly string RuntimeVersion = Environment.Version.ToString();

    public static readonly string RuntimeName = RuntimeInformation.FrameworkDescription;

    /// <summary>By that application some clients find out the version.</summary>
    public static object[] Applications(string version) => [new { name = "rabbit", description = "RabbitMQ", version }];

    private static string DescriptionOf(string type) => type is Types.Direct or Types.Fanout or Types.Topic or Types.Headers
        ? $"AMQP {type} exchange, as per the AMQP specification"
        : $"Exchange of type {type}, as RabbitMQ's plugin has it";
}
