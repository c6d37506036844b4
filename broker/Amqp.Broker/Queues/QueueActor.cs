using Amqp.Broker.Loops;
using Amqp.Broker.Metrics;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Queues;

/// <summary>
/// The one owner of a queue's state. Operations come by mail; each is applied to <see cref="QueueState"/>, and what it
/// decided leaves in one post a connection. It waits for nothing: not for a disk, a socket or another queue.
/// </summary>
internal sealed partial class QueueActor : IQueueEndpoint
{
    private readonly QueueEffects _effects;
    private readonly QueueServices _services;
    private QueueState _state;
    private volatile QueueDefinition _definition;
    private LoopTimer? _timer;
    private volatile bool _deleted;
    private volatile bool _failed;
    private bool _stopped;
    private long _lastLimitReport = -ComplaintMs;

    /// <param name="elsewhere">Of a copy: where its users go until it leads. Null: there is no other copy.</param>
    public QueueActor(QueueDefinition definition, QueueServices services, IQueueEndpoint? elsewhere = null)
    {
        _elsewhere = elsewhere;
        _definition = definition;
        _services = services;
        _effects = new QueueEffects(HandOverMany);
        _state = new QueueState(definition.Id, elsewhere is null ? services.Epoch : 0, definition.Durable, definition.Settings, _effects)
        {
            WallClockAheadMs = services.Clock.WallClockAheadMs,
            DelayLevels = services.DelayLevels,
        };
        if (definition.Durable) OpenOrFail();
        Measured = services.Metrics.Add(() => _definition, _report, _state.Counters);
        _use = ConsumerUse.Beginning(Now());
        TellReport();
        Touch(Now());
    }

    /// <summary>As of the newest topology: policies change it.</summary>
    public QueueDefinition Definition => _definition;

    /// <summary>What happens here, as it is sampled.</summary>
    public Measured Measured { get; }

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

    /// <summary>The clock runs from here on. Before anything else knows the queue, and when its store has started.</summary>
    public void Start()
    {
        ScheduleTick(Now());
        if (_state.LacksKeys && Leads) Post(QueueOperation.Index);
    }

    /// <summary>The queue goes by other policies now.</summary>
    public void Follow(QueueDefinition definition)
    {
        var before = _definition.Settings;
        _definition = definition;
        if (definition.Settings != before) Post(QueueOperation.Configure(definition.Settings));
    }

    private void Apply(in QueueOperation operation, long now)
    {
        if (IsOver)
        {
            Refuse(operation);
            return;
        }
        if (IsCopy && TryPassOn(operation)) return;
        if (_untilIndexed is not null && TryWaitForIndex(operation)) return;
        switch (operation.Kind)
        {
            case QueueOperationKind.Publish:
                Publish(operation, now);
                break;
            case QueueOperationKind.Credit:
                TakeCredit((IPublishCredit)operation.Subject!, operation.Position);
                break;
            case QueueOperationKind.Settle:
                _state.Settle((MessageHolder)operation.Subject!, operation.Position, operation.Settlement, now);
                break;
            case QueueOperationKind.Release:
                if (operation.Subject is QueueConsumer gone) RemoveConsumer(gone, now);
                else if (_waitingGets.Count > 0) ForgetWaitingGets(operation.Subject!);
                if (!_deleted) _state.Release((MessageHolder)operation.Subject!, now);
                break;
            case QueueOperationKind.AddConsumer:
                AddConsumer(operation, now);
                break;
            case QueueOperationKind.RemoveConsumer:
                RemoveConsumer((QueueConsumer)operation.Subject!, now);
                if (!_deleted) _state.DeliverReady(now);
                // Deliveries on their way must be in the channel's output before cancel-ok can follow them.
                CarryOut();
                ((IReply<int>)operation.ReplyTo!).Complete(((QueueConsumer)operation.Subject!).UnackedCount);
                break;
            case QueueOperationKind.Resume:
                _state.Resume((QueueConsumer)operation.Subject!, now);
                break;
            case QueueOperationKind.Get:
                Get(operation, now);
                break;
            case QueueOperationKind.Purge:
                var purged = _state.Purge();
                HandOver();
                TellReport();
                ((IReply<int>)operation.ReplyTo!).Complete(purged);
                break;
            case QueueOperationKind.Status:
                Touch(now);
                _state.DropExpired(now);
                ((IReply<QueueStatus>)operation.ReplyTo!).Complete(
                    new QueueStatus(_state.ReadyCount, _state.ConsumerCount, Gone: false));
                break;
            case QueueOperationKind.Browse:
                Browse((BrowsedPart)operation.Subject!, (IReply<BrowsedPart>)operation.ReplyTo!, now);
                break;
            case QueueOperationKind.Cancel:
                ((IReply<bool>)operation.ReplyTo!).Complete(_state.Cancel(operation.Position));
                break;
            case QueueOperationKind.Delete:
                Delete(operation.Conditions, (IReply<DeleteResult>?)operation.ReplyTo, (string?)operation.Subject);
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
                var isPrepared = _state.Prepare((TransactionPart)operation.Subject!, now);
                CarryOut();
                if (_leadsInEpoch != 0) ((TransactionPart)operation.Subject!).AnswersCommit = true;
                if (isPrepared) Prepared((TransactionPart)operation.Subject!, (ITransaction)operation.ReplyTo!);
                else ((ITransaction)operation.ReplyTo!).Refused();
                break;
            case QueueOperationKind.CommitPart:
                CommitPart((TransactionPart)operation.Subject!, (IReply<bool>?)operation.ReplyTo, now);
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
            case QueueOperationKind.Evict:
                _state.LookAgain();
                break;
            case QueueOperationKind.Configure:
                Configure((QueueSettings)operation.Subject!, now);
                break;
            case QueueOperationKind.DeadLettered:
                DeadLettered((long[])operation.Subject!, now);
                break;
            case QueueOperationKind.DeadLetterRefused:
                DeadLetterRefused(operation.Position, (IQueueEndpoint)operation.Subject!, now);
                break;
            case QueueOperationKind.DeadLettersRead:
                DeadLettersRead(operation, now);
                break;
            case QueueOperationKind.Browsed:
                Browsed((Browsing)operation.Subject!);
                break;
            case QueueOperationKind.GiveHistory:
                GiveHistory((Destination)operation.Subject!, now);
                break;
            case QueueOperationKind.Index:
                BeginIndex(now);
                break;
            case QueueOperationKind.Replicate:
                Replicate((IReplicaEvent)operation.Subject!, now);
                break;
            case QueueOperationKind.Removed:
                Delete(DeleteConditions.None, reply: null);
                break;
            case QueueOperationKind.Tend:
                break;
            case QueueOperationKind.Stop:
                Stop((Action)operation.ReplyTo!);
                break;
            default:
                throw new InvalidOperationException($"unknown queue operation {operation.Kind}");
        }
    }

    private void AddConsumer(in QueueOperation operation, long now)
    {
        var consumer = (QueueConsumer)operation.Subject!;
        var reply = (IReply<ConsumeResult>)operation.ReplyTo!;
        if (!_state.CanAddConsumer(consumer))
        {
            reply.Complete(ConsumeResult.ExclusiveUse);
            return;
        }
        _state.AddConsumer(consumer, now);
        Touch(now);
        TellReport();
        // Consume-ok goes out here, before the first delivery: the channel's answer could not be in time.
        consumer.Added();
        reply.Complete(ConsumeResult.Added);
    }

    private void RemoveConsumer(QueueConsumer consumer, long now)
    {
        if (!_state.RemoveConsumer(consumer)) return;
        consumer.Removed();
        Touch(now);
        if (Definition.AutoDelete && _state.ConsumerCount == 0) Delete(DeleteConditions.None, reply: null);
    }

    /// <summary>
    /// Does what the operations decided: first the store gets its records, then consecutive deliveries to one connection leave in
    /// one post, then publishers hear of their messages. Who looks at the queue then sees it as it is now.
    /// </summary>
    private void CarryOut()
    {
        TellReport();
        HandOver();
        if (_replica is not null) Replicated();
        PostDeliveries(_effects.Deliveries);
        foreach (var positions in _effects.Reads) _services.Store.Read(Definition.Id, positions, this);
        foreach (var (part, absent) in _effects.BrowsedParts) Read(part, absent, reply: null);
        SendDeadLetters();
        if (_state.BeyondDeliveryLimit > 0) ReportDeliveryLimit();
        _effects.Clear();
        _confirms.Flush();
    }

    private static void PostDeliveries(ReadOnlySpan<Delivery> deliveries)
    {
        while (deliveries.Length > 0)
        {
            var outlet = deliveries[0].Consumer.Outlet;
            var (count, bytes) = (0, 0L);
            for (; count < deliveries.Length && deliveries[count].Consumer.Outlet == outlet; count++) bytes += deliveries[count].Message.Size;
            outlet.Post(deliveries[..count], bytes);
            deliveries = deliveries[count..];
        }
    }

    /// <summary>Not for each message: a client that returns everything returns much.</summary>
    private void ReportDeliveryLimit()
    {
        var now = Now();
        if (now - _lastLimitReport < ComplaintMs) return;
        _lastLimitReport = now;
        LogDeliveryLimit(_services.Logger, _state.TakeBeyondDeliveryLimit(), Definition.Name, Definition.Vhost, _state.Settings.DeliveryLimit,
            _state.Settings.DeadLetterExchange is { } exchange ? $"were dead-lettered to exchange '{exchange}'" : "are gone, since it has no dead-letter exchange");
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} messages of queue '{Name}' in vhost '{Vhost}' came back more often than its delivery limit of {Limit} and {Outcome}; look at why its consumers return them")]
    private static partial void LogDeliveryLimit(ILogger logger, int count, string name, string vhost, long limit, string outcome);
}
