using Amqp.Core.DeadLetters;
using Amqp.Core.Messages;

namespace Amqp.Core.Queues;

/// <summary>A message that left its queue, to be published to the queue's dead-letter exchange, or as what it was before it waited.</summary>
/// <param name="Position">Its name; <see cref="QueueState.DeadLettered"/> is told it when every queue that gets it has it.</param>
/// <param name="Reason">Why it left.</param>
public readonly record struct DeadLetter(long Position, Message Message, RemovalReason Reason);

/// <content>
/// Dead letters. A message that is to go to the dead-letter exchange stays in the queue, held in transit, until every queue that gets it
/// has it, on the disk if it has to be there. So none is lost in between, whatever is killed when; after that it may be in both.
/// <code>
/// ready or unacked --rejected, expired, beyond the length--> waiting --body in memory, not too many in transit--> in transit --taken--> gone
/// </code>
/// Operators see it as unacknowledged.
/// </content>
public sealed partial class QueueState
{
    /// <summary>Messages in transit at a time: a batch that keeps the store busy, as a publisher with such a confirm window would.</summary>
    private const int InTransitMax = 1_024;

    /// <summary>Bytes of messages in transit at a time, but for one.</summary>
    private const long InTransitBytesMax = 8_388_608;

    /// <summary>While so many wait, expired messages and those beyond the length stay where they are, and are not handed out if they have expired: each
    /// that waits takes 40 bytes more than one that is ready.</summary>
    private const int WaitingMax = 65_536;

    /// <summary>Room that is kept for those that wait when none does.</summary>
    private const int WaitingRoomKept = 1_024;

    /// <summary>Messages whose bodies are read from the store at a time, as far as they are not in memory.</summary>
    private const int ReadMax = 256;

    private readonly DeadLetterHolder _deadLetterHolder = new();
    private readonly Queue<(long Position, RemovalReason Reason)> _waiting = new();
    private readonly Dictionary<long, int> _inTransit = [];
    private long _inTransitBytes;
    private long _lastRefused;
    private bool _areDeadLettersRead;

    /// <summary>Some messages wait to be dead-lettered, or are in transit.</summary>
    public bool HasDeadLetters => _waiting.Count + _inTransit.Count > 0;

    private bool TooManyWait => _waiting.Count >= WaitingMax;

    private bool HasRoomInTransit => _inTransit.Count < InTransitMax && (_inTransitBytes < InTransitBytesMax || _inTransit.Count == 0);

    /// <summary>Notes the dead letters that can be in transit now, and reads what is not in memory of those that are next.</summary>
    public void SendDeadLetters(long now)
    {
        if (_follows) return;
        // Those beyond the length that had to stay because too many waited.
        if (_isLimited) DropBeyondLength();
        while (HasRoomInTransit && _waiting.TryPeek(out var next))
        {
            if (_log.Contains(next.Position)) // or it was damaged
            {
                if (!MayPass(next.Position)) return;
                if (_log.BodyOf(next.Position) is not { } message)
                {
                    ReadDeadLetters();
                    return;
                }
                if (TryPass(next.Position, message, now)) Send(next.Position, message, next.Reason);
                else ForgetHeld(next.Position);
            }
            _waiting.Dequeue();
        }
        if (_waiting.Count == 0 && _waiting.EnsureCapacity(0) > WaitingRoomKept) _waiting.TrimExcess();
    }

    /// <summary>The answer to such a read.</summary>
    /// <returns>How many messages turned out to be damaged; they are no part of the queue any more.</returns>
    public int DeadLettersRead(ReadOnlySpan<long> positions, ReadOnlySpan<Message?> messages, long now)
    {
        _areDeadLettersRead = false;
        var damaged = 0;
        for (var index = 0; index < positions.Length; index++)
        {
            var position = positions[index];
            if (!IsHeldBy(_deadLetterHolder, position) || _log.BodyOf(position) is not null) continue;
            if (messages[index] is { } message)
            {
                _log.SetBody(position, message);
                _unackedAbsent--;
            }
            else
            {
                damaged++;
                ForgetHeld(position);
            }
        }
        SendDeadLetters(now); // before memory is tended, and their bodies are evicted again
        return damaged;
    }

    /// <summary>Every queue that a dead letter goes to has it, or none gets it: it leaves this queue for good.</summary>
    public void DeadLettered(long position, long now)
    {
        if (!_inTransit.Remove(position, out var size)) return;
        _inTransitBytes -= size;
        if (RemembersKeys) RememberKey(position, now);
        if (position >= 0) ForgetHeld(position);
    }

    /// <summary>A message that leaves the queue waits to be dead-lettered, if it is to be.</summary>
    /// <returns>False: it is not.</returns>
    private bool TryDeadLetter(long position, RemovalReason reason)
    {
        if (Settings.DeadLetterExchange is null || Deaths.Text(reason) is null) return false;
        if (_log.BodyOf(position) is null) _unackedAbsent++;
        WaitInLine(position, reason);
        return true;
    }

    private void WaitInLine(long position, RemovalReason reason)
    {
        _log[position].Slot = _unacked.Add(_deadLetterHolder, position);
        _waiting.Enqueue((position, reason));
    }

    /// <summary>Whatever waits to go on from its exchange, and is not on its way, is in line in the order of positions.</summary>
    private void LineUp()
    {
        if (!RemembersKeys) return;
        _waiting.Clear();
        for (var position = 0L; (position = _log.Next(position, Looking.ForAny)) < _log.End; position++)
        {
            if (IsHeldBy(_deadLetterHolder, position) && !_inTransit.ContainsKey(position)) _waiting.Enqueue((position, RemovalReason.Due));
        }
    }

    /// <summary>A message that was refused never was in the queue, and its publisher knows: it is dead-lettered if there is room for it.</summary>
    private void DeadLetterRefused(Message message)
    {
        if (Settings.DeadLetterExchange is not null && HasRoomInTransit) Send(--_lastRefused, message, RemovalReason.BeyondLength);
    }

    private void Send(long position, Message message, RemovalReason reason)
    {
        _inTransit.Add(position, message.Size);
        _inTransitBytes += message.Size;
        _effects.DeadLetter(new DeadLetter(position, message, reason));
    }

    private void ReadDeadLetters()
    {
        if (_areDeadLettersRead) return;
        var positions = new List<long>();
        foreach (var (position, _) in _waiting.Take(ReadMax))
        {
            if (_log.Contains(position) && _log.BodyOf(position) is null) positions.Add(position);
        }
        positions.Sort();
        _areDeadLettersRead = true;
        _effects.ReadDeadLetters([.. positions]);
    }

    private void ForgetHeld(long position)
    {
        LetGo(position);
        Forget(position);
    }

    /// <summary>Its holder does not have it any more.</summary>
    private void LetGo(long position)
    {
        if (_unackedAbsent > 0 && _log.BodyOf(position) is null) _unackedAbsent--;
        _unacked.Remove(_log[position].Slot);
        _retries.Remove(position);
    }

    /// <summary>Holds what is on its way out.</summary>
    private sealed class DeadLetterHolder : MessageHolder;
}
