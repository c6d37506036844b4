using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Broker.Queues;

/// <content>
/// A queue that has copies on other nodes. The one that leads works as a queue that has none, but tells the others what happens, and its publishers when that is safe there. With any other one
/// users are passed on to the leader, and it does what it is told.
/// </content>
internal sealed partial class QueueActor
{
    // Where users go as long as nothing says that this copy leads; null: it is no copy.
    private IQueueEndpoint? _elsewhere;
    private IQueueReplica? _replica;
    private uint _leadsInEpoch;

    // What users want while nothing may happen, at most what publishers have credit for and one question a channel.
    private readonly Queue<QueueOperation> _held = new();

    // What was appended and is not safe yet: below which position everything is when it is.
    private readonly Queue<(long Number, long End)> _batches = new();
    private readonly Queue<(long Number, IReply<bool> Reply)> _parts = new();
    private readonly Queue<(long Ticket, ReplicaMark Mark)> _marks = new();
    private ReplicaMark _lastMark;
    private long _lastNumber;

    // Above the position of every message that mirrors were told of, and of every one that is safe there.
    private long _toldEnd;
    private long _safeEnd;

    private bool IsCopy => _replica is not null || _elsewhere is not null;

    private ReplicaStanding Standing => _replica?.Standing ?? (_elsewhere is null ? ReplicaStanding.Leads : ReplicaStanding.Elsewhere);

    /// <summary>It decides what happens in the queue.</summary>
    private bool Leads => _leadsInEpoch != 0 || !IsCopy;

    private IQueueEndpoint Elsewhere => _replica?.Elsewhere ?? _elsewhere!;

    /// <summary>Of a copy: does with an operation what has to be done where it does not simply happen. False: it happens.</summary>
    private bool TryPassOn(in QueueOperation operation)
    {
        if (operation.ReplyTo is CopyReply) return false;
        switch (Standing)
        {
            case ReplicaStanding.Leads:
                return false;
            case ReplicaStanding.LeadsWithTooFew:
                return TryRefuseUnsafe(operation);
            case ReplicaStanding.Pauses:
                if (!operation.IsOfUsers) return false;
                if ((operation.IsSettlement || operation.Kind is QueueOperationKind.Resume or QueueOperationKind.RemoveConsumer) && !EndsHeld(operation)) return false;
                _held.Enqueue(operation);
                return true;
            case ReplicaStanding.Frozen:
                if (!operation.IsOfUsers && operation.Kind is not (QueueOperationKind.Tick or QueueOperationKind.DeadLettered or QueueOperationKind.DeadLetterRefused)) return false;
                _held.Enqueue(operation);
                return true;
            default:
                if (operation.IsOfUsers) PassOn(operation);
                // What was decided when it led, and what is due by the clock, is the leader's affair.
                return operation.IsOfUsers || operation.Kind is QueueOperationKind.Tick or QueueOperationKind.DeadLettered or QueueOperationKind.DeadLetterRefused;
        }
    }

    /// <summary>A user goes whose question waits: the question must not be overtaken, or a consumer would come to the next leader when its client is gone.</summary>
    private bool EndsHeld(QueueOperation operation) =>
        operation.Kind is QueueOperationKind.Release or QueueOperationKind.RemoveConsumer
        && _held.Any(held => held.Kind is QueueOperationKind.AddConsumer or QueueOperationKind.Get && ReferenceEquals(held.Subject, operation.Subject));

    /// <summary>What comes from another node is sent there again, which knows who leads, and so is what comes back from where it would be passed on to.</summary>
    private void PassOn(in QueueOperation operation)
    {
        if (operation.ReplyTo is IStandIn standIn) standIn.NotLeading(operation);
        else if (operation is { Kind: QueueOperationKind.Publish, ReplyTo: INumberedPublisher publisher }) publisher.Lost(operation.Position);
        else Elsewhere.Post(operation);
    }

    /// <summary>A message that too few copies would have is not taken.</summary>
    private static bool TryRefuseUnsafe(in QueueOperation operation)
    {
        if (operation.Kind == QueueOperationKind.Publish) (operation.ReplyTo as IPublisher)?.Refused(operation.Position);
        else if (operation.Kind == QueueOperationKind.Prepare && ((TransactionPart)operation.Subject!).Publishes.Count > 0) ((ITransaction)operation.ReplyTo!).Refused();
        else return false;
        return true;
    }

    private void Replicate(IReplicaEvent what, long now)
    {
        // What has happened by now is told before that.
        if (_leadsInEpoch != 0) HandOver();
        _replica = what.Apply(_state, now);
        if (_replica.LeadsInEpoch != _leadsInEpoch) ChangeLead(_replica.LeadsInEpoch, now);
        if (_held.Count > 0 && Standing is not (ReplicaStanding.Pauses or ReplicaStanding.Frozen)) ApplyHeld(now);
    }

    private void ApplyHeld(long now)
    {
        for (var left = _held.Count; left > 0 && _held.TryDequeue(out var operation); left--) Apply(operation, now);
        if (!IsOver) DeliverReturned(now);
    }

    private void ChangeLead(uint epoch, long now)
    {
        if (_leadsInEpoch != 0) LoseLead(now);
        _leadsInEpoch = epoch;
        if (epoch == 0) return;
        Touch(now);
        // All that is here by now is safe when the first batch is, which is empty.
        (_toldEnd, _safeEnd) = (_state.MessagesEnd, 0);
        _batches.Enqueue((1, _toldEnd));
        _lastNumber = 1;
        if (_state.LacksKeys) BeginIndex(now);
        TellReport();
    }

    /// <summary>Another node leads, or this one in another epoch: users turn there. Of what has no answer nothing says whether it happened.</summary>
    private void LoseLead(long now)
    {
        _pendingConfirms.LoseAll();
        _batches.Clear();
        GiveBackAllCredit();
        while (_parts.TryDequeue(out var part)) part.Reply.Fail(BrokerError.PartialTxCompletion);
        while (_waitingGets.TryDequeue(out var get)) PassOn(get);
        foreach (var operation in _untilIndexed ?? []) PassOn(operation);
        _untilIndexed = null;
        _deadLettering?.GiveUp();
        _deadLetterRetryDue = long.MaxValue;
        // What they have been given until now precedes what they are given there.
        PostDeliveries(_effects.Deliveries);
        _effects.ClearDeliveries();
        foreach (var consumer in _effects.TurnedAway) consumer.TurnTo(Elsewhere);
        _effects.ClearTurnedAway();
        TellReport();
    }

    /// <summary>It has failed: users turn to the next leader. False: what is left of its state does not even allow that.</summary>
    private bool TryTurnAway()
    {
        _elsewhere = Elsewhere;
        _replica?.Fail();
        _replica = null;
        try
        {
            if (_leadsInEpoch == 0) return true;
            _state.IsMirrored = false;
            _state.Follow();
            ChangeLead(epoch: 0, Now());
            return true;
        }
#pragma warning disable CA1031 // That its state is in doubt is what brought it here.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogCopyFailed(_services.Logger, exception, Definition.Name, Definition.Vhost);
            return false;
        }
    }

    /// <summary>The queue is deleted, or has failed: what waits is answered.</summary>
    private void EndCopy()
    {
        _batches.Clear();
        _marks.Clear();
        while (_parts.TryDequeue(out var part))
        {
            if (_deleted) part.Reply.Complete(true);
            else part.Reply.Fail(BrokerError.PartialTxCompletion);
        }
        while (_held.TryDequeue(out var operation)) Refuse(operation);
    }

    /// <summary>The mirrors hear of what has happened.</summary>
    private void AppendStream()
    {
        var stream = _effects.Stream;
        if (stream.IsEmpty) return;
        if (_leadsInEpoch != 0)
        {
            _lastNumber = _replica!.Append(stream, _effects.KeepsTogether, Now());
            foreach (ref readonly var record in stream)
            {
                if (record.Type == RecordType.Enqueue) _toldEnd = Math.Max(_toldEnd, record.Position + 1);
                else if (record.Type == RecordType.Settle) _pendingConfirms.SettleIn(record.Position, record.Position + record.Count, _confirms);
            }
            _batches.Enqueue((_lastNumber, _toldEnd));
        }
        _effects.ClearStream();
    }

    /// <summary>The replica hears when this node's disk has what it is to have by now.</summary>
    /// <param name="ticket">Of the commit just made that has to be waited for; 0: there is none.</param>
    private void GiveMark(long ticket)
    {
        if (_replica!.Mark is var mark && mark == _lastMark) return;
        _lastMark = mark;
        // Settlements are not waited for: one that is lost with the node means that a message is handed out again.
        if (ticket == 0 && _commits.Count == 0) _replica.Durable(mark, Now());
        else _marks.Enqueue((_lastTicket, mark));
    }

    private void MarksDurable(long ticket)
    {
        var mark = default(ReplicaMark);
        while (_marks.TryPeek(out var first) && first.Ticket <= ticket) mark = _marks.Dequeue().Mark;
        if (mark != default) _replica!.Durable(mark, Now());
    }

    /// <summary>What the replica has decided is done.</summary>
    private void Replicated()
    {
        _replica!.CarryOut();
        ConfirmSafe();
    }

    /// <summary>Publishers of what is safe now are told.</summary>
    private void ConfirmSafe()
    {
        var completed = _replica!.Completed;
        while (_batches.TryPeek(out var batch) && batch.Number <= completed)
        {
            _batches.Dequeue();
            _safeEnd = batch.End;
            _pendingConfirms.SettleBelow(batch.End, _confirms);
            GiveBackCredit(batch.End);
        }
        while (_parts.TryPeek(out var part) && part.Number <= completed) _parts.Dequeue().Reply.Complete(true);
    }

    /// <summary>A part of a transaction happens, here and on every mirror as a whole or not at all; it is safe when its batch is.</summary>
    private void CommitPart(TransactionPart part, IReply<bool>? reply, long now)
    {
        if (_leadsInEpoch != 0)
        {
            HandOver();
            _effects.KeepsTogether = true;
        }
        var happened = _state.Commit(part, now);
        if (_leadsInEpoch != 0) HandOver();
        if (reply is null) return;
        if (!happened) reply.Fail(BrokerError.PartialTxCompletion);
        else if (_leadsInEpoch == 0) reply.Complete(true);
        else _parts.Enqueue((_lastNumber, reply));
    }

    /// <summary>A publish that was sent again after its leader was gone: is it here already? It is safe when all is that was told by now.</summary>
    private bool TryAnswerKnown(in QueueOperation publish)
    {
        if (_leadsInEpoch == 0 || publish.ReplyTo is not INumberedPublisher publisher) return false;
        if (!_replica!.Knows(publisher, publish.Position))
        {
            _replica.Published(publisher, publish.Position);
            return false;
        }
        if (_toldEnd <= _safeEnd) _confirms.Taken(publisher, publish.Position);
        else _pendingConfirms.Add(_toldEnd - 1, publisher, publish.Position);
        return true;
    }
}
