using System.Runtime.InteropServices;
using AMQP.Net;
using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <content>What the leader says.</content>
internal sealed partial class LeaderLink
{
    private readonly List<BrowsedMessage> _browsed = [];
    private readonly List<long> _confirmed = [];
    private IPublisher? _publisher;

    private void Hear(long session, ReadOnlySpan<Line> lines)
    {
        foreach (ref readonly var line in lines)
        {
            // Of another session, or a line has ended this one.
            if (session != _session || _state == SessionState.None) return;
            if (line.Kind == LineKind.Begun) Begun();
            else if (line.Kind == LineKind.Lost)
            {
                Lose();
                TryBegin();
            }
            else if (_state == SessionState.Running) Hear(line);
        }
    }

    private void Hear(in Line line)
    {
        switch (line.Kind)
        {
            case LineKind.Taken:
                Taken(line.Number, line.Value);
                break;
            case LineKind.Refused:
                FlushConfirms();
                if (_unanswered.Remove(line.Number, out var refused)) refused.Publisher.Refused(refused.Number);
                break;
            case LineKind.CreditBack:
                GiveBack(line.Number, line.Value);
                break;
            case LineKind.Prepared:
                if (!_partsByNumber.TryGetValue(line.Number, out var prepared) || prepared.Transaction is not { } transaction) break;
                (prepared.Transaction, prepared.Part.AnswersCommit) = (null, true);
                ForgetEmpty(prepared);
                transaction.Prepared();
                break;
            case LineKind.PartRefused:
                if (TakePart(line.Number) is { Transaction: { } refusing } refusedPart)
                {
                    ForgetEmpty(refusedPart);
                    refusing.Refused();
                }
                break;
            case LineKind.Committed:
                TakePart(line.Number)?.Reply?.Complete(true);
                break;
            case LineKind.NotCommitted:
                TakePart(line.Number)?.Reply?.Fail(BrokerError.PartialTxCompletion);
                break;
            case LineKind.BrowsedMessage:
                _browsed.Add((BrowsedMessage)line.Subject!);
                break;
            case LineKind.Counted or LineKind.Done or LineKind.Got or LineKind.StatusIs or LineKind.Browsed or LineKind.Deleted:
                if (_questions.Remove(line.Number, out var question)) Answer(question, line);
                break;
            case LineKind.Failed:
                Failed(line);
                break;
            case LineKind.NotLeading or LineKind.TakenIn or LineKind.RefusedIn or LineKind.LostIn:
                HearOfMoving(line);
                break;
            default:
                if (_consumers.TryGetValue(line.Number, out var consumer)) Hear(consumer, line);
                break;
        }
    }

    private void Hear(RemoteConsumer consumer, in Line line)
    {
        switch (line.Kind)
        {
            case LineKind.Delivery:
                Deliver(consumer, new Parked(line.Value, (Message)line.Subject!, line.Flags != 0));
                break;
            case LineKind.Added:
                // When it was lost and is there again, the client has heard that before.
                if (consumer.Reply is not null) consumer.Consumer.Added();
                CompleteAdding(consumer);
                break;
            case LineKind.InExclusiveUse:
                var reply = consumer.Reply;
                consumer.Reply = null;
                if (reply is null) Cancel(consumer, consumer.Queue.NotFound);
                else
                {
                    EndSubscription(consumer);
                    Forget(consumer);
                    reply.Complete(ConsumeResult.ExclusiveUse);
                }
                break;
            case LineKind.Cancelled:
                Cancel(consumer, consumer.Queue.NotFound);
                break;
            case LineKind.Ask:
                consumer.IsAsked = true;
                TryGrant(consumer);
                break;
            case LineKind.Decline:
                if (consumer.Granted == 0) break;
                consumer.Granted--;
                StandIn.Leave(consumer.Consumer, 1);
                break;
            default:
                throw new InvalidDataException($"a line of kind {line.Kind} for the edge");
        }
    }

    private void Answer(in Question question, in Line line)
    {
        var operation = question.Operation;
        switch (line.Kind, operation.Kind)
        {
            case (LineKind.Counted, QueueOperationKind.RemoveConsumer):
                Removed((RemoteConsumer)question.Holder!, (IReply<int>)operation.ReplyTo!);
                break;
            case (LineKind.Counted, QueueOperationKind.Purge):
                ((IReply<int>)operation.ReplyTo!).Complete((int)line.Value);
                break;
            case (LineKind.Done, QueueOperationKind.Cancel):
                ((IReply<bool>)operation.ReplyTo!).Complete(line.Flags != 0);
                break;
            case (LineKind.StatusIs, QueueOperationKind.Status):
                ((IReply<QueueStatus>)operation.ReplyTo!).Complete(new QueueStatus((int)line.Value, (int)line.Extra, Gone: line.Flags != 0));
                break;
            case (LineKind.Deleted, QueueOperationKind.Delete):
                (operation.ReplyTo as IReply<DeleteResult>)?.Complete(new DeleteResult((DeleteOutcome)line.Flags, (int)line.Value));
                break;
            case (LineKind.Browsed, QueueOperationKind.Browse):
                var part = (BrowsedPart)operation.Subject!;
                StandIn.Fill(part, _browsed, line.Value, isLast: line.Flags != 0);
                _browsed.Clear();
                ((IReply<BrowsedPart>)operation.ReplyTo!).Complete(part);
                break;
            case (LineKind.Got, QueueOperationKind.Get):
                Got(question, line);
                break;
            default:
                Refusals.AsDown(operation, question.Queue.Down);
                throw new InvalidDataException($"{line.Kind} is no answer to {operation.Kind}");
        }
    }

    private void Got(in Question question, in Line line)
    {
        var reply = (IReply<GetResult>)question.Operation.ReplyTo!;
        if (line.Subject is not Message message)
        {
            reply.Complete(default);
            return;
        }
        var name = question.Holder is { IsOver: false } holder ? _held.Add(holder, line.Value) : 0;
        reply.Complete(new GetResult(message, name, line.Flags != 0, (int)line.Extra));
    }

    /// <summary>A question was asked in vain, or a consumer cannot be added.</summary>
    private void Failed(in Line line)
    {
        if (_consumers.TryGetValue(line.Number, out var consumer)) Cancel(consumer, ErrorOf(line, consumer.Queue));
        else if (_questions.Remove(line.Number, out var question)) Refusals.AsDown(question.Operation, ErrorOf(line, question.Queue));
    }

    private static BrokerError ErrorOf(in Line line, RemoteQueue queue) =>
        line.Subject is string text && Enum.IsDefined((ReplyCode)line.Value) ? new BrokerError((ReplyCode)line.Value, text) : queue.NotFound;

    private void Taken(long first, long count)
    {
        if (count <= 0 || count > _unanswered.Count) throw new InvalidDataException($"{count} publishes are answered, and {_unanswered.Count} were sent");
        for (var number = first; number < first + count; number++)
        {
            if (!_unanswered.Remove(number, out var publish)) continue;
            if (publish.Publisher != _publisher)
            {
                FlushConfirms();
                _publisher = publish.Publisher;
            }
            _confirmed.Add(publish.Number);
        }
    }

    private void FlushConfirms()
    {
        var publisher = _publisher;
        _publisher = null;
        publisher?.Taken(CollectionsMarshal.AsSpan(_confirmed));
        _confirmed.Clear();
    }

    private void GiveBack(long number, long bytes)
    {
        if (!_credits.Remove(number, out var credit)) return;
        var given = Math.Clamp(bytes, 0, credit.Bytes);
        if (given < credit.Bytes) _credits.Add(number, credit with { Bytes = credit.Bytes - given });
        credit.Credit.GiveBack(given);
    }

    private RemotePart? TakePart(long number)
    {
        if (!_partsByNumber.Remove(number, out var part)) return null;
        _parts.Remove(part.Part);
        return part;
    }

    /// <summary>Consumers that were cancelled, and whose last messages the part has now.</summary>
    private void ForgetEmpty(RemotePart part)
    {
        foreach (var held in part.Part.Settlements)
        {
            if (!_holders.TryGetValue(held.Holder, out var holder) || holder is not RemoteConsumer { IsRemoved: true, FirstSlot: HeldTable.None } consumer) continue;
            Say(consumer.Queue, new Line(LineKind.Forget, consumer.Number));
            Forget(consumer);
        }
    }
}
