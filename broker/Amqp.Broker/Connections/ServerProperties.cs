using System.Runtime.InteropServices;
using AMQP.Net;

namespace Amqp.Broker.Connections;

/// <summary>What connection.start tells clients of the broker: RabbitMQ's keys, our own values.</summary>
/// <param name="clusterName">As of now: operators may change it.</param>
internal sealed class ServerProperties(NodeIdentity identity, Func<string> clusterName)
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

    // A connection more or less may make it anew when the name has changed.
    private volatile Named? _named;

    /// <summary>For a connection that begins now.</summary>
    public FieldTable Current
    {
        get
        {
            var name = clusterName();
            if (_named is { } known && known.ClusterName == name) return known.Properties;
            var named = new Named(name, For(identity, name));
            _named = named;
            return named.Properties;
        }
    }

    /// <summary>Product and version are what clients compare, and may be RabbitMQ's; information and platform are for people to read.</summary>
    private static FieldTable For(NodeIdentity identity, string clusterName) => FieldTable.From(
        ("capabilities", FieldValue.From(FieldTable.From(Array.ConvertAll(Capabilities, name => (name, FieldValue.From(true)))))),
        ("cluster_name", FieldValue.From(clusterName)),
        ("copyright", FieldValue.From("Copyright (c) 2026 The Warren authors")),
        ("information", FieldValue.From($"{NodeIdentity.OwnName} {NodeIdentity.OwnVersion}, licensed under the MIT License")),
        ("platform", FieldValue.From($"{NodeIdentity.OwnName} {NodeIdentity.OwnVersion} on {RuntimeInformation.FrameworkDescription}")),
        ("product", FieldValue.From(identity.Product)),
        ("version", FieldValue.From(identity.ProductVersion)));

    private sealed record Named(string ClusterName, FieldTable Properties);
}
