using Amqp.Broker.Connections;
using Amqp.Broker.Flow;
using Amqp.Broker.Loops;
using Amqp.Broker.Observability;
using Amqp.Broker.Publishing;
using Amqp.Core.Errors;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Queues;

/// <summary>
/// The one owner of a queue's state. Operations come by mail; each is applied to <see cref="QueueState"/>, and what it
/// decided leaves in one post a connection. It waits for nobody: not for a disk, a socket or another queue.
/// </summary>
internal sealed partial class QueueActor
{
    private readonly QueueEffects _effects;
    private readonly BatchList<OutboundItem> _outbound = new();
    private long _outboundBytes;
    private readonly QueueServices _services;
    private QueueState _state;
    private LoopTimer? _timer;
    private volatile bool _deleted;
    private bool _failed;
    private bool _stopped;

    public QueueActor(QueueDefinition definition, QueueServices services)
    {
        Definition = definition;
        _services = services;
        _effects = new QueueEffects(HandOver);
        _state = new QueueState(definition.Id, definition.Durable, definition.Parsed.MessageTtlMs, _effects)
        {
            WallClockAheadMs = services.Clock.WallClockAheadMs,
        };
        if (definition.Durable) OpenOrFail();
        Touch(Now());
    }

    public QueueDefinition Definition { get; }

    /// <summary>Deleted, or about to be. From any thread.</summary>
    public bool IsDeleted => _deleted;

    /// <summary>Deleted, failed or stopped: every operation is refused.</summary>
    private bool IsOver => _deleted || _failed || _stopped;

    /// <summary>A queue whose messages cannot be read from the store fails by itself, and answers its users with that.</summary>
    private void OpenOrFail()
    {
        try
        {
            Open();
        }
#pragma warning disable CA1031 // As for any other operation: a queue whose state is in doubt stops.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Fail(exception);
        }
    }

    /// <summary>The clock runs from here on. Before anybody else knows the queue, and when its store has started.</summary>
    public void Start() => ScheduleTick(Now());

    private void Apply(in QueueOperation operation, long now)
    {
        if (IsOver)
        {
            Refuse(operation);
            return;
        }
        switch (operation.Kind)
        {
            case QueueOperationKind.Publish:
                Publish(operation, now);
                break;
            case QueueOperationKind.Credit:
                TakeCredit((PublishCredit)operation.Subject!, operation.Position);
                break;
            case QueueOperationKind.Acknowledge or QueueOperationKind.Reject:
                _state.Settle((MessageHolder)operation.Subject!, operation.Position, Settlement.Remove, now);
                break;
            case QueueOperationKind.Requeue:
                _state.Settle((MessageHolder)operation.Subject!, operation.Position, Settlement.Requeue, now);
                break;
            case QueueOperationKind.Release:
                if (operation.Subject is ConsumerLink gone) RemoveConsumer(gone, now);
                else if (_waitingGets.Count > 0) ForgetWaitingGets(operation.Subject!);
                if (!_deleted) _state.Release((MessageHolder)operation.Subject!, now);
                break;
            case QueueOperationKind.AddConsumer:
                AddConsumer(operation, now);
                break;
            case QueueOperationKind.RemoveConsumer:
                RemoveConsumer((ConsumerLink)operation.Subject!, now);
                // Deliveries on their way must be in the channel's output before cancel-ok can follow them.
                CarryOut();
                ((Reply<int>)operation.ReplyTo!).Complete(((ConsumerLink)operation.Subject!).UnackedCount);
                break;
            case QueueOperationKind.Resume:
                _state.Resume((ConsumerLink)operation.Subject!, now);
                break;
            case QueueOperationKind.Get:
                Get(operation, now);
                break;
            case QueueOperationKind.Purge:
                var purged = _state.Purge();
                HandOver();
                ((Reply<int>)operation.ReplyTo!).Complete(purged);
                break;
            case QueueOperationKind.Status:
                Touch(now);
                _state.DropExpired(now);
                ((Reply<QueueStatus>)operation.ReplyTo!).Complete(
                    new QueueStatus(_state.ReadyCount, _state.ConsumerCount, Gone: false));
                break;
            case QueueOperationKind.Delete:
                Delete(operation.Conditions, (Reply<DeleteResult>?)operation.ReplyTo);
                break;
            default:
                ApplyInner(operation, now);
                break;
        }
    }

    /// <summary>What no client asks for in so many words: transactions, the clock, the store, the node.</summary>
    private void ApplyInner(in QueueOperation operation, long now)
    {
        switch (operation.Kind)
        {
            case QueueOperationKind.Tick:
                Tick(now);
                break;
            case QueueOperationKind.Prepare:
                _state.Prepare((TransactionPart)operation.Subject!, now);
                CarryOut();
                ((ITransaction)operation.ReplyTo!).Prepared();
                break;
            case QueueOperationKind.CommitPart:
                _state.Commit((TransactionPart)operation.Subject!, now);
                break;
            case QueueOperationKind.AbortPart:
                _state.Abort((TransactionPart)operation.Subject!, now);
                break;
            case QueueOperationKind.Committed:
                Committed(operation.Position);
                break;
            case QueueOperationKind.Loaded:
                Loaded(operation, now);
                break;
            case QueueOperationKind.LetGo:
                _state.LookAgain();
                break;
            case QueueOperationKind.Tend:
                break;
            case QueueOperationKind.Inspect:
                _state.DropExpired(now);
                ((Reply<QueueInfo>)operation.ReplyTo!).Complete(Describe(QueueInfo.Running));
                break;
            case QueueOperationKind.Stop:
                Stop((StopCount)operation.ReplyTo!);
                break;
            default:
                throw new InvalidOperationException($"unknown queue operation {operation.Kind}");
        }
    }

    private void AddConsumer(in QueueOperation operation, long now)
    {
        var consumer = (ConsumerLink)operation.Subject!;
        var reply = (Reply<ConsumeResult>)operation.ReplyTo!;
        if (!_state.CanAddConsumer(consumer))
        {
            reply.Complete(ConsumeResult.ExclusiveUse);
            return;
        }
        // Consume-ok goes out here, before the first delivery: the channel's answer could not be in time.
        consumer.Channel.ConsumerAdded(consumer);
        _state.AddConsumer(consumer, now);
        Touch(now);
        reply.Complete(ConsumeResult.Added);
    }

    private void RemoveConsumer(ConsumerLink consumer, long now)
    {
        if (!_state.RemoveConsumer(consumer)) return;
        Touch(now);
        if (Definition.AutoDelete && _state.ConsumerCount == 0) Delete(DeleteConditions.None, reply: null);
    }

    /// <summary>
    /// Ends the queue. From here on it refuses everything; its name comes free when the topology has dropped it, and
    /// whoever finds it gone before that asks the topology again, behind this deletion.
    /// </summary>
    private void Delete(DeleteConditions conditions, Reply<DeleteResult>? reply)
    {
        if (_deleted) return;
        if (conditions.HasFlag(DeleteConditions.IfUnused) && _state.ConsumerCount > 0)
        {
            reply?.Complete(new DeleteResult(DeleteOutcome.InUse, 0));
            return;
        }
        if (conditions.HasFlag(DeleteConditions.IfEmpty) && _state.ReadyCount > 0)
        {
            reply?.Complete(new DeleteResult(DeleteOutcome.NotEmpty, 0));
            return;
        }
        _deleted = true;
        CarryOut();
        foreach (var consumer in _state.Consumers) ((ConsumerLink)consumer).Channel.ConsumerCancelled((ConsumerLink)consumer);
        var count = _state.ReadyCount;
        _pendingConfirms.SettleAll(_confirms);
        _confirms.Flush();
        RefuseWaitingGets(BrokerError.QueueNotFound(Definition.Vhost, Definition.Name));
        // Channels may know this actor for a while longer (what they fetched from it, where they published last): its messages
        // do not have to wait for that.
        ReportBytes(_state.LetGoOfAll());
        _state = new QueueState(Definition.Id, isDurable: false, messageTtlMs: null, _effects);
        _reportedBytes = 0;
        GiveBackAllCredit();
        _timer?.Dispose();
        _services.Topology.Propose(
            new DeleteQueue(Definition.Vhost, Definition.Name, Definition.Id),
            result =>
            {
                // It went with its virtual host, so that no change of the topology names it and leads to Forget.
                if (!result.Changed) Forget();
                reply?.Complete(new DeleteResult(DeleteOutcome.Deleted, count));
            });
    }

    /// <summary>Answers for a queue that is being deleted, or that failed.</summary>
    private void Refuse(in QueueOperation operation)
    {
        switch (operation)
        {
            case { Kind: QueueOperationKind.Publish }:
                RefusePublish(operation);
                break;
            case { Kind: QueueOperationKind.Credit }:
                ((PublishCredit)operation.Subject!).GiveBack(operation.Position);
                break;
            case { Kind: QueueOperationKind.Committed or QueueOperationKind.Loaded }:
                break;
            case { ReplyTo: StopCount count }:
                count.Answered();
                break;
            case { ReplyTo: ITransaction transaction }:
                RefusePart((TransactionPart)operation.Subject!, transaction);
                break;
            case { ReplyTo: null }:
                // Nobody waits: a settlement of what is no more, for instance. A failed queue can still
                // be deleted, by its owner's end for instance.
                if (_failed && operation.Kind == QueueOperationKind.Delete) Delete(operation.Conditions, reply: null);
                (operation.Subject as ConsumerLink)?.TooLate(operation.Kind);
                break;
            case { ReplyTo: Reply<DeleteResult> reply } when _failed && !_deleted:
                Delete(operation.Conditions, reply);
                break;
            case { ReplyTo: Reply<DeleteResult> reply }:
                reply.Complete(new DeleteResult(DeleteOutcome.Gone, 0));
                break;
            case { Kind: QueueOperationKind.RemoveConsumer, ReplyTo: Reply<int> reply }:
                reply.Complete(0);
                break;
            case { ReplyTo: Reply<QueueInfo> reply } when !_deleted:
                reply.Complete(Describe(QueueInfo.Crashed));
                break;
            case { ReplyTo: Reply<QueueStatus> reply } when _deleted:
                reply.Complete(new QueueStatus(0, 0, Gone: true));
                break;
            default:
                ((IReply)operation.ReplyTo!).Fail(_deleted
                    ? BrokerError.QueueNotFound(Definition.Vhost, Definition.Name)
                    : BrokerError.QueueCrashed(Definition.Vhost, Definition.Name));
                break;
        }
    }

    /// <summary>A message for a deleted queue counts as taken, as with RabbitMQ: it would be gone now all the same.</summary>
    private void RefusePublish(in QueueOperation publish)
    {
        if (publish.ReplyTo is not ConfirmTracker confirms) return;
        if (_deleted) confirms.Settle(publish.Position);
        else confirms.Refuse(publish.Position);
    }

    /// <summary>A deleted queue has nothing to say to a transaction, which goes on without it.</summary>
    private void RefusePart(TransactionPart part, ITransaction transaction)
    {
        foreach (var held in part.Settlements) (held.Holder as ConsumerLink)?.TooLate(QueueOperationKind.Acknowledge);
        part.Records.Clear();
        if (_deleted) transaction.Prepared();
        else transaction.Refused();
    }

    /// <summary>
    /// Does what the operations decided: first the store gets its records, then consecutive deliveries to one connection leave in
    /// one post, then publishers hear of their messages.
    /// </summary>
    private void CarryOut()
    {
        HandOver();
        ConnectionOutput? output = null;
        foreach (ref readonly var delivery in _effects.Deliveries)
        {
            var consumer = (ConsumerLink)delivery.Consumer;
            if (consumer.Channel.Output != output && output is not null) PostOutbound(output);
            output = consumer.Channel.Output;
            _outbound.Add(OutboundItem.Delivery(consumer, delivery.Message, delivery.Position, delivery.Redelivered));
            _outboundBytes += delivery.Message.Size;
        }
        if (output is not null) PostOutbound(output);
        foreach (var positions in _effects.Reads) _services.Store.Read(Definition.Id, positions);
        _effects.Clear();
        _confirms.Flush();
    }

    private void PostOutbound(ConnectionOutput output)
    {
        output.PostDeliveries(_outbound.Items, _outboundBytes);
        _outbound.Clear();
        _outboundBytes = 0;
    }

    private void Fail(Exception exception)
    {
        LogFailed(_services.Logger, exception, Definition.Name, Definition.Vhost);
        _failed = true;
        // What was handed out and will not be sent, and the turns in line, have places in the prefetch of channels.
        foreach (ref readonly var delivery in _effects.Deliveries) ((ConsumerLink)delivery.Consumer).TooLate(QueueOperationKind.Acknowledge);
        foreach (var consumer in _state.Consumers) ((ConsumerLink)consumer).TooLate(QueueOperationKind.Resume);
        _effects.Clear();
        _outbound.Clear();
        _outboundBytes = 0;
        _confirms.Refuse();
        _pendingConfirms.RefuseAll();
        GiveBackAllCredit();
        RefuseWaitingGets(BrokerError.QueueCrashed(Definition.Vhost, Definition.Name));
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "Queue '{Name}' in vhost '{Vhost}' stopped because of a defect of the broker; its messages are not served until the node is restarted, please report this")]
    private static partial void LogFailed(ILogger logger, Exception exception, string name, string vhost);
}
