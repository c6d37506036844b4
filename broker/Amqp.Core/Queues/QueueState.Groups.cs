using Amqp.Core.Messages;

namespace Amqp.Core.Queues;

/// <content>
/// Messages in groups: those of one group go to one consumer at a time, in their order, and groups are spread over consumers (<see cref="MessageGroups"/>).
/// <code>
/// ready --its group's consumer has room, or the group is anyone's--> unacked
///   `---its group's consumer has none--> set aside --room again, or the consumer is gone--> ready
/// </code>
/// What is set aside counts as ready.
/// </content>
public sealed partial class QueueState
{
    /// <summary>Messages that are set aside before those behind them have to wait as well: so far is looked for what another consumer may have.</summary>
    private const int SetAsideMax = 65_536;

    // Null: the queue knows no groups, and pays one look at this.
    private readonly MessageGroups? _groups;
    private long _setAsideBytes;

    private void DeliverGroups(MessageGroups groups, long now)
    {
        while (_consumers.IsAnyWaiting && (_ready.Count > 0 || TryPutBackForAny(groups)))
        {
            DropExpiredFirst(now);
            if (_ready.Count == 0) continue;
            if (!_ready.TryPeek(out var position) || _log.BodyOf(position) is not { } message || (TooManyWait && IsExpired(_log[position], now))) return;
            var group = groups.Of(message);
            if (group?.Consumer is { } owner)
            {
                if (owner.State == ConsumerState.Waiting && groups.IsAnySetAsideBefore(position, _log[position].Priority, owner))
                {
                    SetAside(position, owner, group);
                    PutBackFirst(owner);
                }
                else if (TryDeliver(owner, position, message, group)) PutBackFirst(owner);
                else if (groups.SetAsideCount < SetAsideMax) SetAside(position, owner, group);
                else return;
                continue;
            }
            if (!_consumers.TryTakeNext(out var consumer)) return;
            _consumers.Enter(consumer);
            if (!TryDeliver(consumer, position, message, group)) continue; // it has left the rotation, and another one is next
            if (group is not null) group.Consumer = consumer;
        }
    }

    /// <summary>Gives the first ready message to a consumer of the rotation. False: it can take none, and has left the rotation.</summary>
    private bool TryDeliver(QueueConsumer consumer, long position, Message message, MessageGroups.Group? group)
    {
        if (consumer.State != ConsumerState.Waiting) return false;
        var redelivered = _log[position].Is(EntryFlags.Redelivered);
        if (redelivered && _countsDeliveries) message = WithDeliveryCount(message, _log[position]);
        if (consumer.PrefetchIsFull) _consumers.Leave(consumer, ConsumerState.PrefetchFull);
        else if (!consumer.TryEnter(message.Size)) _consumers.Leave(consumer, ConsumerState.NoRoom);
        else
        {
            Deliver(consumer, position, message, redelivered);
            if (group is not null && !consumer.AutoAck) _groups!.HandedOut(position, group);
            return true;
        }
        return false;
    }

    private void SetAside(long position, QueueConsumer owner, MessageGroups.Group group)
    {
        TakeFirst(position);
        _log[position].Slot = _unacked.Add(_groups!.Holder, position);
        _setAsideBytes += _log[position].BodySize;
        _groups.SetAside(position, _log[position].Priority, owner, group);
    }

    /// <summary>Consumers that have room get back the first of what was set aside for them: what was put back before is gone, if it expired or was got.</summary>
    private bool TryPutBackForAny(MessageGroups groups)
    {
        foreach (var consumer in groups.ConsumersAwaited()) PutBackFirst(consumer);
        return _ready.Count > 0;
    }

    /// <summary>The consumer has room: the first of what was set aside for it is ready again.</summary>
    private void PutBackFirst(QueueConsumer consumer)
    {
        if (_groups is not null && _groups.TryTake(consumer, out var position)) PutBack(position);
    }

    /// <summary>Nothing is set aside any more: what was is ready, in its place.</summary>
    private void PutBackAll()
    {
        if (_groups is not { SetAsideCount: > 0 }) return;
        foreach (var position in _groups.TakeAll()) PutBack(position);
    }

    private void PutBack(long position)
    {
        _groups!.Settled(position);
        LetGo(position);
        _setAsideBytes -= _log[position].BodySize;
        MakeReady(position);
    }
}
