using Amqp.Core.Messages;

namespace Amqp.Core.Queues;

/// <content>
/// Messages that wait until they are due. In the queue of an exchange of type <c>x-delayed-message</c> all do, and leave it then, on the way that dead
/// letters take; in any other queue those that came back do where there are retry delays, and are ready then.
/// <code>
/// published --> waits until it is due --> in transit to the queues that the exchange leads to --> gone
/// came back --> waits until it is due --> ready
/// </code>
/// When a delayed message is due stands in its record where other queues have the end of its life. A queue of an exchange that outlives the process stores
/// all messages, transient ones too: they may wait for days. Operators see what waits as unacknowledged.
/// </content>
public sealed partial class QueueState
{
    /// <summary>So many messages that were taken out may be known to the order of those that wait, besides as many as wait.</summary>
    private const int TakenOutKept = 1_024;

    private readonly PriorityQueue<long, (long Due, long Position)> _delayed = new();
    private readonly DelayHolder _delayHolder = new();

    // When messages that came back are due. Those of an exchange have that where others have the end of their lives.
    private readonly Dictionary<long, long> _retries = [];

    /// <summary>What levels mean that delayed messages ask for.</summary>
    public DelayLevels DelayLevels { get; init; } = DelayLevels.Default;

    /// <summary>Messages that wait until they are due.</summary>
    public int DelayedCount => _delayHolder.UnackedCount;

    /// <summary>When the next of them is, on the queue's clock, or null.</summary>
    public long? NextDue => (!TooManyWait || !HoldsDelays) && _delayed.TryPeek(out _, out var next) ? next.Due : null;

    /// <summary>Messages that are due are ready, and handed out; or they leave.</summary>
    public void ReleaseDue(long now)
    {
        if (!(NextDue <= now)) return;
        for (; NextDue <= now; _delayed.Dequeue())
        {
            _delayed.TryPeek(out var position, out var next);
            if (!IsDueAt(position, next.Due)) continue;
            if (HoldsDelays)
            {
                _unacked.Remove(_log[position].Slot);
                WaitInLine(position, RemovalReason.Due);
                continue;
            }
            LetGo(position);
            MakeReady(position);
        }
        if (_delayed.Count == 0) _delayed.TrimExcess();
        DeliverReturned(now);
    }

    /// <summary>Takes a delayed message out before it is due.</summary>
    /// <returns>False: it is not here, or not any more.</returns>
    public bool Cancel(long position)
    {
        if (!IsDelayed(position)) return false;
        ForgetHeld(position);
        SweepDelayed();
        return true;
    }

    private void SweepDelayed()
    {
        if (_delayed.Count <= (2 * DelayedCount) + TakenOutKept) return;
        var left = _delayed.UnorderedItems.Where(item => IsDueAt(item.Element, item.Priority.Due)).Distinct().ToArray();
        _delayed.Clear();
        _delayed.EnqueueRange(left);
    }

    private bool HoldsDelays => _role == QueueRole.Delays;

    /// <summary>A message that entered is not ready, but waits.</summary>
    private bool TryHoldBack(long position, long due)
    {
        if (HoldsDelays) Delay(position, due);
        else if (RemembersKeys) WaitInLine(position, RemovalReason.Due);
        else return false;
        return true;
    }

    private long DueOf(Message message, long now) => now + Messages.Delay.Ms(message.Properties.Headers, DelayLevels);

    private void Delay(long position, long due)
    {
        _log[position].Slot = _unacked.Add(_delayHolder, position);
        _delayed.Enqueue(position, (due, position));
        if (!HoldsDelays) _retries[position] = due;
    }

    /// <summary>It waits until then: on a mirror it may have waited for another time before.</summary>
    private bool IsDueAt(long position, long due) => IsDelayed(position) && due == (HoldsDelays ? _log[position].ExpiresAt : _retries[position]);

    private bool IsDelayed(long position) => IsHeldBy(_delayHolder, position);

    /// <summary>Holds what is not due.</summary>
    private sealed class DelayHolder : MessageHolder;
}
