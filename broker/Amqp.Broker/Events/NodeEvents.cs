using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Amqp.Broker.Channels;
using Amqp.Broker.Connections;
using Amqp.Broker.Loops;
using Amqp.Broker.Observability;
using Amqp.Broker.Queues;
using Amqp.Broker.Topology;
using Amqp.Core.Events;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Events;

/// <summary>
/// What happens on the node, as messages to the exchange <c>amq.rabbitmq.event</c> (RabbitMQ's event exchange, a plug-in there). Messages have no body;
/// headers say what happened. Watchers within the process hear the same. While nothing is bound to the exchange and nothing watches, none is made.
/// </summary>
internal sealed class NodeEvents(TopologyService topology, OwnMessages messages, BrokerClock clock, string node, Pids pids)
{
    private readonly TopologyEvents _ofTopology = new(pids.Of);
    private TopologySnapshot _before = TopologySnapshot.Initial;
    private ImmutableArray<Watching> _watching = [];

    private bool AreWanted => !_watching.IsEmpty || ArePublished;

    private bool ArePublished => topology.Current.Find(TopologySnapshot.DefaultVhost)?.Bindings.OfSource(Names.EventExchange).IsEmpty == false;

    /// <summary>Tells of each event from now on, until what is returned is disposed of.</summary>
    /// <param name="heard">Called with the event's name, such as <c>queue.created</c>, and what RabbitMQ has in its headers; on any thread, and it must neither block nor throw.</param>
    public IDisposable Watch(Action<string, FieldTable> heard)
    {
        var watching = new Watching(this, heard);
        ImmutableInterlocked.Update(ref _watching, (all, one) => all.Add(one), watching);
        return watching;
    }

    /// <summary>The topology was loaded. Before anything happens.</summary>
    public void Begin(TopologySnapshot loaded) => _before = loaded;

    /// <summary>Follows the topology: called when the change can be seen.</summary>
    public void Changed(TopologyResult result)
    {
        var before = _before;
        _before = result.Topology;
        if (!AreWanted) return;
        foreach (var happened in _ofTopology.Of(before, result)) Publish(happened.Key, happened.Fields);
    }

    public void LoggedIn(AmqpConnection connection, string mechanism)
    {
        if (AreWanted) Publish("user.authentication.success", OfLogin(connection, connection.User, mechanism));
    }

    public void LoginRefused(AmqpConnection connection, string user, string mechanism, string reason)
    {
        if (AreWanted) Publish("user.authentication.failure", OfLogin(connection, user, mechanism).Add("error", reason));
    }

    public void Opened(AmqpConnection connection)
    {
        if (!AreWanted) return;
        var (transport, tls) = (connection.Transport, connection.Transport.Tls);
        Publish("connection.created", Named(connection)
            .Add("type", "network")
            .Add("port", transport.Local?.Port ?? 0)
            .Add("peer_port", transport.Peer?.Port ?? 0)
            .Add("host", Address(transport.Local))
            .Add("peer_host", Address(transport.Peer))
            .Add("ssl", tls is not null)
            .Add("peer_cert_subject", tls?.PeerSubject)
            .Add("peer_cert_issuer", tls?.PeerIssuer)
            .Add("peer_cert_validity", tls?.PeerValidity)
            .Add("auth_mechanism", connection.Mechanism)
            .Add("ssl_protocol", tls?.Protocol)
            .Add("ssl_key_exchange", tls?.KeyExchange)
            .Add("ssl_cipher", tls?.Cipher)
            .Add("ssl_hash", tls?.Hash)
            .Add("protocol", "{0,9,1}")
            .Add("user", connection.User)
            .Add("vhost", connection.Vhost)
            .Add("timeout", connection.HeartbeatSeconds)
            .Add("frame_max", connection.FrameMax)
            .Add("channel_max", connection.ChannelMax)
            .Add("connected_at", connection.ConnectedAt.ToUnixTimeMilliseconds())
            .Add("user_who_performed_action", connection.User));
    }

    public void Closed(AmqpConnection connection)
    {
        if (AreWanted) Publish("connection.closed", Named(connection));
    }

    public void Opened(ChannelSession channel)
    {
        if (!AreWanted) return;
        var connection = channel.Connection;
        Publish("channel.created", new EventFields()
            .Add("pid", pids.Of(connection.Id, channel.Number))
            .Add("name", string.Create(CultureInfo.InvariantCulture, $"{connection.Name} ({channel.Number})"))
            .Add("connection", pids.Of(connection.Id))
            .Add("number", channel.Number)
            .Add("user", connection.User)
            .Add("vhost", connection.Vhost)
            .Add("user_who_performed_action", connection.User));
    }

    public void Closed(ChannelSession channel)
    {
        if (!AreWanted) return;
        Publish("channel.closed", new EventFields()
            .Add("pid", pids.Of(channel.Connection.Id, channel.Number))
            .Add("user_who_performed_action", channel.Connection.User)
            .Add("consumer_count", channel.Consumers.Count));
    }

    public void Added(ConsumerLink consumer)
    {
        if (!AreWanted) return;
        Publish("consumer.created", Named(consumer)
            .Add("exclusive", consumer.Exclusive)
            .Add("ack_required", !consumer.AutoAck)
            .Add("prefetch_count", consumer.Prefetch)
            .Add("arguments", consumer.Arguments));
    }

    public void Removed(ConsumerLink consumer)
    {
        if (AreWanted) Publish("consumer.deleted", Named(consumer));
    }

    /// <param name="source"><c>memory</c> or <c>disk</c>.</param>
    public void Alarm(string source, bool isOn)
    {
        if (AreWanted) Publish(isOn ? "alarm.set" : "alarm.cleared", new EventFields().Add("source", source).Add("node", node));
    }

    private static EventFields OfLogin(AmqpConnection connection, string user, string mechanism)
    {
        var fields = new EventFields()
            .Add("connection_type", "network")
            .Add("name", user)
            .Add("host", Address(connection.Transport.Local))
            .Add("connection_name", connection.Name)
            .Add("peer_host", Address(connection.Transport.Peer))
            .Add("peer_port", connection.Transport.Peer?.Port ?? 0)
            .Add("protocol", "{0,9,1}")
            .Add("auth_mechanism", mechanism)
            .Add("ssl", connection.Transport.Tls is not null);
        return connection.Transport.Tls is { } tls ? fields.Add("ssl_protocol", tls.Protocol).Add("ssl_cipher", tls.Cipher) : fields;
    }

    private EventFields Named(AmqpConnection connection)
    {
        var fields = new EventFields()
            .Add("pid", pids.Of(connection.Id))
            .Add("name", connection.Name)
            .Add("node", node)
            .Add("client_properties", connection.Client.All);
        return connection.Client.ConnectionName is { } name ? fields.Add("user_provided_name", name) : fields;
    }

    private EventFields Named(ConsumerLink consumer) => new EventFields()
        .Add("consumer_tag", consumer.Tag)
        .Add("channel", pids.Of(consumer.Channel.Connection.Id, consumer.Channel.Number))
        .Add("queue", consumer.Queue.Definition.Name)
        .Add("vhost", consumer.Queue.Definition.Vhost)
        .Add("user_who_performed_action", consumer.Channel.Connection.User);

    private void Publish(string key, EventFields fields)
    {
        var now = clock.WallClock;
        var headers = fields.Add("timestamp_in_ms", now.ToUnixTimeMilliseconds()).Table;
        foreach (var watching in _watching) watching.Heard(key, headers);
        if (!ArePublished || topology.Current.Find(TopologySnapshot.DefaultVhost) is not { } vhost || vhost.FindExchange(Names.EventExchange) is not { } exchange) return;
        var properties = new MutableProperties
        {
            Headers = headers,
            DeliveryMode = 2,
            Timestamp = (ulong)now.ToUnixTimeSeconds(),
        }.Encode();
        messages.Publish(vhost, exchange, key, new Content(properties, properties.Length));
    }

    /// <summary>As Erlang writes addresses: <c>{127,0,0,1}</c>, <c>{0,0,0,0,0,0,0,1}</c>.</summary>
    private static string Address(IPEndPoint? end)
    {
        if (end is null) return "unknown";
        var bytes = end.Address.GetAddressBytes();
        var parts = bytes.Length == 4 ? bytes.Select(part => (int)part) : bytes.Chunk(2).Select(pair => (pair[0] << 8) | pair[1]);
        return $"{{{string.Join(',', parts)}}}";
    }

    private sealed class Watching(NodeEvents events, Action<string, FieldTable> heard) : IDisposable
    {
        public void Heard(string key, FieldTable fields) => heard(key, fields);

        public void Dispose() => ImmutableInterlocked.Update(ref events._watching, (all, one) => all.Remove(one), this);
    }
}
