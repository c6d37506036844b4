using Amqp.Broker.Connections;
using Amqp.Broker.Events;
using Amqp.Broker.Metrics;
using Amqp.Broker.Observability;
using Amqp.Broker.Publishing;
using Amqp.Broker.Queues;
using Amqp.Broker.Tracing;
using Amqp.Broker.Transactions;
using Amqp.Core.Errors;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Channels;

/// <summary>
/// One channel: its state, and the switch that sends each method to its handler. Everything here runs on the connection's
/// read loop, except what is marked otherwise.
/// </summary>
internal sealed class ChannelSession
{
    private readonly ChannelHandlers _handlers;
    private readonly ChannelBacklog _backlog;
    private readonly Queue<ConsumerLink> _cancelledMeanwhile = new();
    private readonly Measured _measured;
    private volatile bool _isClosed;
    private ChannelPhase _phase = ChannelPhase.Starting;

    public ChannelSession(AmqpConnection connection, ushort number)
    {
        Connection = connection;
        Number = number;
        _backlog = new ChannelBacklog(connection);
        Firehose = connection.Services.Firehose;
        Tracing = connection.Services.Tracing;
        _measured = connection.Services.Metrics.Add(this, connection.Measured);
        _handlers = new ChannelHandlers(this);
    }

    public AmqpConnection Connection { get; }

    public ushort Number { get; }

    public Firehose Firehose { get; }

    public MessageTracing Tracing { get; }

    public ConnectionOutput Output => Connection.Output;

    public DeliveryTags Tags { get; } = new();

    /// <summary>What the client did here; for the read loop.</summary>
    public Counters FromClient { get; } = new();

    /// <summary>What it was sent; for the write loop. (Confirms are counted where they are settled.)</summary>
    public Counters ToClient { get; } = new();

    public ChannelPrefetch Prefetch { get; } = new();

    /// <summary>Consumers by tag.</summary>
    public Dictionary<string, ConsumerLink> Consumers { get; } = [];

    /// <summary>Holders of what basic.get took, a queue each.</summary>
    public Dictionary<IQueueEndpoint, GetLink> GetLinks { get; } = [];

    public ReplyConsumer? ReplyConsumer { get; set; }

    /// <summary>Whatever may hold messages here.</summary>
    public IEnumerable<IQueueLink> Links => _handlers.Consumers.Links;

    /// <summary>What an empty queue name stands for.</summary>
    public string? LastQueue { get; set; }

    /// <summary>Prefetch of consumers to come (basic.qos without global).</summary>
    public ushort ConsumerPrefetch { get; set; }

    /// <summary>In confirm mode: the confirms of what is published here. Read by the write loop as well.</summary>
    public ConfirmTracker? Confirms { get; set; }

    /// <summary>In tx mode: what waits for the next commit.</summary>
    public OpenTransaction? Transaction { get; set; }

    /// <summary>Nothing more is sent here but channel.close or its answer. Read by the write loop as well.</summary>
    public bool IsClosed => _isClosed;

    /// <summary>A handler waits for its answer.</summary>
    public bool IsWaiting => _backlog.IsWaiting;

    /// <summary>A frame waits because this channel waits, and there is no room for more of them.</summary>
    public bool IsOverfull => _backlog.IsFull;

    /// <summary>The name itself, or for an empty one the queue that the channel declared last.</summary>
    /// <exception cref="BrokerException">404: it has declared none.</exception>
    public string ExpandQueueName(string name)
    {
        var stripped = Names.Strip(name);
        if (stripped.Length > 0) return stripped;
        return LastQueue ?? throw new BrokerException(BrokerError.NoPreviouslyDeclaredQueue);
    }

    /// <summary>The queue of that name (empty: the last declared), if this connection may read it.</summary>
    /// <exception cref="BrokerException">403: its user may not; 404: there is none; 405: it is another connection's.</exception>
    public IQueueEndpoint FindQueue(string name)
    {
        name = ExpandQueueName(name);
        Connection.CheckAccess(Access.Read, Resource.Queue(Connection.Vhost, name));
        if (Connection.VirtualHost.FindQueue(name) is not { } definition
            || !Connection.Services.Queues.TryFind(definition, out var queue))
        {
            throw new BrokerException(BrokerError.QueueNotFound(Connection.Vhost, name));
        }
        if (definition.CheckAccess(Connection.Id) is { } refused) throw new BrokerException(refused);
        return queue;
    }

    public void Send<TMethod>(in TMethod method)
        where TMethod : struct, IMethod<TMethod> => Output.Send(Number, method);

    /// <summary>Takes one frame of this channel.</summary>
    public void Handle(in Frame frame)
    {
        if (_backlog.IsWaiting) _backlog.Add(frame);
        else HandleNow(frame);
    }

    /// <summary>Ends the channel without a word: its connection is closing, or has sent what there was to say.</summary>
    public void Close()
    {
        if (_isClosed) return;
        _isClosed = true;
        if (_phase != ChannelPhase.Starting) Connection.Services.Events.Closed(this);
        foreach (var consumer in Consumers.Values) Connection.Posts.Add(consumer.Queue, QueueOperation.Release(consumer));
        foreach (var holder in GetLinks.Values) Connection.Posts.Add(holder.Queue, QueueOperation.Release(holder));
        _handlers.Consumers.Close();
        Transaction?.Release();
        _handlers.Publish.Forget();
        Connection.Services.Usage.Remove(UsageKind.ChannelsOfUser, Connection.User);
        if (ReplyConsumer is not null) Connection.Services.DirectReplies.Remove(ReplyConsumer);
        Connection.Services.Metrics.Remove(_measured);
    }

    /// <summary>The same, when what it was sent behind its waiting handler will not be looked at any more.</summary>
    public void CloseForGood()
    {
        Close();
        _backlog.Drop();
    }

    /// <summary>Counts a message that the client has published; for the read loop.</summary>
    /// <param name="size">Bytes of its body.</param>
    /// <param name="queues">How many queues it went to.</param>
    public void CountPublish(Route route, int size, int queues, bool mandatory)
    {
        Connection.CountSize(size);
        FromClient.Add(Measure.Published);
        route.Counters.Add(Measure.Published);
        route.Counters.Add(Measure.Routed, queues);
        if (queues > 0) return;
        if (mandatory) FromClient.Add(Measure.Returned);
        else if (route.DirectReplies.Length == 0) FromClient.Add(Measure.Dropped);
    }

    /// <summary>The channel as operators see it.</summary>
    public ChannelInfo Describe() => new(
        Number,
        _phase switch
        {
            ChannelPhase.Starting => "starting",
            ChannelPhase.Open => "running",
            _ => "closing",
        },
        Confirms is not null,
        Transaction is not null,
        Tags.CountWaiting(),
        Confirms?.CountOpen() ?? 0,
        Transaction?.Publishes.Count ?? 0,
        Transaction?.Settlements.Count ?? 0,
        ConsumerPrefetch,
        Prefetch.Limit,
        _measured.Meter,
        [.. Consumers.Values.Select(consumer => new ConsumerInfo(
            consumer.Id, consumer.Queue.Definition, consumer.AutoAck, consumer.Exclusive, consumer.Prefetch, consumer.Arguments))]);

    /// <summary>Called by a queue's actor, before its first delivery to the consumer: consume-ok has to precede it.</summary>
    public void ConsumerAdded(ConsumerLink consumer)
    {
        Connection.Services.Events.Added(consumer);
        if (!consumer.NoWait) Send(new BasicConsumeOk(consumer.Tag));
    }

    /// <summary>Called by a queue's actor when the queue is gone: the client is told if it asked to be.</summary>
    public void ConsumerCancelled(ConsumerLink consumer)
    {
        Connection.Loop.Post(() =>
        {
            _handlers.Consumers.Forget(consumer);
            // A channel that waits hears of it afterwards, as in RabbitMQ: it may be the one whose queue.delete did this.
            if (IsWaiting) _cancelledMeanwhile.Enqueue(consumer);
            else TellCancelled(consumer);
        });
    }

    private void TellCancelled(ConsumerLink consumer)
    {
        if (Connection.Client.WantsCancelNotify) Output.Post(OutboundItem.Cancel(consumer));
    }

    private void HandleNow(in Frame frame)
    {
        if (_phase == ChannelPhase.Closing)
        {
            HandleWhileClosing(frame);
            return;
        }
        if (_isClosed) return; // with its connection, while frames were kept
        var method = frame.Type == FrameType.Method ? frame.MethodId : MethodId.BasicPublish;
        try
        {
            var handling = Dispatch(frame);
            if (!handling.IsCompletedSuccessfully) _ = Finish(handling, method);
        }
        catch (BrokerException exception)
        {
            Fail(exception.Error, method);
        }
        catch (ProtocolException exception)
        {
            Close();
            Connection.CloseWith(exception, Number);
        }
    }

    /// <summary>Lets this channel wait for a handler that waits; its frames are kept meanwhile.</summary>
    private async Task Finish(ValueTask handling, MethodId method)
    {
        _backlog.IsWaiting = true;
        try
        {
            try
            {
                await handling;
            }
            catch (BrokerException exception)
            {
                Fail(exception.Error, method);
            }
            _backlog.IsWaiting = false;
            while (_cancelledMeanwhile.TryDequeue(out var consumer)) TellCancelled(consumer);
            while (!_backlog.IsWaiting && _backlog.TryTake(out var kept)) HandleNow(new Frame(kept.Type, Number, kept.Payload));
        }
#pragma warning disable CA1031 // The handler may have run as mail, with no caller to see this: the connection ends with 541.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Connection.Crash(exception);
        }
    }

    private ValueTask Dispatch(in Frame frame)
    {
        if (frame.Type != FrameType.Method || _handlers.Publish.ExpectsContent) return _handlers.Publish.Content(frame);
        if (_phase == ChannelPhase.Starting) return Open(frame);
        var strings = Connection.Strings;
        switch (frame.MethodId)
        {
            case MethodId.BasicPublish: return _handlers.Publish.Begin(MethodReader.Read<BasicPublish>(frame, strings));
            case MethodId.BasicAck: return _handlers.Acks.Ack(MethodReader.Read<BasicAck>(frame));
            case MethodId.BasicReject: return _handlers.Acks.Reject(MethodReader.Read<BasicReject>(frame));
            case MethodId.BasicNack: return _handlers.Acks.Nack(MethodReader.Read<BasicNack>(frame));
            case MethodId.BasicRecover: return _handlers.Acks.Recover(MethodReader.Read<BasicRecover>(frame));
            case MethodId.BasicRecoverAsync: return _handlers.Acks.RecoverAsync(MethodReader.Read<BasicRecoverAsync>(frame));
            case MethodId.BasicGet: return _handlers.Consumers.Get(MethodReader.Read<BasicGet>(frame, strings));
            case MethodId.BasicConsume: return _handlers.Consumers.Consume(MethodReader.Read<BasicConsume>(frame, strings));
            case MethodId.BasicCancel: return _handlers.Consumers.Cancel(MethodReader.Read<BasicCancel>(frame, strings));
            case MethodId.BasicCancelOk: return ValueTask.CompletedTask; // a client's answer to a cancel of ours
            case MethodId.BasicQos: return _handlers.Consumers.Qos(MethodReader.Read<BasicQos>(frame));
            case MethodId.ConfirmSelect: return _handlers.Confirms.Select(MethodReader.Read<ConfirmSelect>(frame));
            case MethodId.TxSelect: return _handlers.Transactions.Select(MethodReader.Read<TxSelect>(frame));
            case MethodId.TxCommit: return _handlers.Transactions.Commit(MethodReader.Read<TxCommit>(frame));
            case MethodId.TxRollback: return _handlers.Transactions.Rollback(MethodReader.Read<TxRollback>(frame));
            case MethodId.QueueDeclare: return _handlers.Queues.Declare(MethodReader.Read<QueueDeclare>(frame, strings));
            case MethodId.QueueBind: return _handlers.Queues.Bind(MethodReader.Read<QueueBind>(frame, strings));
            case MethodId.QueueUnbind: return _handlers.Queues.Unbind(MethodReader.Read<QueueUnbind>(frame, strings));
            case MethodId.QueuePurge: return _handlers.Queues.Purge(MethodReader.Read<QueuePurge>(frame, strings));
            case MethodId.QueueDelete: return _handlers.Queues.Delete(MethodReader.Read<QueueDelete>(frame, strings));
            case MethodId.ExchangeDeclare: return _handlers.Exchanges.Declare(MethodReader.Read<ExchangeDeclare>(frame, strings));
            case MethodId.ExchangeDelete: return _handlers.Exchanges.Delete(MethodReader.Read<ExchangeDelete>(frame, strings));
            case MethodId.ExchangeBind: return _handlers.Exchanges.Bind(MethodReader.Read<ExchangeBind>(frame, strings));
            case MethodId.ExchangeUnbind: return _handlers.Exchanges.Unbind(MethodReader.Read<ExchangeUnbind>(frame, strings));
            case MethodId.ChannelFlow: return Flow(MethodReader.Read<ChannelFlow>(frame));
            case MethodId.ChannelFlowOk: return ValueTask.CompletedTask;
            case MethodId.ChannelClose: return CloseByClient(MethodReader.Read<ChannelClose>(frame));
            case MethodId.ChannelOpen: throw new BrokerException(BrokerError.SecondChannelOpen);
            case MethodId.AccessRequest: Send(new AccessRequestOk(Ticket: 1)); return ValueTask.CompletedTask;
            default: throw new BrokerException(BrokerError.UnimplementedMethod);
        }
    }

    private ValueTask Open(in Frame frame)
    {
        if (frame.MethodId != MethodId.ChannelOpen) throw new BrokerException(BrokerError.ChannelNotOpen);
        MethodReader.Read<ChannelOpen>(frame);
        _phase = ChannelPhase.Open;
        Connection.Services.Events.Opened(this);
        Send(default(ChannelOpenOk));
        return ValueTask.CompletedTask;
    }

    private ValueTask Flow(ChannelFlow flow)
    {
        if (!flow.Active) throw new BrokerException(BrokerError.FlowInactive);
        Send(new ChannelFlowOk(Active: true));
        return ValueTask.CompletedTask;
    }

    private ValueTask CloseByClient(ChannelClose close)
    {
        Connection.Log.ChannelClosedByClient(Connection.Name, Number, close.ReplyCode, close.ReplyText);
        Close();
        // The releases are in the queues' mailboxes before the client can see that the channel is closed.
        Connection.Posts.Flush();
        Connection.Forget(this);
        Send(default(ChannelCloseOk));
        return ValueTask.CompletedTask;
    }

    /// <summary>Closes the channel because of what a client has not done.</summary>
    public void Fail(BrokerError error) => Fail(error, method: default);

    /// <summary>Closes the channel, or for a hard error the connection, because of what a client asked for.</summary>
    private void Fail(BrokerError error, MethodId method)
    {
        if (_isClosed) return; // with its connection, while the handler waited
        Close();
        if (error.IsHard)
        {
            Connection.CloseWith(error, method, Number);
            return;
        }
        Connection.Log.ChannelError(Connection.Name, Number, error.ReplyText, method.Name());
        Connection.Posts.Flush();
        _phase = ChannelPhase.Closing;
        Send(new ChannelClose(error.Code, error.ReplyText, method));
    }

    /// <summary>After channel.close was sent, everything but its answer is ignored; a close that crossed ours is answered.</summary>
    private void HandleWhileClosing(in Frame frame)
    {
        if (frame.Type != FrameType.Method) return;
        if (frame.MethodId == MethodId.ChannelCloseOk) Connection.Forget(this);
        else if (frame.MethodId == MethodId.ChannelOpen) Connection.CloseWith(BrokerError.SecondChannelOpen, MethodId.ChannelOpen, Number);
        else if (frame.MethodId == MethodId.ChannelClose) Send(default(ChannelCloseOk));
    }

    private enum ChannelPhase
    {
        Starting,
        Open,

        /// <summary>channel.close was sent, channel.close-ok is awaited.</summary>
        Closing,
    }
}
