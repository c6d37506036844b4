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

    /// <summary>Product and version are what clients compare, and may be RabbitMQ's; information and platform are for people to read.</summary>
    public static FieldTable For(NodeIdentity identity) => FieldTable.From(
        ("capabilities", FieldValue.From(FieldTable.From(Array.ConvertAll(Capabilities, name => (name, FieldValue.From(true)))))),
        ("cluster_name", FieldValue.From(identity.Name)),
        ("copyright", FieldValue.From("Copyright (c) 2026 The Warren authors")),
        ("information", FieldValue.From($"{NodeIdentity.OwnName} {NodeIdentity.OwnVersion}, licensed under the MIT License")),
        ("platform", FieldValue.From($"{NodeIdentity.OwnName} {NodeIdentity.OwnVersion} on {RuntimeInformation.FrameworkDescription}")),
        ("product", FieldValue.From(identity.Product)),
        ("version", FieldValue.From(identity.ProductVersion)));
}
