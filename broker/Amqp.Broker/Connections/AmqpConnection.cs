using Amqp.Broker.Channels;
using Amqp.Broker.Flow;
using Amqp.Broker.Loops;
using Amqp.Broker.Publishing;
using Amqp.Broker.Queues;
using Amqp.Core;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Connections;

/// <summary>
/// One client connection and its read loop, which owns everything in here: channels, handshake, posts to queues. Other
/// threads reach it by mail (<see cref="Loop"/>) only.
/// </summary>
internal sealed partial class AmqpConnection
{
    private readonly Dictionary<ushort, ChannelSession> _channels = [];
    private readonly FrameReader _frames;
    private readonly ConnectionHandshake _handshake;
    private readonly SendWatch _sendWatch;
    private LoopTimer? _handshakeTimeout;
    private ChannelSession? _lastChannel;
    private int _channelMax;
    private long _bytesReceived;
    private Heartbeat? _heartbeat;
    private ConnectionPhase _phase = ConnectionPhase.AwaitingHeader;

    /// <summary>What was read so far has made a turn's work, and the rest of it waits for the next turn.</summary>
    private bool _isInterrupted;

    public AmqpConnection(ConnectionId id, Transport transport, BrokerServices services)
    {
        Id = id;
        Transport = transport;
        Services = services;
        ConnectedAt = services.Clock.WallClock;
        Loop = new ConnectionLoop(transport.Pipe.Input);
        // Room wakes the loop, which then reads on by itself.
        void RoomAgain() => Loop.Post(static () => { });
        Credit = new PublishCredit(services.Limits.PublishWindowBytes, services.Memory, RoomAgain);
        Posts = new PendingPosts(Credit);
        Routes = new RouteCache(this);
        _sendWatch = new SendWatch(this);
        Output = new ConnectionOutput(transport.Pipe.Output, services.Limits.UnreadAnswerBytes, services.Memory, _sendWatch, RoomAgain, ClientGone, OutputFailed)
        {
            FrameMax = services.Limits.FrameBytes,
        };
        _frames = new FrameReader(Limits.FrameBytesMin); // who has not logged in gets no more; RabbitMQ's initial_frame_max
        _handshake = new ConnectionHandshake(this);
        ExclusiveQueues = new ExclusiveQueues(services.Queues);
    }

    private enum ConnectionPhase
    {
        AwaitingHeader,

        /// <summary>Handshake and normal running.</summary>
        Open,

        /// <summary>The client has sent connection.close. Nothing more is read until the channels that wait for an answer have done
        /// what was sent before it.</summary>
        ClosedByClient,

        /// <summary>connection.close was sent; only its answer, or the client's own close, is heeded.</summary>
        Closing,

        /// <summary>Nothing more is read; the output ends with what was posted.</summary>
        Ended,
    }

    public ConnectionId Id { get; }

    public Transport Transport { get; }

    public BrokerServices Services { get; }

    public ConnectionLog Log => Services.Log;

    public ConnectionLoop Loop { get; }

    public ConnectionOutput Output { get; }

    public PublishCredit Credit { get; }

    public PendingPosts Posts { get; }

    public RouteCache Routes { get; }

    /// <summary>What its waiting channels keep of what they were sent, all together.</summary>
    public long BacklogBytes { get; set; }

    public ShortStringPool Strings { get; } = new();

    public string Name => Transport.Name;

    public ClientProperties Client { get; set; } = ClientProperties.None;

    /// <summary>Queues that end with this connection.</summary>
    public ExclusiveQueues ExclusiveQueues { get; }

    /// <summary>From any thread.</summary>
    public long BytesReceived => Volatile.Read(ref _bytesReceived);

    /// <summary>The socket is not read on purpose.</summary>
    public bool IsPaused { get; private set; }

    private static bool IsOfSocket(Exception exception) =>
        exception is IOException or OperationCanceledException or Microsoft.AspNetCore.Connections.ConnectionAbortedException;

    private bool IsAnyChannelWaiting => _channels.Values.Any(channel => channel.IsWaiting);

    /// <summary>Serves the client until either side ends it. Never throws.</summary>
    public async Task Run()
    {
        _handshakeTimeout = Services.Clock.CreateTimer(() => Loop.Post(HandshakeTimedOut));
        _handshakeTimeout.Set(Services.Limits.HandshakeMs);
        Log.Accepted(Name);
        var why = "";
        try
        {
            why = await ReadLoop();
        }
        catch (Exception exception) when (IsOfSocket(exception))
        {
            why = ": " + exception.Message;
        }
#pragma warning disable CA1031 // A defect costs the connection that met it, and no other.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Crash(exception);
        }
        await TearDown(why);
    }

    public void Send<TMethod>(in TMethod method)
        where TMethod : struct, IMethod<TMethod> => Output.Send(channel: 0, method);

    private async Task<string> ReadLoop()
    {
        var input = Transport.Pipe.Input;
        var unread = 0L;
        while (true)
        {
            if (_isInterrupted && OtherWork.IsWaiting) await Task.Yield(); // to the end of the thread pool's queue
            var result = await input.ReadAsync();
            var buffer = result.Buffer;
            _bytesReceived += buffer.Length - unread;
            _reads++;
            HandleRead(ref buffer);
            unread = buffer.Slice(_frames.Consumed).Length;
            // What was not looked at, while this is paused or interrupted, is shown again by the next read, which waits for nothing then.
            input.AdvanceTo(_frames.Consumed, IsPaused || _isInterrupted ? _frames.Consumed : result.Buffer.End);
            if (_phase == ConnectionPhase.Ended) return "";
            if (_isInterrupted) continue;
            // A client that said everything and left has its word done too.
            if (result.IsCompleted && (_phase == ConnectionPhase.Closing || !(IsPaused || IsAnyChannelWaiting)))
                return _phase == ConnectionPhase.Closing ? "" : ": client unexpectedly closed TCP connection";
            if (IsPaused || result.IsCompleted) await Loop.NextMail();
        }
    }

    private void HandleRead(ref System.Buffers.ReadOnlySequence<byte> buffer)
    {
        var turn = Turn.Begin();
        try
        {
            Loop.RunMail();
            if (_phase == ConnectionPhase.AwaitingHeader && ReadHeader(ref buffer)) _handshake.Start();
            _frames.Feed(buffer);
            if (_phase != ConnectionPhase.AwaitingHeader) HandleFrames();
            Posts.Flush();
        }
        finally
        {
            turn.End();
        }
    }

    /// <summary>True when the client's header has been read and is ours; another one is answered with ours, and that is all.</summary>
    private bool ReadHeader(ref System.Buffers.ReadOnlySequence<byte> buffer)
    {
        if (!ProtocolHeader.TryRead(buffer, out var isSupported)) return false;
        buffer = buffer.Slice(ProtocolHeader.Size);
        if (isSupported)
        {
            _phase = ConnectionPhase.Open;
            return true;
        }
        Output.Post(OutboundItem.Frames(ProtocolHeader.Bytes.ToArray()));
        Log.NeverOpened(Name, "its first bytes are not the header of AMQP 0-9-1; a client of another protocol, or TLS, on this port");
        End();
        return false;
    }

    private void HandleFrames()
    {
        IsPaused = _isInterrupted = false;
        while (_phase is ConnectionPhase.Open or ConnectionPhase.Closing)
        {
            if (Posts.IsFull)
            {
                _isInterrupted = true;
                return;
            }
            // The frame that filled a channel was the last one handled, so it is the only one that can be full.
            if (_lastChannel is { IsOverfull: true } || (_phase == ConnectionPhase.Open && (IsBlocked() || IsOutOfCredit() || !Output.HasRoom())))
            {
                IsPaused = true;
                return;
            }
            try
            {
                if (!_frames.TryRead(out var frame)) return;
                Handle(frame);
            }
            catch (ProtocolException exception)
            {
                if (!CloseWith(exception, channel: 0)) return;
            }
        }
        if (_phase != ConnectionPhase.ClosedByClient) return;
        IsPaused = IsAnyChannelWaiting;
        if (!IsPaused) _ = CloseByClient();
    }

    private void Handle(in Frame frame)
    {
        if (frame.Channel != 0 && _phase == ConnectionPhase.Open && _handshake.IsRunning) FindChannel(frame.Channel)?.Handle(frame);
        else if (frame.Channel == 0 && frame.Type == FrameType.Method) HandleConnectionMethod(frame);
        else if (frame.Channel != 0 && _phase == ConnectionPhase.Open) throw frame.Unexpected();
    }

    private ChannelSession? FindChannel(ushort number)
    {
        if (_lastChannel?.Number == number) return _lastChannel;
        if (!_channels.TryGetValue(number, out var channel))
        {
            if (_channels.Count >= _channelMax)
            {
                CloseWith(BrokerError.ChannelLimitReached(_channels.Count, _channelMax), default, number);
                return null;
            }
            var limit = Services.Topology.Current.FindUser(User)?.Limits.MaxChannels;
            if (!Services.Usage.TryAdd(UsageKind.ChannelsOfUser, User, limit))
            {
                CloseWith(BrokerError.UserChannelLimitReached(User, limit!.Value), default, number);
                return null;
            }
            channel = new ChannelSession(this, number);
            _channels.Add(number, channel);
        }
        return _lastChannel = channel;
    }

    private void HandleConnectionMethod(in Frame frame)
    {
        if (_phase == ConnectionPhase.Closing)
        {
            HandleWhileClosing(frame);
            return;
        }
        try
        {
            if (_handshake.TryHandle(frame)) return;
            switch (frame.MethodId)
            {
                case MethodId.ConnectionClose when _handshake.IsRunning:
                    MethodReader.Read<ConnectionClose>(frame);
                    _phase = ConnectionPhase.ClosedByClient;
                    break;
                case MethodId.ConnectionUpdateSecret when _handshake.IsRunning:
                    // The user was let in by name and password, which do not expire: as in RabbitMQ, any new secret is fine.
                    MethodReader.Read<ConnectionUpdateSecret>(frame);
                    Send(default(ConnectionUpdateSecretOk));
                    break;
                default:
                    throw new BrokerException(BrokerError.UnexpectedMethodInState(_handshake.StateName));
            }
        }
        catch (BrokerException exception)
        {
            CloseWith(exception.Error, frame.MethodId, channel: 0);
        }
    }

    /// <summary>What the handshake agreed on.</summary>
    public void SetLimits(int channelMax, int frameMax, int heartbeatSeconds)
    {
        _channelMax = channelMax;
        HeartbeatSeconds = heartbeatSeconds;
        _frames.FrameMax = frameMax;
        Output.FrameMax = frameMax;
        if (heartbeatSeconds > 0) _heartbeat = new Heartbeat(this, heartbeatSeconds);
    }

    public void Opened()
    {
        EndHandshakeTimeout();
        _measured = Services.Metrics.Add(this);
        Services.Events.Opened(this);
        Log.Opened(Client.ConnectionName is { } name ? $"{Name} - {name}" : Name, User, Vhost);
    }

    /// <summary>The channel's number may be opened anew.</summary>
    public void Forget(ChannelSession channel)
    {
        _channels.Remove(channel.Number);
        if (_lastChannel == channel) _lastChannel = null;
    }

    /// <summary>Asks the topology for a change and waits for it.</summary>
    /// <exception cref="BrokerException">It was refused.</exception>
    public async ValueTask<TopologyResult> Propose(TopologyCommand command)
    {
        var reply = new Reply<TopologyResult>(Loop);
        Services.Topology.Propose(command, result =>
        {
            // Noted here and not by the handler, which does not go on when the connection ends meanwhile.
            if (result.Queue is { } queue && queue.Owner == Id) ExclusiveQueues.Add(queue);
            reply.Complete(result);
        });
        var result = await reply;
        // Deleted meanwhile: what is wrong is not what was asked for.
        if (result.Topology.Find(Vhost) is null) throw new BrokerException(BrokerError.VhostDeleted(Vhost));
        return result.Error is null ? result : throw new BrokerException(result.Error);
    }

    /// <summary>Binds, and waits until the destination has what the source has kept for it.</summary>
    /// <exception cref="BrokerException">It was refused.</exception>
    public async ValueTask Bind(Binding binding)
    {
        await Propose(new Bind(Vhost, binding, Id, User));
        // What was kept was on its way before the binding could be seen. When the queue that keeps it has answered, it is there.
        if (VirtualHost.FindExchange(binding.Source)?.OwnQueue is { Settings.Role: QueueRole.History } history && Services.Queues.TryFind(history, out var queue)) await Ask<QueueStatus>(queue, QueueOperation.Status);
    }

    /// <summary>Asks a queue, behind everything that this connection has posted to it, and waits for the answer.</summary>
    public Reply<T> Ask<T>(IQueueEndpoint queue, Func<Reply<T>, QueueOperation> question)
    {
        var reply = new Reply<T>(Loop);
        Posts.Add(queue, question(reply));
        Posts.Flush();
        return reply;
    }
}
