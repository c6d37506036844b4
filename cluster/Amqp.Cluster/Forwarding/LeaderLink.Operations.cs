using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Forwarding;

/// <content>What users of this node want of the queues.</content>
internal sealed partial class LeaderLink
{
    private readonly Dictionary<long, UnansweredPublish> _unanswered = [];
    private readonly Dictionary<long, UnreturnedCredit> _credits = [];
    private readonly Dictionary<long, Question> _questions = [];
    private readonly Dictionary<TransactionPart, RemotePart> _parts = [];
    private readonly Dictionary<long, RemotePart> _partsByNumber = [];

    private void Do(RemoteQueue queue, in QueueOperation operation)
    {
        if (queue.Moving is { } moving && RemoteQueue.IsOfHolder(operation) && PassesOn(operation))
        {
            moving.Post(operation);
            return;
        }
        switch (operation.Kind)
        {
            // About what is known here, session or not.
            case QueueOperationKind.Settle:
                Settle((MessageHolder)operation.Subject!, operation.Position, operation.Settlement);
                return;
            case QueueOperationKind.Release:
                Release((MessageHolder)operation.Subject!);
                return;
            case QueueOperationKind.AddConsumer:
                AddConsumer(queue, operation);
                return;
            case QueueOperationKind.RemoveConsumer:
                RemoveConsumer(queue, operation);
                return;
            case QueueOperationKind.Resume:
                Resume((QueueConsumer)operation.Subject!);
                return;
            case QueueOperationKind.CommitPart:
                CommitPart((TransactionPart)operation.Subject!, (IReply<bool>?)operation.ReplyTo);
                return;
            case QueueOperationKind.AbortPart:
                AbortPart((TransactionPart)operation.Subject!);
                return;
        }
        if (queue.IsDeleted) Refusals.AsDeleted(operation, queue.NotFound);
        else if (_state == SessionState.Running) Send(queue, operation);
        else if (MayWait()) _waiting.Add((queue, operation));
        else queue.Lose(operation);
    }

    /// <summary>Of a queue that has mirrors now: its user, or the message, is known on another way. What is released is released on both.</summary>
    private bool PassesOn(in QueueOperation operation)
    {
        var holder = (MessageHolder)operation.Subject!;
        if (operation.Kind == QueueOperationKind.Release) Release(holder);
        return operation.Kind switch
        {
            QueueOperationKind.Release => true,
            QueueOperationKind.Settle => !_held.Has(operation.Position, holder),
            _ => !_holders.ContainsKey(holder),
        };
    }

    private void Send(RemoteQueue queue, in QueueOperation operation)
    {
        switch (operation.Kind)
        {
            case QueueOperationKind.Publish:
                var message = (Message)operation.Subject!;
                if (operation.ReplyTo is LeaderReach reach)
                {
                    _moving[queue.Definition.Id.Value] = queue;
                    Say(queue, new Line(LineKind.PublishNumbered, operation.Position, reach.Floor, message, operation.MayHaveBeenHandedOut ? (byte)1 : (byte)0));
                    break;
                }
                var number = 0L;
                if (operation.ReplyTo is IPublisher publisher)
                {
                    number = ++_lastNumber;
                    _unanswered.Add(number, new UnansweredPublish(publisher, operation.Position, queue, message));
                }
                Say(queue, new Line(LineKind.Publish, number, Subject: message));
                break;
            case QueueOperationKind.Credit:
                _credits.Add(++_lastNumber, new UnreturnedCredit((IPublishCredit)operation.Subject!, operation.Position));
                Say(queue, new Line(LineKind.Credit, _lastNumber, operation.Position));
                break;
            case QueueOperationKind.Prepare:
                Prepare(queue, (TransactionPart)operation.Subject!, (ITransaction)operation.ReplyTo!);
                break;
            case QueueOperationKind.GiveHistory:
                var destination = (Destination)operation.Subject!;
                Say(queue, new Line(LineKind.GiveHistory, Subject: destination.Name, Flags: (byte)destination.Kind));
                break;
            case QueueOperationKind.Get:
                var holder = operation.Subject is MessageHolder getter ? HolderOf(getter, queue) : null;
                Ask(queue, operation, LineKind.Get, holder?.Number ?? 0, holder: holder);
                break;
            case QueueOperationKind.Purge:
                Ask(queue, operation, LineKind.Purge);
                break;
            case QueueOperationKind.Status:
                Ask(queue, operation, LineKind.Status);
                break;
            case QueueOperationKind.Browse:
                var part = (BrowsedPart)operation.Subject!;
                Ask(queue, operation, LineKind.Browse, part.From, extra: part.CountMax);
                break;
            case QueueOperationKind.Cancel:
                Ask(queue, operation, LineKind.Cancel, operation.Position);
                break;
            case QueueOperationKind.Delete:
                Ask(queue, operation, LineKind.Delete, subject: operation.Subject, flags: (byte)operation.Conditions);
                break;
            default:
                throw new InvalidOperationException($"{operation.Kind} is no operation of a user");
        }
    }

    /// <summary>The leader is told. Without a session there is nothing to tell.</summary>
    private void Say(RemoteQueue queue, in Line line)
    {
        if (_state == SessionState.Running) _out.Add(queue, line);
    }

    private void Ask(RemoteQueue queue, in QueueOperation operation, LineKind kind, long value = 0, long extra = 0, object? subject = null, byte flags = 0, RemoteHolder? holder = null)
    {
        _questions.Add(++_lastNumber, new Question(queue, operation, holder));
        Say(queue, new Line(kind, _lastNumber, value, subject, flags, extra));
    }

    private void Settle(MessageHolder holder, long name, Settlement settlement)
    {
        if (!_held.TryTake(name, holder, out var taken, out var position)) return;
        Say(taken.Queue, new Line(LineKind.Settle, taken.Number, position, Flags: (byte)settlement));
        Left(taken);
    }

    /// <summary>A message has left its holder.</summary>
    private void Left(RemoteHolder holder)
    {
        if (holder is not RemoteConsumer consumer) return;
        StandIn.Leave(consumer.Consumer, 1);
        if (consumer.IsRemoved && consumer.FirstSlot == HeldTable.None)
        {
            Say(consumer.Queue, new Line(LineKind.Forget, consumer.Number));
            Forget(consumer);
        }
        else FollowLimit(consumer);
    }

    /// <summary>The part is prepared by the leader, which from then on has what it settles.</summary>
    private void Prepare(RemoteQueue queue, TransactionPart part, ITransaction transaction)
    {
        foreach (var message in part.Publishes) Say(queue, new Line(LineKind.PartPublish, Subject: message));
        foreach (var (holder, name, settlement) in part.Settlements)
        {
            if (!_held.TryTake(name, holder, out var taken, out var position)) continue;
            Say(queue, new Line(LineKind.PartSettle, taken.Number, position, Flags: (byte)settlement));
            // A holder that is to be forgotten with its last message is needed until the part is prepared.
            if (taken is RemoteConsumer consumer) StandIn.Leave(consumer.Consumer, 1);
        }
        var remote = new RemotePart(++_lastNumber, part, queue, transaction);
        _parts.Add(part, remote);
        _partsByNumber.Add(remote.Number, remote);
        Say(queue, new Line(LineKind.Prepare, remote.Number));
    }

    private void CommitPart(TransactionPart part, IReply<bool>? reply)
    {
        if (!_parts.TryGetValue(part, out var remote))
        {
            // Its session has ended, and the leader has undone it.
            reply?.Fail(BrokerError.PartialTxCompletion);
            return;
        }
        remote.Reply = reply;
        Say(remote.Queue, new Line(LineKind.Commit, remote.Number));
    }

    private void AbortPart(TransactionPart part)
    {
        if (!_parts.Remove(part, out var remote)) return;
        _partsByNumber.Remove(remote.Number);
        Say(remote.Queue, new Line(LineKind.Abort, remote.Number));
    }

    private void LosePublishes()
    {
        // In their order: what is done with them later may depend on it.
        foreach (var (_, (publisher, number, _, _)) in _unanswered.OrderBy(each => each.Key).ToArray()) publisher.Refused(number);
        _unanswered.Clear();
        var credits = _credits.Values.ToArray();
        _credits.Clear();
        foreach (var (credit, bytes) in credits) credit.GiveBack(bytes);
    }

    private void LoseParts()
    {
        var parts = _parts.Values.ToArray();
        _parts.Clear();
        _partsByNumber.Clear();
        foreach (var part in parts)
        {
            part.Transaction?.Refused();
            part.Reply?.Fail(BrokerError.PartialTxCompletion);
        }
    }
}
