using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;

namespace Amqp.Cluster.Links;

/// <summary>
/// What this node sends to another one on one lane: it connects, again and again, and sends in order what is posted while it is connected. When a connection breaks, what was posted
/// and did not arrive is lost, and nothing says which: <see cref="ILinkUser.Changed"/> tells, and who posts begins anew.
/// </summary>
internal sealed partial class OutboundLane : IAsyncDisposable
{
    private readonly string _node;
    private readonly EndPoint _address;
    private readonly LinkHello _self;
    private readonly NodeLinks _links;
    private readonly CircuitBreakerStateProvider _breaker = new();
    private readonly CircuitBreakerManualControl _control = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly ResiliencePipeline<LinkConnection> _connecting;
    private readonly AbsenceReport? _absence;
    private readonly Task _running;
    private CancellationTokenSource? _trying;
    private uint _connectedTo;
    private Outgoing? _outgoing;
    private long _waitingBytes;

    public OutboundLane(string node, EndPoint address, LinkHello self, NodeLinks links)
    {
        (_node, _address, _self, _links) = (node, address, self, links);
        if (self.Lane == LinkLane.Control) _absence = new AbsenceReport(node, address, links.Time, links.Logger);
        _connecting = Connecting();
        _running = Run();
    }

    public bool IsConnected => Volatile.Read(ref _outgoing) is not null;

    /// <summary>Open: the other node did not answer a few times, and is tried less often.</summary>
    public CircuitState Breaker => _breaker.CircuitState;

    /// <summary>Why the last try or connection failed; null: it did not.</summary>
    public string? LastFailure { get; private set; }

    public long WaitingBytes => Volatile.Read(ref _waitingBytes);

    /// <summary>From any thread, without blocking.</summary>
    /// <returns>False: it is not connected, and what was posted is not sent.</returns>
    public bool Post(LinkMessage message)
    {
        if (Volatile.Read(ref _outgoing) is not { } outgoing) return false;
        if (Interlocked.Add(ref _waitingBytes, message.Bytes) > _links.Options.WaitingBytesMax) outgoing.Overflow();
        if (outgoing.TryWrite(message)) return true;
        Interlocked.Add(ref _waitingBytes, -message.Bytes);
        return false;
    }

    /// <summary>The other node is there: if this lane is not connected, it tries at once, whatever it waits for.</summary>
    public void Hurry() => _ = Interlocked.Exchange(ref _trying, null)?.CancelAsync();

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _running;
        _ended.Dispose();
    }

    private async Task Run()
    {
        while (!_ended.IsCancellationRequested)
        {
            try
            {
                await using var connection = await Connect();
                if (connection is not null) await Serve(connection);
            }
            catch (Exception exception) when (LinkConnection.IsOfTheLink(exception))
            {
                if (_ended.IsCancellationRequested) return;
                LastFailure = exception.Message;
                LogBroken(_links.Logger, _node, _self.Lane, exception.Message);
            }
        }
    }

    /// <returns>Null: the other node turned out to be there while this waited, and is to be tried at once.</returns>
    private async Task<LinkConnection?> Connect()
    {
        var trying = CancellationTokenSource.CreateLinkedTokenSource(_ended.Token);
        Volatile.Write(ref _trying, trying);
        try
        {
            return await _connecting.ExecuteAsync(
                async end => await LinkConnection.Connect(_address, _node, _self, _links.Certificates, _links.Options, _links.Time, end), trying.Token);
        }
        catch (OperationCanceledException) when (trying.IsCancellationRequested && !_ended.IsCancellationRequested)
        {
            await _control.CloseAsync(_ended.Token);
            return null;
        }
        finally
        {
            // If it was taken from there it is being cancelled, and is left to the collector.
            if (Interlocked.Exchange(ref _trying, null) == trying) trying.Dispose();
        }
    }

    /// <summary>The machine refuses connections to a port at which there was a node: its process has ended.</summary>
    private void TellIfGone(Exception failure)
    {
        if (_connectedTo == 0 || failure.InnerException is not SocketException { SocketErrorCode: SocketError.ConnectionRefused }) return;
        var epoch = _connectedTo;
        _connectedTo = 0;
        _links.User.Gone(_node, epoch);
    }

    private async Task Serve(LinkConnection connection)
    {
        _connectedTo = connection.Peer.Epoch;
        using var outgoing = new Outgoing(_ended.Token);
        LastFailure = null;
        Interlocked.Exchange(ref _waitingBytes, 0);
        Volatile.Write(ref _outgoing, outgoing);
        LogConnected(_links.Logger, _node, _self.Lane);
        _absence?.Connected();
        _links.User.Changed(_node, connection.Peer.Epoch, _self.Lane, isConnected: true);
        try
        {
            await connection.Run(outgoing.Reader, message => Interlocked.Add(ref _waitingBytes, -message.Bytes), (_, _) => { }, outgoing.End);
        }
        catch (IOException exception) when (outgoing.IsOverflown)
        {
            throw new IOException($"more than {_links.Options.WaitingBytesMax} bytes wait for it", exception);
        }
        finally
        {
            Volatile.Write(ref _outgoing, null);
            _links.User.Changed(_node, connection.Peer.Epoch, _self.Lane, isConnected: false);
        }
    }

    /// <summary>Tries until it is connected: soon at first, since a node that ended is started again, and, when the breaker has opened, every second.</summary>
    private ResiliencePipeline<LinkConnection> Connecting() => new ResiliencePipelineBuilder<LinkConnection> { TimeProvider = _links.Time }
        .AddRetry(new RetryStrategyOptions<LinkConnection>
        {
            ShouldHandle = new PredicateBuilder<LinkConnection>().Handle<IOException>().Handle<BrokenCircuitException>(),
            BackoffType = DelayBackoffType.Exponential,
            Delay = TimeSpan.FromMilliseconds(50),
            MaxDelay = TimeSpan.FromSeconds(1),
            UseJitter = true,
            MaxRetryAttempts = int.MaxValue,
            OnRetry = retried =>
            {
                if (retried.Outcome.Exception is not IOException failure) return default;
                LastFailure = failure.Message;
                TellIfGone(failure);
                return default;
            },
        })
        .AddCircuitBreaker(new CircuitBreakerStrategyOptions<LinkConnection>
        {
            ShouldHandle = new PredicateBuilder<LinkConnection>().Handle<IOException>(),
            FailureRatio = 0.5,
            MinimumThroughput = 5,
            SamplingDuration = TimeSpan.FromSeconds(30),
            BreakDuration = TimeSpan.FromSeconds(1),
            StateProvider = _breaker,
            ManualControl = _control,
            OnOpened = _ =>
            {
                _absence?.Failed(LastFailure);
                return default;
            },
        })
        .Build();

    /// <summary>What waits for one connection.</summary>
    private sealed class Outgoing(CancellationToken end) : IDisposable
    {
        private readonly Channel<LinkMessage> _messages = Channel.CreateUnbounded<LinkMessage>(new UnboundedChannelOptions { SingleReader = true });
        private readonly CancellationTokenSource _end = CancellationTokenSource.CreateLinkedTokenSource(end);

        public ChannelReader<LinkMessage> Reader => _messages.Reader;

        /// <summary>The connection is to end.</summary>
        public CancellationToken End => _end.Token;

        public bool IsOverflown { get; private set; }

        public bool TryWrite(LinkMessage message) => _messages.Writer.TryWrite(message);

        /// <summary>The other side does not take what is sent to it.</summary>
        public void Overflow()
        {
            if (!_messages.Writer.TryComplete()) return;
            IsOverflown = true;
            _ = _end.CancelAsync();
        }

        public void Dispose()
        {
            // If that is overflowing at this moment, it still cancels.
            if (_messages.Writer.TryComplete()) _end.Dispose();
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Connected to node {Node} ({Lane})")]
    private static partial void LogConnected(ILogger logger, string node, LinkLane lane);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The link to node {Node} ({Lane}) is broken: {Reason}; connecting again")]
    private static partial void LogBroken(ILogger logger, string node, LinkLane lane, string reason);
}
