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
