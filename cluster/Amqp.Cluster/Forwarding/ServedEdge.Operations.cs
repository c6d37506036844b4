using AMQP.Net;
using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Forwarding;

/// <content>
/// Lines become operations. Those for a queue that this node does not know yet wait a while, in their order: the edge may have heard of it first.
/// </content>
internal sealed partial class ServedEdge
{
    /// <summary>Milliseconds between two looks for queues that are not known yet.</summary>
    private const int LookEveryMs = 20;

    /// <summary>To it an edge answers with its own words.</summary>
    private static readonly BrokerError NotFound = new(ReplyCode.NotFound, "");

    private readonly Dictionary<long, (long Queue, MessageHolder Holder)> _holders = [];
    private readonly Dictionary<long, ServedPart> _parts = [];

    // For each mirrored queue that the edge publishes to in this session.
    private readonly Dictionary<long, ServedPublisher> _publishers = [];
    private readonly Dictionary<long, Missing> _missing = [];
    private readonly BatchList<QueueOperation> _operations = new();
    private TransactionPart? _gathered;
    private long _queue;
    private long _target;
    private IQueueEndpoint? _endpoint;
    private ITimer? _timer;

    private void Hear(ServedSession session, in Line line)
    {
        var number = line.Number;
        switch (line.Kind)
        {
            case LineKind.Queue:
                _queue = number;
                break;
            case LineKind.Publish:
                Add(_queue, QueueOperation.Publish((Message)line.Subject!, number == 0 ? null : session, number));
                break;
            case LineKind.PublishNumbered:
                var publisher = PublisherTo(session, _queue);
                publisher.Begin(floor: line.Value);
                Add(_queue, QueueOperation.Publish((Message)line.Subject!, publisher, number, mayHaveBeenHandedOut: line.Flags != 0));
                break;
            case LineKind.Credit:
                Add(_queue, QueueOperation.Credit(new ServedCredit(session, number), line.Value));
                break;
            case LineKind.Settle:
                if (_holders.TryGetValue(number, out var holder)) Add(holder.Queue, QueueOperation.Settle(SettlementOf(line), holder.Holder, line.Value));
                break;
            case LineKind.Release:
                if (_holders.Remove(number, out var released)) Add(released.Queue, QueueOperation.Release(released.Holder));
                break;
            case LineKind.Forget:
                _holders.Remove(number);
                break;
            case LineKind.AddConsumer or LineKind.RemoveConsumer or LineKind.Asks or LineKind.Room or LineKind.Grant:
                HearOfConsumer(session, line);
                break;
            case LineKind.PartPublish or LineKind.PartSettle or LineKind.Prepare or LineKind.Commit or LineKind.Abort:
                HearOfPart(session, line);
                break;
            default:
                HearQuestion(session, line);
                break;
        }
    }

    private void HearQuestion(ServedSession session, in Line line)
    {
        var number = line.Number;
        switch (line.Kind)
        {
            case LineKind.Get:
                Add(_queue, QueueOperation.Get(line.Value == 0 ? null : HolderOf(line.Value), new ServedReply<GetResult>(session, number, ServedReply.Got)));
                break;
            case LineKind.Purge:
                Add(_queue, QueueOperation.Purge(new ServedReply<int>(session, number, ServedReply.Counted)));
                break;
            case LineKind.Status:
                Add(_queue, QueueOperation.Status(new ServedReply<QueueStatus>(session, number, ServedReply.StatusIs)));
                break;
            case LineKind.Browse:
                Add(_queue, QueueOperation.Browse(new BrowsedPart(line.Value, (int)Math.Clamp(line.Extra, 1, int.MaxValue)), new ServedBrowse(session, number)));
                break;
            case LineKind.Cancel:
                Add(_queue, QueueOperation.Cancel(line.Value, new ServedReply<bool>(session, number, ServedReply.Done)));
                break;
            case LineKind.Delete:
                Add(_queue, QueueOperation.Delete((DeleteConditions)line.Flags, new ServedReply<DeleteResult>(session, number, ServedReply.Deleted), (string?)line.Subject));
                break;
            case LineKind.GiveHistory:
                Add(_queue, QueueOperation.GiveHistory(new Destination(line.Flags == (byte)ResourceKind.Exchange ? ResourceKind.Exchange : ResourceKind.Queue, (string?)line.Subject ?? "")));
                break;
            default:
                throw new InvalidDataException($"a line of kind {line.Kind} for the leader");
        }
    }

    private void HearOfConsumer(ServedSession session, in Line line)
    {
        if (line.Kind == LineKind.AddConsumer)
        {
            var terms = (ConsumerTerms)line.Subject!;
            var added = new ServedConsumer(session, line.Number, _forwarder.Options.ConsumerWindowBytes)
            {
                Tag = terms.Tag,
                AutoAck = terms.AutoAck,
                Exclusive = terms.Exclusive,
                Priority = terms.Priority,
                Prefetch = terms.Prefetch,
                BrowsesFrom = terms.BrowsesFrom < 0 ? null : terms.BrowsesFrom,
                Asks = terms.Asks,
            };
            if (!_holders.TryAdd(line.Number, (_queue, added))) throw new InvalidDataException($"two consumers of number {line.Number}");
            Add(_queue, QueueOperation.AddConsumer(added, added));
            return;
        }
        var number = line.Kind == LineKind.RemoveConsumer ? line.Value : line.Number;
        var consumer = _holders.TryGetValue(number, out var holder) ? holder.Holder as ServedConsumer : null;
        switch (line.Kind)
        {
            case LineKind.RemoveConsumer when consumer is null:
                session.Say(ServedReply.Counted(line.Number, 0));
                break;
            case LineKind.RemoveConsumer:
                Add(holder.Queue, QueueOperation.RemoveConsumer(consumer, new ServedReply<int>(session, line.Number, ServedReply.Counted)));
                break;
            case LineKind.Asks when consumer is not null:
                consumer.Asks = line.Flags != 0;
                break;
            case LineKind.Room when consumer is not null:
                if (consumer.GiveRoom(line.Value)) Add(holder.Queue, QueueOperation.Resume(consumer));
                break;
            case LineKind.Grant when consumer is not null:
                consumer.Grant();
                Add(holder.Queue, QueueOperation.Resume(consumer));
                break;
        }
    }

    private void HearOfPart(ServedSession session, in Line line)
    {
        switch (line.Kind)
        {
            case LineKind.PartPublish:
                (_gathered ??= new TransactionPart()).Publishes.Add((Message)line.Subject!);
                break;
            case LineKind.PartSettle:
                _gathered ??= new TransactionPart();
                if (_holders.TryGetValue(line.Number, out var holder)) _gathered.Settlements.Add(new HeldMessage(holder.Holder, line.Value, SettlementOf(line)));
                break;
            case LineKind.Prepare:
                var part = new ServedPart(session, line.Number, _queue, _gathered ?? new TransactionPart(), _queues);
                _gathered = null;
                if (!_parts.TryAdd(line.Number, part)) throw new InvalidDataException($"two parts of number {line.Number}");
                Add(_queue, QueueOperation.Prepare(part.Part, part));
                break;
            case LineKind.Commit:
                FlushOperations();
                if (_parts.Remove(line.Number, out var committed)) committed.Commit();
                break;
            default:
                if (_parts.Remove(line.Number, out var aborted)) Add(aborted.Queue, QueueOperation.AbortPart(aborted.Part));
                break;
        }
    }

    private ServedPublisher PublisherTo(ServedSession session, long queue)
    {
        if (!_publishers.TryGetValue(queue, out var publisher)) _publishers.Add(queue, publisher = new ServedPublisher(session, _epoch, queue));
        return publisher;
    }

    private MessageHolder HolderOf(long number)
    {
        if (!_holders.TryGetValue(number, out var known)) _holders.Add(number, known = (_queue, new ServedHolder()));
        return known.Holder;
    }

    private void Add(long queue, in QueueOperation operation)
    {
        if (_missing.Count > 0 && _missing.TryGetValue(queue, out var missing))
        {
            missing.Operations.Add(operation);
            return;
        }
        if (queue != _target || _operations.Count == 0)
        {
            FlushOperations();
            (_target, _endpoint) = (queue, _queues.Find(queue));
        }
        if (_endpoint is not null) _operations.Add(operation);
        else if (_queues.MayCome(queue)) Await(queue, operation);
        else Refuse(operation);
    }

    private void FlushOperations()
    {
        if (_operations.Count == 0) return;
        _endpoint!.PostAndRun(_operations.Items);
        _operations.Clear();
        _endpoint = null;
    }

    private void Await(long queue, in QueueOperation operation)
    {
        _missing.Add(queue, new Missing(_forwarder.Now, [operation]));
        var interval = TimeSpan.FromMilliseconds(LookEveryMs);
        _timer ??= _forwarder.Time.CreateTimer(_ => Post(new ServedMail(ServedMailKind.Tick)), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        if (_missing.Count == 1) _timer.Change(interval, interval);
    }

    private void LookForMissing()
    {
        foreach (var (queue, missing) in _missing.ToArray())
        {
            var endpoint = _queues.Find(queue);
            if (endpoint is null && _queues.MayCome(queue) && _forwarder.Now - missing.Since < _forwarder.Options.UnknownQueueMs) continue;
            _missing.Remove(queue);
            if (endpoint is not null) endpoint.PostAndRun(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(missing.Operations));
            else foreach (var operation in missing.Operations) Refuse(operation);
        }
        if (_missing.Count == 0) _timer!.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>There is no such queue any more.</summary>
    private static void Refuse(in QueueOperation operation)
    {
        if (operation.ReplyTo is not null || operation.Kind == QueueOperationKind.Credit) Refusals.AsDeleted(operation, NotFound);
    }

    private static Settlement SettlementOf(in Line line) =>
        line.Flags <= (byte)Settlement.Abandon ? (Settlement)line.Flags : throw new InvalidDataException($"{line.Flags} is no settlement");

    /// <summary>What waits for a queue that is not known yet.</summary>
    private sealed record Missing(long Since, List<QueueOperation> Operations);
}
