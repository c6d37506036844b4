using System.Runtime.InteropServices;
using AMQP.Net;

namespace Amqp.Broker.Connections;

/// <summary>What connection.start tells clients of the broker: RabbitMQ's keys, our own values.</summary>
internal static class ServerProperties
{
    /// <summary>What this broker can do beyond the specification. What it cannot do is not in here, so that clients do not ask.</summary>
    private static readonly string[] Capabilities =
    [
        "publisher_confirms",
        "exchange_exchange_bindings",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "consumer_priorities",
        "authentication_failure_close",
        "per_consumer_qos",
        "direct_reply_to",
    ];

    /// <param name="nodeName">Shown as the name of the cluster.</param>
    /// <param name="product">Ours, or the name that picky clients ask for; the version likewise.</param>
    public static FieldTable For(string nodeName, string product, string version) => FieldTable.From(
        ("capabilities", FieldValue.From(FieldTable.From(Array.ConvertAll(Capabilities, name => (name, FieldValue.From(true)))))),
        ("cluster_name", FieldValue.From(nodeName)),
        ("copyright", FieldValue.From("Copyright (c) 2026 The Amqp.Net authors")),
        ("information", FieldValue.From("Licensed under the MIT License")),
        ("platform", FieldValue.From(RuntimeInformation.FrameworkDescription)),
        ("product", FieldValue.From(product)),
        ("version", FieldValue.From(version)));
}
