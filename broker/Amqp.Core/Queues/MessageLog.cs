using Amqp.Core.Messages;

namespace Amqp.Core.Queues;

/// <summary>
/// The messages of a queue by position, in chunks of fixed size:
/// <code>
/// positions   768 .. 1023    1024 .. 1279   1280 ..
/// chunks      [ 12 live  ]      null        [ filling ]
/// </code>
/// A position is given once and never again, so it names a message for as long as the queue lives, and finding one is two
/// array accesses. A chunk whose messages are all gone is dropped; one message that stays behind keeps only its own chunk.
/// </summary>
internal sealed class MessageLog
{
    private const int ChunkBits = 8;
    private const int ChunkSize = 1 << ChunkBits;
    private const int SmallChunkSize = 16;

    // A ring of chunks: index 0 of the logical order stands at _head.
    private Chunk?[] _ring = new Chunk?[4];
    private int _head;
    private int _count;
    private long _firstChunk;

    /// <summary>The position that the next message gets.</summary>
    public long End { get; private set; }

    public long Append(Message message, long expiresAt, bool isStored)
    {
        var position = End++;
        var chunk = position >> ChunkBits;
        if (_count == 0) _firstChunk = chunk;
        if (chunk == _firstChunk + _count) AddChunk();
        var last = At(chunk)!;
        var offset = (int)(position & (ChunkSize - 1));
        // The first chunk of a queue starts small: most of a broker's queues are nearly empty.
        if (offset >= last.Entries.Length) Array.Resize(ref last.Entries, Math.Min(ChunkSize, Math.Max(SmallChunkSize, offset * 4)));
        last.Entries[offset] = new Entry { Message = message, ExpiresAt = expiresAt, Slot = MessageHolder.None, IsStored = isStored };
        last.Live++;
        return position;
    }

    /// <summary>True when the message at that position is still in the queue, ready or unacked.</summary>
    public bool Contains(long position)
    {
        if (position < 0 || position >= End) return false;
        var chunk = position >> ChunkBits;
        if (chunk < _firstChunk || chunk >= _firstChunk + _count) return false;
        return At(chunk) is { } found && found.Entries[position & (ChunkSize - 1)].Message is not null;
    }

    /// <summary>The first position from here on whose message nobody holds, or <see cref="End"/>.</summary>
    public long NextReady(long position)
    {
        position = Math.Max(position, _firstChunk << ChunkBits);
        while (position < End)
        {
            if (At(position >> ChunkBits) is not { } chunk)
            {
                position = ((position >> ChunkBits) + 1) << ChunkBits;
                continue;
            }
            ref var entry = ref chunk.Entries[position & (ChunkSize - 1)];
            if (entry.Message is not null && entry.Slot == MessageHolder.None) break;
            position++;
        }
        return position;
    }

    /// <summary>The entry of a message that <see cref="Contains"/> says is there.</summary>
    public ref Entry this[long position] => ref At(position >> ChunkBits)!.Entries[position & (ChunkSize - 1)];

    public void Remove(long position)
    {
        var number = position >> ChunkBits;
        ref var chunk = ref _ring[RingIndex(number)];
        chunk!.Entries[position & (ChunkSize - 1)] = default;
        chunk.Live--;
        // The last chunk stays for the messages to come.
        if (chunk.Live > 0 || number == _firstChunk + _count - 1) return;
        chunk = null;
        DropEmptyHead();
    }

    private Chunk? At(long chunk) => _ring[RingIndex(chunk)];

    private int RingIndex(long chunk) => (int)(_head + (chunk - _firstChunk)) & (_ring.Length - 1);

    private void AddChunk()
    {
        var chunk = TakeEmptyLast() ?? new Chunk { Entries = new Entry[End <= ChunkSize ? SmallChunkSize : ChunkSize] };
        if (_count == _ring.Length)
        {
            var larger = new Chunk?[_ring.Length * 2];
            for (var index = 0; index < _count; index++) larger[index] = _ring[(_head + index) & (_ring.Length - 1)];
            _ring = larger;
            _head = 0;
        }
        _ring[(_head + _count) & (_ring.Length - 1)] = chunk;
        _count++;
    }

    /// <summary>
    /// A chunk that was emptied while it was being filled serves again: a queue that is drained as fast as it is filled
    /// allocates nothing here, and an old message that stays behind does not keep such chunks.
    /// </summary>
    private Chunk? TakeEmptyLast()
    {
        if (_count == 0) return null;
        ref var last = ref _ring[(_head + _count - 1) & (_ring.Length - 1)];
        if (last is not { Live: 0 } empty) return null;
        last = null;
        DropEmptyHead();
        return empty;
    }

    private void DropEmptyHead()
    {
        while (_count > 0 && _ring[_head] is null)
        {
            _head = (_head + 1) & (_ring.Length - 1);
            _count--;
            _firstChunk++;
        }
    }

    internal struct Entry
    {
        public Message? Message;

        /// <summary>Last millisecond of its life on the queue's clock, or 0 when it has no end.</summary>
        public long ExpiresAt;

        /// <summary>Slot in the unacked table, or none while the message is ready.</summary>
        public int Slot;

        /// <summary>It was handed out before.</summary>
        public bool Redelivered;

        /// <summary>The store has it, or gets it.</summary>
        public bool IsStored;
    }

    private sealed class Chunk
    {
        public Entry[] Entries = [];
        public int Live;
    }
}
