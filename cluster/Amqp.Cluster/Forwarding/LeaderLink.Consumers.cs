using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <content>
/// What has messages of the queues on this node. Deliveries go to a consumer as far as it has room; the others wait here, no more than its window at the leader lets through. While a
/// consumer shares a limit with others, the leader asks for a place first, so that nothing waits here for a channel that has none.
/// </content>
internal sealed partial class LeaderLink
{
    private readonly Dictionary<MessageHolder, RemoteHolder> _holders = [];
    private readonly Dictionary<long, RemoteConsumer> _consumers = [];
    private readonly BatchList<Delivery> _deliveries = new();

    private void AddConsumer(RemoteQueue queue, in QueueOperation operation)
    {
        var (consumer, reply) = ((QueueConsumer)operation.Subject!, (IReply<ConsumeResult>)operation.ReplyTo!);
        if (queue.IsDeleted || (_state != SessionState.Running && !MayWait()))
        {
            if (queue.IsDeleted) reply.Fail(queue.NotFound);
            else queue.Lose(operation);
            return;
        }
        var remote = new RemoteConsumer(consumer, queue, ++_lastNumber, reply);
        Know(remote);
        _consumers.Add(remote.Number, remote);
        if (_state == SessionState.Running) Subscribe(remote);
    }

    /// <summary>The leader gets to know a consumer, in each session anew.</summary>
    private void Subscribe(RemoteConsumer remote)
    {
        var consumer = remote.Consumer;
        (remote.IsSubscribed, remote.Asks) = (true, StandIn.SharesRoom(consumer));
        var terms = new ConsumerTerms(consumer.Tag, consumer.AutoAck, consumer.Exclusive, remote.Asks, consumer.Priority, consumer.Prefetch, remote.BrowsesFrom);
        Say(remote.Queue, new Line(LineKind.AddConsumer, remote.Number, Subject: terms));
    }

    private void RemoveConsumer(RemoteQueue queue, in QueueOperation operation)
    {
        var reply = (IReply<int>)operation.ReplyTo!;
        if (!_holders.TryGetValue((MessageHolder)operation.Subject!, out var holder) || holder is not RemoteConsumer remote) reply.Complete(0);
        else if (remote.IsSubscribed) Ask(queue, operation, LineKind.RemoveConsumer, remote.Number, holder: remote);
        else Removed(remote, reply);
    }

    /// <summary>The consumer gets nothing more: all that was on its way is here.</summary>
    private void Removed(RemoteConsumer remote, IReply<int> reply)
    {
        if (remote.IsOver || remote.IsRemoved)
        {
            reply.Complete(remote.Holder.UnackedCount);
            return;
        }
        var subscribed = remote.IsSubscribed;
        HandOutOrReturnParked(remote, returns: subscribed);
        FlushDeliveries();
        remote.IsRemoved = true;
        remote.EndSubscription();
        CompleteAdding(remote);
        remote.Consumer.Removed();
        if (remote.FirstSlot == HeldTable.None)
        {
            if (subscribed) Say(remote.Queue, new Line(LineKind.Forget, remote.Number));
            Forget(remote);
        }
        reply.Complete(remote.Holder.UnackedCount);
    }

    /// <summary>What was delivered without acknowledgement is settled for the queue, and is given out whatever room there is; the rest returns.</summary>
    private void HandOutOrReturnParked(RemoteConsumer remote, bool returns)
    {
        while (remote.HasParked)
        {
            var parked = remote.Parked!.Dequeue();
            if (remote.Consumer.AutoAck)
            {
                StandIn.Fill(remote.Consumer, parked.Message.Size);
                HandOut(remote, parked);
            }
            else if (returns) Say(remote.Queue, new Line(LineKind.Settle, remote.Number, parked.Position, Flags: (byte)Settlement.Abandon));
        }
    }

    /// <summary>All that the holder has returns to the queue, and it is gone.</summary>
    private void Release(MessageHolder released)
    {
        // A message that is got for it later would never come back.
        _waiting.RemoveAll(each => each.Operation.Kind == QueueOperationKind.Get && each.Operation.Subject == released);
        if (!_holders.TryGetValue(released, out var holder)) return;
        if (_state == SessionState.Running) Say(holder.Queue, new Line(LineKind.Release, holder.Number));
        EndSubscription(holder);
        if (holder.IsOver) return;
        Forget(holder);
        if (holder is not RemoteConsumer { IsRemoved: false } consumer) return;
        CompleteAdding(consumer);
        consumer.Consumer.Removed();
    }

    /// <summary>A consumer loses its queue.</summary>
    private void Cancel(RemoteConsumer remote, BrokerError reason)
    {
        HandOutOrReturnParked(remote, returns: false);
        FlushDeliveries();
        EndSubscription(remote);
        if (remote.IsOver) return;
        Forget(remote);
        if (remote.Reply is { } reply)
        {
            remote.Reply = null;
            reply.Fail(reason);
            return;
        }
        if (remote.IsRemoved) return;
        remote.Consumer.Cancelled();
        remote.Consumer.Removed();
    }

    /// <summary>What the holder has means nothing any more: at the leader it has returned to its queue, or is gone with it.</summary>
    private void EndSubscription(RemoteHolder holder)
    {
        var count = _held.TakeAll(holder);
        if (holder is not RemoteConsumer consumer) return;
        if (count > 0) StandIn.Leave(consumer.Consumer, count);
        consumer.EndSubscription();
        if (consumer.IsRemoved) Forget(consumer);
    }

    private static void CompleteAdding(RemoteConsumer remote)
    {
        var reply = remote.Reply;
        remote.Reply = null;
        reply?.Complete(ConsumeResult.Added);
    }

    /// <summary>The queue was deleted. If the leader can be heard, it says itself what becomes of its consumers.</summary>
    private void Close(RemoteQueue queue)
    {
        foreach (var holder in queue.Holders?.ToArray() ?? [])
        {
            if (holder is RemoteConsumer consumer)
            {
                if (_state != SessionState.Running) Cancel(consumer, queue.NotFound);
                continue;
            }
            if (_state == SessionState.Running) Say(queue, new Line(LineKind.Forget, holder.Number));
            EndSubscription(holder);
            Forget(holder);
        }
    }

    private RemoteHolder HolderOf(MessageHolder holder, RemoteQueue queue)
    {
        if (_holders.TryGetValue(holder, out var known)) return known;
        var remote = new RemoteHolder(holder, queue, ++_lastNumber);
        Know(remote);
        return remote;
    }

    private void Know(RemoteHolder holder)
    {
        _holders.Add(holder.Holder, holder);
        (holder.Queue.Holders ??= []).Add(holder);
    }

    private void Forget(RemoteHolder holder)
    {
        holder.IsOver = true;
        _holders.Remove(holder.Holder);
        _consumers.Remove(holder.Number);
        if (holder.Queue.Holders is not { } holders) return;
        holders.Remove(holder);
        if (holders.Count == 0) holder.Queue.Holders = null;
    }

    private void Deliver(RemoteConsumer remote, in Parked delivery)
    {
        FollowLimit(remote);
        // Where it goes on in another session.
        if (remote.BrowsesFrom >= 0) remote.BrowsesFrom = delivery.Position + 1;
        if (!remote.HasParked && TryEnter(remote, delivery.Message.Size)) HandOut(remote, delivery);
        else (remote.Parked ??= []).Enqueue(delivery);
    }

    private static bool TryEnter(RemoteConsumer remote, int bytes)
    {
        if (remote.Granted > 0)
        {
            remote.Granted--;
            StandIn.Fill(remote.Consumer, bytes);
            return true;
        }
        if (remote.AwaitsRoom) return false;
        remote.AwaitsRoom = !StandIn.TryEnter(remote.Consumer, bytes);
        return !remote.AwaitsRoom;
    }

    private void HandOut(RemoteConsumer remote, in Parked delivery)
    {
        var name = remote.Consumer.AutoAck ? 0 : _held.Add(remote, delivery.Position);
        _deliveries.Add(new Delivery(remote.Consumer, name, delivery.Message, delivery.Redelivered));
        remote.Entered += delivery.Message.Size;
        if (remote.Entered < _forwarder.Options.ConsumerWindowBytes / 8) return;
        Say(remote.Queue, new Line(LineKind.Room, remote.Number, remote.Entered));
        remote.Entered = 0;
    }

    /// <summary>The room that a consumer waited for is there.</summary>
    private void Resume(QueueConsumer consumer)
    {
        if (!_holders.TryGetValue(consumer, out var holder) || holder is not RemoteConsumer remote)
        {
            StandIn.Decline(consumer);
            return;
        }
        remote.AwaitsRoom = false;
        FollowLimit(remote);
        while (remote.HasParked && TryEnter(remote, remote.Parked!.Peek().Message.Size)) HandOut(remote, remote.Parked.Dequeue());
        if (remote is { HasParked: false, IsAsked: true }) TryGrant(remote);
        if (!remote.AwaitsRoom) StandIn.Decline(consumer);
    }

    /// <summary>The leader wants a place for a message.</summary>
    private void TryGrant(RemoteConsumer remote)
    {
        if (remote.AwaitsRoom || remote.HasParked) return;
        remote.AwaitsRoom = !StandIn.TryEnter(remote.Consumer, 0);
        if (remote.AwaitsRoom) return;
        remote.IsAsked = false;
        remote.Granted++;
        Say(remote.Queue, new Line(LineKind.Grant, remote.Number));
    }

    /// <summary>The client may have given its channel a limit, or lifted it.</summary>
    private void FollowLimit(RemoteConsumer remote)
    {
        if (!remote.IsSubscribed || remote.Asks == StandIn.SharesRoom(remote.Consumer)) return;
        remote.Asks = !remote.Asks;
        Say(remote.Queue, new Line(LineKind.Asks, remote.Number, Flags: remote.Asks ? (byte)1 : (byte)0));
    }

    /// <summary>Consecutive deliveries to one connection leave in one post.</summary>
    private void FlushDeliveries()
    {
        var deliveries = _deliveries.Items;
        while (deliveries.Length > 0)
        {
            var outlet = deliveries[0].Consumer.Outlet;
            var (count, bytes) = (0, 0L);
            for (; count < deliveries.Length && deliveries[count].Consumer.Outlet == outlet; count++) bytes += deliveries[count].Message.Size;
            outlet.Post(deliveries[..count], bytes);
            deliveries = deliveries[count..];
        }
        _deliveries.Clear();
    }
}
