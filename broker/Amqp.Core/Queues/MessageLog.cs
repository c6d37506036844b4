using Amqp.Core.Messages;

namespace Amqp.Core.Queues;

/// <summary>
/// The messages of a queue by position, in chunks of fixed size:
/// <code>
/// chunk           12          15          16          (13 and 14 are empty, and cost nothing)
/// entries     [.xx..xxx]  [xxxxxxxx]  [xxx      ]     always there: 24 bytes a message, no references
/// bodies      [.BB.....]     null     [BBB      ]     only those in memory; null when a chunk has none
/// </code>
/// A position is given once and never again, so it names a message for as long as the queue lives, and <see cref="End"/> never
/// goes back. A mirror's log gets messages at the positions that its leader gave them, in any order. A chunk whose messages are all gone is dropped; one message that stays behind keeps only its own chunk.
/// </summary>
/// <param name="first">The position that the first message gets.</param>
internal sealed class MessageLog(long first)
{
    private const int ChunkBits = 6;
    private const int ChunkSize = 1 << ChunkBits;
    private const int SmallChunkSize = 16;

    /// <summary>What a message takes besides itself, here and in the store's index (measured, see the storage README).</summary>
    private const int EntryBytes = 40;

    /// <summary>What one that came back takes besides, in the store's index.</summary>
    private const int ChangeBytes = 90;

    private readonly ChunkRing _chunks = new();

    // Messages with a delivery count.
    private int _counted;

    private long _heldBytes;

    // Where the last access was: the next one is mostly there too.
    private Chunk? _recent;

    /// <summary>The chunk that was emptied last, for the next one that is needed: consumers that hold some messages empty chunks behind
    /// those that are being filled. An empty queue keeps none.</summary>
    private Chunk? _spare;

    /// <summary>The position that the next message gets.</summary>
    public long End { get; private set; } = first;

    /// <summary>Messages in the log.</summary>
    public int Count { get; private set; }

    /// <summary>Of those, the ones whose body is in memory.</summary>
    public int BodyCount { get; private set; }

    /// <summary>Size of the bodies in memory.</summary>
    public long BodyBytes { get; private set; }

    /// <summary>The bodies in memory alone, without their properties and what is around them.</summary>
    public long BareBodyBytes { get; private set; }

    /// <summary>Size of all messages' bodies, wherever they are.</summary>
    public long TotalBytes { get; private set; }

    /// <summary>Messages that are to survive the process.</summary>
    public int PersistentCount { get; private set; }

    /// <summary>Size of their bodies.</summary>
    public long PersistentBytes { get; private set; }

    /// <summary>What the log adds to the memory in use. A body that other queues have too was added by the first that got it and
    /// is taken off by the last that drops it, so this may be negative; the sum over all queues is right.</summary>
    public long MemoryBytes => _heldBytes + ((long)EntryBytes * Count) + ((long)ChangeBytes * _counted);

    public long Append(Message message, long expiresAt, EntryFlags flags, byte priority)
    {
        var position = End;
        var entry = new Entry
        {
            Size = message.Size,
            BodySize = message.BodySize,
            ExpiresAt = expiresAt,
            Slot = MessageHolder.None,
            Flags = flags | EntryFlags.Present,
            Priority = priority,
        };
        SetBody(Append(position, entry), position, message);
        return position;
    }

    /// <summary>Puts a message at its position, which no other has; its body is elsewhere for now.</summary>
    public void Insert(long position, int size, int bodySize, long expiresAt, EntryFlags flags, byte priority, int deliveryCount)
    {
        var entry = new Entry
        {
            Size = size,
            BodySize = bodySize,
            ExpiresAt = expiresAt,
            Slot = MessageHolder.None,
            Flags = flags | EntryFlags.Present,
            Priority = priority,
            DeliveryCount = Counted(deliveryCount),
        };
        if (position >= End) Append(position, entry);
        else Put(Find(position >> ChunkBits) ?? NewChunk(position >> ChunkBits, _chunks.Last), position, entry);
    }

    /// <summary>The message came back once more; returns how often by now.</summary>
    public int CountDelivery(ref Entry entry)
    {
        if (entry.DeliveryCount == 0) _counted++;
        if (entry.DeliveryCount < ushort.MaxValue) entry.DeliveryCount++;
        return entry.DeliveryCount;
    }

    /// <summary>The message came back so often.</summary>
    public void ChangeDeliveryCount(ref Entry entry, int count)
    {
        if (entry.DeliveryCount > 0) _counted--;
        entry.DeliveryCount = Counted(count);
        if (entry.DeliveryCount > 0) _counted++;
    }

    /// <summary>No message gets a position below this one.</summary>
    public void SkipTo(long position) => End = Math.Max(End, position);

    /// <summary>True when the message at that position is still in the queue, ready or unacked.</summary>
    public bool Contains(long position) => Find(position >> ChunkBits) is { } chunk
        && (position & (ChunkSize - 1)) is var offset && offset < chunk.Entries.Length && chunk.Entries[offset].IsPresent;

    /// <summary>The entry of a message that <see cref="Contains"/> says is there.</summary>
    public ref Entry this[long position] => ref Find(position >> ChunkBits)!.Entries[position & (ChunkSize - 1)];

    /// <summary>The message, or null when it is not in memory.</summary>
    public Message? BodyOf(long position) => Find(position >> ChunkBits)!.Bodies?[position & (ChunkSize - 1)];

    public void SetBody(long position, Message message) => SetBody(Find(position >> ChunkBits)!, position, message);

    /// <summary>Drops a body; the message stays.</summary>
    public void DropBody(long position)
    {
        var chunk = Find(position >> ChunkBits)!;
        if (TakeBody(chunk, position) && chunk.BodyCount == 0) chunk.Bodies = null;
    }

    public void Remove(long position)
    {
        var chunk = Find(position >> ChunkBits)!;
        TakeBody(chunk, position);
        ref var entry = ref chunk.Entries[position & (ChunkSize - 1)];
        Tally(entry, -1);
        entry = default;
        // The last chunk stays for the messages to come.
        if (chunk.Number == End - 1 >> ChunkBits)
        {
            chunk.Live--;
            if (Count == 0) _spare = null;
            return;
        }
        if (--chunk.Live == 0) Drop(chunk);
        else if (chunk.BodyCount == 0) chunk.Bodies = null;
    }

    /// <summary>Drops all bodies, for a log that is not needed any more.</summary>
    /// <returns>What it had added of bodies that other queues still have, and will take off.</returns>
    public long ReleaseAll()
    {
        for (var position = 0L; (position = Next(position, Looking.ForBody)) < End; position++) DropBody(position);
        return _heldBytes;
    }

    /// <summary>The first position from here on that has what is looked for, or <see cref="End"/>. Gaps cost nothing.</summary>
    public long Next(long position, Looking what) => Next(position, what, priority: 0);

    /// <summary>The first message of that priority from here on that has no holder, or <see cref="End"/>.</summary>
    public long NextReady(long position, byte priority) => Next(position, Looking.ForReady, priority);

    private long Next(long position, Looking what, byte priority)
    {
        var number = position >> ChunkBits;
        if (Find(number) is { } here)
        {
            if (Scan(here, (int)(position & (ChunkSize - 1)), what, priority) is >= 0 and var offset) return (number << ChunkBits) + offset;
            number++;
        }
        for (var index = _chunks.IndexFrom(number); index < _chunks.Count; index++)
        {
            if (_chunks[index] is { } chunk && Scan(chunk, 0, what, priority) is >= 0 and var offset) return (chunk.Number << ChunkBits) + offset;
        }
        return End;
    }

    private static int Scan(Chunk chunk, int from, Looking what, byte priority)
    {
        if (what == Looking.ForBody && chunk.Bodies is null) return -1;
        for (var offset = from; offset < chunk.Entries.Length; offset++)
        {
            ref var entry = ref chunk.Entries[offset];
            if (!entry.IsPresent) continue;
            if (what switch
            {
                Looking.ForReady => entry.Slot == MessageHolder.None && entry.Priority == priority,
                Looking.ForBody => chunk.Bodies![offset] is not null,
                _ => true,
            })
            {
                return offset;
            }
        }
        return -1;
    }

    private Chunk Append(long position, in Entry entry)
    {
        var number = position >> ChunkBits;
        var last = _chunks.Last;
        if (last?.Number != number) last = NewChunk(number, last);
        End = position + 1;
        Put(last, position, entry);
        return last;
    }

    private void Put(Chunk chunk, long position, in Entry entry)
    {
        var offset = (int)(position & (ChunkSize - 1));
        if (offset >= chunk.Entries.Length) Grow(chunk, offset);
        chunk.Live++;
        chunk.Entries[offset] = entry;
        Tally(entry, 1);
    }

    private static ushort Counted(int deliveries) => (ushort)Math.Min(deliveries, ushort.MaxValue);

    private void Tally(in Entry entry, int sign)
    {
        Count += sign;
        TotalBytes += sign * entry.BodySize;
        if (entry.DeliveryCount > 0) _counted += sign;
        if (!entry.Is(EntryFlags.Persistent)) return;
        PersistentCount += sign;
        PersistentBytes += sign * entry.BodySize;
    }

    /// <summary>
    /// A chunk that was emptied while it was being filled serves again: a queue that is drained as fast as it is filled
    /// allocates nothing here, and an old message that stays behind does not keep such chunks.
    /// </summary>
    private Chunk NewChunk(long number, Chunk? last)
    {
        Chunk chunk;
        if (last is { Live: 0 })
        {
            chunk = last;
            _chunks.Remove(last.Number);
        }
        else if (_spare is not null)
        {
            (chunk, _spare) = (_spare, null);
        }
        else
        {
            // The first chunk of a queue starts small: most of a broker's queues are nearly empty.
            chunk = new Chunk { Entries = new Entry[_chunks.Count == 0 ? SmallChunkSize : ChunkSize] };
        }
        chunk.Number = number;
        _chunks.Insert(chunk);
        return chunk;
    }

    private static void Grow(Chunk chunk, int offset)
    {
        var size = Math.Min(ChunkSize, Math.Max(SmallChunkSize, offset * 4));
        Array.Resize(ref chunk.Entries, size);
        if (chunk.Bodies is not null) Array.Resize(ref chunk.Bodies, size);
    }

    private void SetBody(Chunk chunk, long position, Message message)
    {
        chunk.Bodies ??= new Message?[chunk.Entries.Length];
        ref var body = ref chunk.Bodies[position & (ChunkSize - 1)];
        if (body is not null) return;
        body = message;
        _heldBytes += message.Hold();
        chunk.BodyCount++;
        BodyCount++;
        // By the entry's sizes, which are what will be taken off again.
        ref var entry = ref chunk.Entries[position & (ChunkSize - 1)];
        BodyBytes += entry.Size;
        BareBodyBytes += entry.BodySize;
    }

    private bool TakeBody(Chunk chunk, long position)
    {
        if (chunk.Bodies is null) return false;
        ref var body = ref chunk.Bodies[position & (ChunkSize - 1)];
        if (body is null) return false;
        _heldBytes -= body.Release();
        body = null;
        chunk.BodyCount--;
        BodyCount--;
        ref var entry = ref chunk.Entries[position & (ChunkSize - 1)];
        BodyBytes -= entry.Size;
        BareBodyBytes -= entry.BodySize;
        return true;
    }

    private void Drop(Chunk chunk)
    {
        _chunks.Remove(chunk.Number);
        chunk.Number = Chunk.NoNumber;
        if (_recent == chunk) _recent = null;
        _spare = Count > 0 && chunk.Entries.Length == ChunkSize ? chunk : null;
    }

    private Chunk? Find(long number)
    {
        if (_recent is { } recent && recent.Number == number) return recent;
        var found = _chunks.Find(number);
        if (found is not null) _recent = found;
        return found;
    }

    internal struct Entry
    {
        /// <summary>Last millisecond of its life on the queue's clock, or 0 when it has no end.</summary>
        public long ExpiresAt;

        /// <summary>Slot in the unacked table, or none while the message is ready.</summary>
        public int Slot;

        /// <summary>As <see cref="Message.Size"/>.</summary>
        public int Size;

        /// <summary>As <see cref="Message.BodySize"/>.</summary>
        public int BodySize;

        public EntryFlags Flags;

        /// <summary>Higher ones leave first; 0 in a queue without priorities.</summary>
        public byte Priority;

        /// <summary>How often it came back, where that is counted.</summary>
        public ushort DeliveryCount;

        public readonly bool IsPresent => (Flags & EntryFlags.Present) != EntryFlags.None;

        public readonly bool Is(EntryFlags flag) => (Flags & flag) != EntryFlags.None;

        public void Set(EntryFlags flag) => Flags |= flag;

        public void Unset(EntryFlags flag) => Flags &= ~flag;
    }

    internal sealed class Chunk
    {
        /// <summary>Of a chunk that is no part of the log any more.</summary>
        public const long NoNumber = -1;

        /// <summary>Its positions without their last bits.</summary>
        public long Number;

        /// <summary>Messages in it.</summary>
        public int Live;

        public int BodyCount;

        public Entry[] Entries = [];

        public Message?[]? Bodies;
    }
}

/// <summary>What <see cref="MessageLog.Next(long, Looking)"/> looks for.</summary>
internal enum Looking
{
    /// <summary>A message.</summary>
    ForAny,

    /// <summary>A message without a holder, of a priority.</summary>
    ForReady,

    /// <summary>A message whose body is in memory.</summary>
    ForBody,
}
