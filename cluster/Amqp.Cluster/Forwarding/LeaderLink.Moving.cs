using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <content>
/// Mirrored queues, whose leader may be another one by now. What they publish has their own numbers, and is kept by them; whatever has no answer goes back to them.
/// </content>
internal sealed partial class LeaderLink
{
    // Those that have published in this session, by their number.
    private readonly Dictionary<long, RemoteQueue> _moving = [];

    private void HearOfMoving(in Line line)
    {
        switch (line.Kind)
        {
            case LineKind.TakenIn:
                if (line.Value <= 0) throw new InvalidDataException($"{line.Value} publishes are answered");
                if (_moving.TryGetValue(line.Extra, out var taking)) taking.Reach!.Taken(line.Number, line.Value);
                break;
            case LineKind.RefusedIn:
                if (_moving.TryGetValue(line.Extra, out var refusing)) refusing.Reach!.Refused(line.Number);
                break;
            case LineKind.LostIn:
                if (_moving.Remove(line.Number, out var lost)) lost.Reach!.Lose();
                break;
            default:
                NotLeading(line.Number);
                break;
        }
    }

    private void NotLeading(long number)
    {
        if (_consumers.TryGetValue(number, out var consumer))
        {
            EndSubscription(consumer);
            if (!consumer.IsOver) Return(consumer);
        }
        else if (_questions.Remove(number, out var question)) Return(question);
    }

    private void Return(in Question question)
    {
        var (queue, operation, holder) = question;
        if (operation.Kind == QueueOperationKind.RemoveConsumer) Removed((RemoteConsumer)holder!, (IReply<int>)operation.ReplyTo!);
        else queue.Lose(operation);
    }

    /// <summary>The session is over.</summary>
    private void LoseMoving()
    {
        foreach (var queue in _moving.Values) queue.Reach!.Lose();
        _moving.Clear();
        foreach (var consumer in _consumers.Values.Where(consumer => consumer.Queue is { Reach: not null } or { Moving: not null }).ToArray()) Return(consumer);
    }

    /// <summary>A consumer goes back to its queue, which finds another leader for it.</summary>
    private void Return(RemoteConsumer remote)
    {
        HandOutOrReturnParked(remote, returns: false);
        FlushDeliveries();
        Forget(remote);
        if (remote.IsRemoved) return;
        if (remote.Queue.Reach is { } reach)
        {
            reach.Lose();
            if (remote.Reply is { } reply) reach.Return(QueueOperation.AddConsumer(remote.Consumer, reply));
            else reach.Return(remote.Consumer);
        }
        // It came when the queue had no mirrors.
        else if (remote.Queue.Moving is not { } moving) Cancel(remote, remote.Queue.Down);
        else if (remote.Reply is { } reply) moving.Post(QueueOperation.AddConsumer(remote.Consumer, reply));
        else remote.Consumer.TurnTo(moving);
    }

    /// <summary>The queue is used on another way: all that is under way on this one goes back, and the leader that was hears that it is over.</summary>
    private void Leave(RemoteQueue queue)
    {
        if (_moving.TryGetValue(queue.Definition.Id.Value, out var known) && known == queue) _moving.Remove(queue.Definition.Id.Value);
        var waiting = _waiting.Where(each => each.Queue == queue).ToArray();
        _waiting.RemoveAll(each => each.Queue == queue);
        foreach (var (_, operation) in waiting) queue.Lose(operation);
        foreach (var (number, question) in _questions.Where(each => each.Value.Queue == queue).ToArray())
        {
            // That the queue is deleted may be heard before the answer to what has deleted it, which still comes.
            if (question.Operation.Kind == QueueOperationKind.Delete && queue.Reach is { IsOver: true }) continue;
            _questions.Remove(number);
            Return(question);
        }
        foreach (var part in _parts.Values.Where(part => part.Queue == queue).ToArray())
        {
            AbortPart(part.Part);
            part.Transaction?.Refused();
            part.Reply?.Fail(Core.Errors.BrokerError.PartialTxCompletion);
        }
        foreach (var holder in queue.Holders?.ToArray() ?? [])
        {
            Say(queue, new Line(LineKind.Release, holder.Number));
            EndSubscription(holder);
            if (holder.IsOver) continue;
            if (holder is RemoteConsumer consumer) Return(consumer);
            else Forget(holder);
        }
    }
}
