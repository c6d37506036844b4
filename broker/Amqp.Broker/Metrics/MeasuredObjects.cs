using Amqp.Broker.Channels;
using Amqp.Broker.Connections;
using Amqp.Broker.Queues;
using Amqp.Core.Metrics;
using Amqp.Core.Topology;

namespace Amqp.Broker.Metrics;

/// <summary>A channel: its connection's two loops count, each for itself, and its confirms.</summary>
internal sealed class MeasuredChannel(SampleClock clock, ChannelSession channel, Measured connection) : Measured(clock, MeasuredLevel.Part, connection)
{
    private readonly Counters _fromClient = channel.FromClient;
    private readonly Counters _toClient = channel.ToClient;
    private (long Published, long Confirmed) _toConfirm;
    private volatile ChannelSession? _channel = channel;

    public override void End()
    {
        _toConfirm = ToConfirm();
        _channel = null;
    }

    protected override void AddOwn(Span<long> values)
    {
        _fromClient.AddTo(values);
        _toClient.AddTo(values);
        var (published, confirmed) = ToConfirm();
        values[(int)Measure.PublishedToConfirm] += published;
        values[(int)Measure.Confirmed] += confirmed;
    }

    private (long Published, long Confirmed) ToConfirm() =>
        _channel is not { } channel ? _toConfirm : channel.Confirms is { } confirms ? (confirms.PublishedCount, confirms.ConfirmedCount) : default;
}

/// <summary>A connection: its channels, and bytes.</summary>
/// <param name="sizes">Of the messages of all connections.</param>
internal sealed class MeasuredConnection(SampleClock clock, AmqpConnection connection, Histogram sizes, Measured vhost) : Measured(clock, MeasuredLevel.Whole, vhost)
{
    private long _received;
    private long _sent;
    private Histogram? _ownSizes;
    private volatile AmqpConnection? _connection = connection;

    public override void End()
    {
        (_received, _sent) = Bytes();
        _ownSizes = _connection?.MessageSizes;
        _connection = null;
    }

    protected override void AddOwn(Span<long> values)
    {
        (values[(int)Measure.BytesReceived], values[(int)Measure.BytesSent]) = Bytes();
        if ((_connection?.MessageSizes ?? _ownSizes) is { } own) sizes.AddNewOf(own);
    }

    private (long Received, long Sent) Bytes() => _connection is { } connection ? (connection.BytesReceived, connection.Output.BytesWritten) : (_received, _sent);
}

/// <summary>A queue: its actor counts. The virtual host has from it only what no channel counts.</summary>
/// <param name="definition">As it is now: policies say what becomes of its dead messages.</param>
/// <param name="totals">Those of all queues. What exchanges keep is not among them.</param>
internal sealed class MeasuredQueue(SampleClock clock, Latest<QueueReport> report, Counters counters, Func<QueueDefinition> definition, QueueTotals totals, Measured? vhost)
    : Measured(clock, MeasuredLevel.Part, vhost)
{
    private Func<QueueDefinition> _definition = definition;
    private int _seen = -1;

    protected override bool HasNews => _seen != report.Version;

    protected override void AddOwn(Span<long> values)
    {
        _seen = report.Version;
        counters.AddTo(values);
        var figures = report.Read().Figures;
        (values[(int)Measure.Ready], values[(int)Measure.Unacked]) = (figures.Ready, figures.Unacked);
    }

    public override void End()
    {
        var last = _definition();
        _definition = () => last;
    }

    protected override void LeaveOut(Span<long> changes)
    {
        totals.Add(_definition().Settings, changes);
        changes[..((int)Measure.Acknowledged + 1)].Clear();
    }
}

/// <summary>What one connection publishes to an exchange.</summary>
internal sealed class MeasuredPublishes(SampleClock clock, MeasuredExchange exchange) : Measured(clock, MeasuredLevel.Part, exchange)
{
    /// <summary>For the connection's read loop.</summary>
    public Counters Counters { get; } = new();

    public override bool KeepsHistory => false;

    /// <summary>The exchange that this was counted for is no more; there may be another one of its name.</summary>
    public bool IsOver => exchange.IsDeleted;

    protected override void AddOwn(Span<long> values) => Counters.AddTo(values);
}

/// <summary>An exchange: what connections publish to it. The virtual host has from it only what no channel counts.</summary>
internal sealed class MeasuredExchange(SampleClock clock, Measured vhost) : Measured(clock, MeasuredLevel.Whole, vhost)
{
    private volatile bool _isDeleted;

    public bool IsDeleted
    {
        get => _isDeleted;
        set => _isDeleted = value;
    }

    protected override void LeaveOut(Span<long> changes) => changes[(int)Measure.Published] = 0;
}

/// <summary>A virtual host, or the node.</summary>
internal sealed class MeasuredWhole(SampleClock clock, MeasuredLevel level, Measured? whole) : Measured(clock, level, whole);
