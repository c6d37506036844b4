using Amqp.Broker.Metrics;
using Amqp.Broker.Observability;
using Amqp.Core.Metrics;

namespace Amqp.Broker.Connections;

/// <content>The connection as operators see it.</content>
internal sealed partial class AmqpConnection
{
    private long _reads;
    private Measured? _measured;
    private volatile Histogram? _messageSizes;

    /// <summary>How the user logged in; empty before.</summary>
    public string Mechanism { get; set; } = "";

    /// <summary>What happens here, as it is sampled; from <see cref="Opened"/> on.</summary>
    public Measured Measured => _measured!;

    /// <summary>Of what was published here; null: nothing was. The read loop writes.</summary>
    public Histogram? MessageSizes => _messageSizes;

    /// <summary>As negotiated; 0: none.</summary>
    public int HeartbeatSeconds { get; private set; }

    public int FrameMax => _frames.FrameMax;

    public int ChannelMax => _channelMax;

    /// <summary>When the client came.</summary>
    public DateTimeOffset ConnectedAt { get; }

    /// <summary>Counts a message that was published here; for the read loop.</summary>
    /// <param name="size">Bytes of its body.</param>
    public void CountSize(int size) => (_messageSizes ??= NodeMetrics.NewMessageSizes()).Add(size);

    private string State => _phase switch
    {
        ConnectionPhase.AwaitingHeader => "starting",
        ConnectionPhase.Open when _isBlocked => "blocked",
        ConnectionPhase.Open when _handshake.IsRunning && Services.Alarms.AreOn => "blocking",
        ConnectionPhase.Open when _handshake.IsRunning && _needsCredit && IsPaused => "flow",
        ConnectionPhase.Open => _handshake.StateName,
        _ => "closing",
    };

    /// <summary>Asks for a description, which the loop gives; from any thread. A connection that ends may never answer.</summary>
    public void PostDescribe(Action<ConnectionInfo> told) => Loop.Post(() => told(Describe()));

    private ConnectionInfo Describe() => new(
        Id,
        Transport,
        State,
        User,
        Vhost,
        Mechanism,
        ChannelMax,
        FrameMax,
        HeartbeatSeconds,
        Client.All,
        ConnectedAt,
        BytesReceived,
        _reads,
        Output.BytesWritten,
        Output.Flushes,
        Output.BytesPending,
        _measured?.Meter,
        [.. _channels.Values.OrderBy(channel => channel.Number).Select(channel => channel.Describe())]);
}
