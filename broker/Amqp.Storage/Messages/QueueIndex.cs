using Amqp.Core.Ports;
using Amqp.Core.Topology;

namespace Amqp.Storage.Messages;

/// <summary>
/// Where the messages of one queue are, by position; a part of <see cref="StoreState"/>, and owned like it.
/// </summary>
internal sealed class QueueIndex(QueueId id)
{
    private const int ChunkBits = 8;
    private const int ChunkSize = 1 << ChunkBits;
    private const int SmallChunkSize = 8;

    private readonly Dictionary<long, Chunk> _chunks = [];

    // The chunk that was changed last.
    private Chunk? _last;
    private long _lastNumber = -1;

    public QueueId Id { get; } = id;

    /// <summary>Whom to tell; null as long as nobody has opened the queue.</summary>
    public IStoreListener? Listener { get; set; }

    /// <summary>The queue is gone.</summary>
    public bool IsRemoved { get; set; }

    /// <summary>The highest position that the store has heard of; -1 when of none.</summary>
    public long LastPosition { get; set; } = -1;

    public int Count { get; private set; }

    /// <summary>The last ticket that is complete and of which the listener has not been told.</summary>
    public long CompletedTicket { get; set; }

    /// <summary>Where a message is, or none. Changes nothing, not even what makes the next look quicker.</summary>
    public Place Find(long position) =>
        _chunks.TryGetValue(position >> ChunkBits, out var chunk) && (position & (ChunkSize - 1)) is var offset && offset < chunk.Places.Length
            ? chunk.Places[offset]
            : default;

    /// <summary>Notes or changes where a message is.</summary>
    public void Set(long position, Place place)
    {
        if (position > LastPosition) LastPosition = position;
        var number = position >> ChunkBits;
        if (ChunkOf(position) is not { } chunk)
        {
            _chunks.Add(number, chunk = new Chunk());
            (_last, _lastNumber) = (chunk, number);
        }
        var offset = (int)(position & (ChunkSize - 1));
        if (offset >= chunk.Places.Length)
            Array.Resize(ref chunk.Places, offset < SmallChunkSize ? SmallChunkSize : offset < 4 * SmallChunkSize ? 4 * SmallChunkSize : ChunkSize);
        ref var entry = ref chunk.Places[offset];
        if (entry.IsNone)
        {
            chunk.Live++;
            Count++;
        }
        entry = place;
    }

    /// <summary>Notes, on opening, how large the body of a message is that has a place.</summary>
    public void NoteBodySize(long position, int size)
    {
        var chunk = ChunkOf(position)!;
        if (chunk.BodySizes.Length < chunk.Places.Length) Array.Resize(ref chunk.BodySizes, chunk.Places.Length);
        chunk.BodySizes[position & (ChunkSize - 1)] = size;
    }

    /// <summary>What was noted of a message.</summary>
    public int BodySizeOf(long position) => _chunks[position >> ChunkBits].BodySizes[position & (ChunkSize - 1)];

    /// <summary>The queue knows the sizes of its bodies by now.</summary>
    public void ForgetBodySizes()
    {
        foreach (var chunk in _chunks.Values) chunk.BodySizes = [];
    }

    /// <summary>Takes a message out; returns where it was, or none.</summary>
    public Place Take(long position)
    {
        if (ChunkOf(position) is not { } chunk) return default;
        var offset = (int)(position & (ChunkSize - 1));
        if (offset >= chunk.Places.Length || chunk.Places[offset] is var place && place.IsNone) return default;
        chunk.Places[offset] = default;
        Count--;
        if (--chunk.Live > 0) return place;
        _chunks.Remove(position >> ChunkBits);
        (_last, _lastNumber) = (null, -1);
        return place;
    }

    /// <summary>Every message, in the order of positions.</summary>
    public IEnumerable<(long Position, Place Place)> All()
    {
        foreach (var number in _chunks.Keys.Order().ToList())
        {
            var places = _chunks[number].Places;
            for (var offset = 0; offset < places.Length; offset++)
                if (!places[offset].IsNone) yield return ((number << ChunkBits) + offset, places[offset]);
        }
    }

    private Chunk? ChunkOf(long position)
    {
        var number = position >> ChunkBits;
        if (number == _lastNumber) return _last;
        if (!_chunks.TryGetValue(number, out var chunk)) return null;
        (_last, _lastNumber) = (chunk, number);
        return chunk;
    }

    private sealed class Chunk
    {
        public Place[] Places = [];
        public int[] BodySizes = [];
        public int Live;
    }
}
