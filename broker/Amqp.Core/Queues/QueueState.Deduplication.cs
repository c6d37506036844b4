using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using AMQP.Net;
using Amqp.Core.Messages;
using Amqp.Core.Routing;

namespace Amqp.Core.Queues;

/// <content>
/// Messages that are known again by their key (<see cref="HeaderKey"/>). A queue with <c>x-message-deduplication</c> takes no message whose key one
/// has that is in it. The queue of an exchange of that type lets each key pass once for as long as it remembers it:
/// <code>
/// published --> waits until it is durable --key not known--> in transit to the queues that the exchange leads to --> gone, its key stays
///                        `--key known, or on its way--> gone
/// </code>
/// Keys that are remembered are messages of this queue that no consumer gets: they are stored, expire and are dropped when there are too many as others do.
/// After a restart keys are read from the store before anything is compared with them.
/// </content>
public sealed partial class QueueState
{
    /// <summary>Marks keys among the messages of an exchange's queue, in their records too.</summary>
    private const byte KeyPriority = 1;

    private readonly DeduplicationIndex? _seen;

    // Null: this is not the queue of such an exchange.
    private readonly PassingKeys? _passing;

    /// <summary>Messages are compared by their keys here.</summary>
    public bool Deduplicates => _seen is not null;

    /// <summary>The keys of messages are not known yet, as after they were restored: nothing may be published here. See <see cref="Index"/>.</summary>
    public bool LacksKeys { get; private set; }

    /// <summary>
    /// Keys have to be learned before the queue takes anything: after messages were restored, and when a mirror has dropped one that it should never have had. Of two with the
    /// same key only the later one is known by it, and with that one the key of the other was forgotten.
    /// </summary>
    public void LoseKeys() => LacksKeys = Deduplicates && _log.Count > 0;

    private bool RemembersKeys => _role == QueueRole.Deduplication;

    /// <summary>Learns the keys of a part of the queue.</summary>
    /// <param name="isLast">All are known by that.</param>
    public void Index(BrowsedPart part, bool isLast)
    {
        foreach (var (position, message, _, _, _, _) in part.Messages)
        {
            if (_log.Contains(position)) LearnKey(position, message!);
        }
        if (isLast) LacksKeys = false;
    }

    private void LearnKey(long position, Message message)
    {
        var learned = RemembersKeys
            ? IsKey(_log[position].Priority) ? HeaderKey.FromBody(message.Content.Body.ToArray()) : default(UInt128?)
            : HeaderKey.Of(message.Properties.Headers, HeaderKey.Deduplication);
        // The last one counts, in whatever order they come.
        if (learned is { } key && !(_seen!.TryFind(key, out var known) && known > position)) _seen.Add(key, position);
    }

    private bool IsKey(byte priority) => RemembersKeys && priority == KeyPriority;

    /// <summary>The queue has a message with the key of this one.</summary>
    /// <param name="original">Where; what becomes of the one holds for the other.</param>
    private bool IsDuplicate(Message message, [NotNullWhen(true)] out long? original, out UInt128? key)
    {
        (original, key) = (null, null);
        if (RemembersKeys || (key = HeaderKey.Of(message.Properties.Headers, HeaderKey.Deduplication)) is not { } own || !_seen!.TryFind(own, out var position)) return false;
        // One of a transaction that is not committed may never be here.
        if (_log[position].Slot is not MessageHolder.None and var slot && _unacked.HolderOf(slot) is TransactionPart) return false;
        original = position;
        return true;
    }

    /// <summary>The answer to the publisher of a duplicate: it waits for the record of the original, if that is not durable yet, or not with all mirrors for all
    /// that is known here.</summary>
    private long AnswerOf(long original) => IsMirrored || IsOnItsWay(original) ? original : NotStored;

    /// <summary>Its record is not durable yet.</summary>
    private bool IsOnItsWay(long position)
    {
        ref var entry = ref _log[position];
        return entry.Is(EntryFlags.Stored) && entry.Is(EntryFlags.Persistent) && !IsWritten(position, entry);
    }

    /// <summary>A transaction goes on without its duplicates: of what the queue has, and of each other.</summary>
    private void LeaveOutDuplicates(TransactionPart part)
    {
        var keys = new HashSet<UInt128>();
        part.Publishes.RemoveAll(message =>
        {
            if (!IsDuplicate(message, out var original, out var key)) return key is { } own && !keys.Add(own);
            part.AwaitedPosition = Math.Max(part.AwaitedPosition, AnswerOf(original.Value));
            return true;
        });
    }

    /// <summary>Whether a message that waits may go on now: until it is durable its publisher may send it again, and either may be the one that is left.</summary>
    private bool MayPass(long position) => !RemembersKeys || !(LacksKeys || IsOnItsWay(position));

    /// <summary>A message is about to go on. False: one with its key has.</summary>
    private bool TryPass(long position, Message message, long now)
    {
        if (!RemembersKeys || HeaderKey.Of(message.Properties.Headers, HeaderKey.Deduplication) is not { } key) return true;
        if (_seen!.TryFind(key, out var known) && !IsExpired(_log[known], now)) return false;
        return _passing!.TryAdd(position, key, Deduplication.LifeMs(message.Properties.Headers) ?? Settings.MessageTtlMs ?? -1);
    }

    /// <summary>A message has arrived where it goes: its key is remembered, before it is gone.</summary>
    private void RememberKey(long position, long now)
    {
        if (!_passing!.TryTake(position, out var passed)) return;
        DropExpired(now);
        var properties = new MutableProperties { DeliveryMode = 2 }.Encode();
        var key = new Message("", "", new Content([.. properties, .. HeaderKey.ToBody(passed.Key)], properties.Length));
        var isStored = IsStored(key, KeyPriority);
        var expiresAt = passed.LifeMs < 0 ? 0 : now + passed.LifeMs;
        var place = _log.Append(key, expiresAt, isStored ? EntryFlags.Persistent : EntryFlags.None, KeyPriority);
        _ready.Append(place, KeyPriority, key.BodySize);
        TellEnqueue(place, key, isStored);
        _seen!.Add(passed.Key, place);
        DropBeyondLength();
    }

    /// <summary>The keys of messages in transit: at most as many as may be.</summary>
    private sealed class PassingKeys
    {
        private readonly Dictionary<long, (UInt128 Key, long LifeMs)> _messages = [];
        private readonly HashSet<UInt128> _keys = [];

        /// <summary>False: a message with that key is in transit.</summary>
        public bool TryAdd(long position, UInt128 key, long lifeMs)
        {
            if (!_keys.Add(key)) return false;
            _messages.Add(position, (key, lifeMs));
            return true;
        }

        public void Clear()
        {
            _messages.Clear();
            _keys.Clear();
        }

        /// <summary>The message has arrived. False: none of this position was in transit with a key.</summary>
        public bool TryTake(long position, out (UInt128 Key, long LifeMs) passed) => _messages.Remove(position, out passed) && _keys.Remove(passed.Key);
    }
}
