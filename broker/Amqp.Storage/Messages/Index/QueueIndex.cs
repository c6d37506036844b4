using Amqp.Core.Ports;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Storage.Messages.Index;

/// <summary>
/// Where the messages of one queue are, by key; a part of <see cref="StoreState"/>, and owned like it. A key is the message's position. Only one that entered where one may
/// have been before has a key that nothing ever had (<see cref="Positions"/>): then what is on the disk of the earlier one means it no more than any other message.
/// </summary>
internal sealed class QueueIndex(QueueId id)
{
    private const int ChunkBits = 8;
    private const int ChunkSize = 1 << ChunkBits;
    private const int SmallChunkSize = 8;

    private readonly Dictionary<long, Chunk> _chunks = [];

    // Most queues never have one.
    private Dictionary<long, MessageChange>? _changes;

    // Keys that are not positions, by position. Most queues never have one.
    private Dictionary<long, long>? _keys;

    // The chunk that was changed last.
    private Chunk? _last;
    private long _lastNumber = -1;

    public QueueId Id { get; } = id;

    /// <summary>What to tell; null while the queue is not open.</summary>
    public IStoreListener? Listener { get; set; }

    /// <summary>The queue is gone.</summary>
    public bool IsRemoved { get; set; }

    /// <summary>The highest position that the store has heard of; -1 when of none.</summary>
    public long LastPosition { get; set; } = -1;

    public int Count { get; private set; }

    /// <summary>The last ticket that is complete and of which the listener has not been told.</summary>
    public long CompletedTicket { get; set; }

    /// <summary>Some messages have keys that are not their positions.</summary>
    public bool HasKeys => _keys is not null;

    /// <summary>The key of the message at a position. Changes nothing either.</summary>
    public long KeyOf(long position) => _keys is not null && _keys.TryGetValue(position, out var key) ? key : position;

    /// <summary>The position of a message that is here.</summary>
    public long PositionOf(long key) => Positions.IsKey(key) && ChunkWith(key, out var offset) is { } chunk ? chunk.Positions[offset] : key;

    /// <summary>A message enters.</summary>
    public void Enter(long position, RecordLocation location)
    {
        _keys?.Remove(position);
        Set(position, location);
    }

    /// <summary>A message enters at a position where one may have been before.</summary>
    public void EnterAgain(long position, long key, RecordLocation location)
    {
        Set(key, location);
        NotePosition(key, position);
        _keys![position] = key;
    }

    /// <summary>Notes the position of a message that is here and was found on the disk; <see cref="FindKeys"/> follows.</summary>
    public void NotePosition(long key, long position)
    {
        if (ChunkWith(key, out var offset) is not { } chunk) return;
        _keys ??= [];
        SetNote(ref chunk.Positions, chunk, offset, position);
        if (position > LastPosition) LastPosition = position;
    }

    /// <summary>All of the disk has been seen: which keys serve.</summary>
    /// <returns>The keys of messages at positions that newer ones have. They were settled before those came, and the settlement has been damaged.</returns>
    public List<long> FindKeys()
    {
        var older = new List<long>();
        if (_keys is null) return older;
        foreach (var number in Chunks.TakeWhile(Positions.IsKey))
        {
            foreach (var (key, position) in InChunk(number).Select(message => (message.Key, message.Position)))
            {
                if (_keys.Remove(position, out var before)) older.Add(before);
                else if (!Find(position).IsNone) older.Add(position);
                _keys.Add(position, key);
            }
        }
        if (_keys.Count == 0) _keys = null;
        return older;
    }

    /// <summary>Where a message is, or none. Changes nothing, not even what makes the next look quicker.</summary>
    public RecordLocation Find(long position) =>
        _chunks.TryGetValue(position >> ChunkBits, out var chunk) && (position & (ChunkSize - 1)) is var offset && offset < chunk.Locations.Length
            ? chunk.Locations[offset]
            : default;

    /// <summary>Notes or changes where a message is.</summary>
    public void Set(long position, RecordLocation location)
    {
        if (position > LastPosition) LastPosition = position;
        var number = position >> ChunkBits;
        if (ChunkOf(position) is not { } chunk)
        {
            _chunks.Add(number, chunk = new Chunk());
            (_last, _lastNumber) = (chunk, number);
        }
        var offset = (int)(position & (ChunkSize - 1));
        if (offset >= chunk.Locations.Length)
            Array.Resize(ref chunk.Locations, offset < SmallChunkSize ? SmallChunkSize : offset < 4 * SmallChunkSize ? 4 * SmallChunkSize : ChunkSize);
        ref var entry = ref chunk.Locations[offset];
        if (entry.IsNone)
        {
            chunk.Live++;
            Count++;
        }
        entry = location;
    }

    /// <summary>Notes what the queue will want to know of a message, if it is there.</summary>
    /// <param name="bodySize">Of its body; means nothing where that is shared.</param>
    public void Note(long position, int bodySize, in MessageAttributes attributes)
    {
        if (ChunkWith(position, out var offset) is not { } chunk) return;
        SetNote(ref chunk.BodySizes, chunk, offset, bodySize);
        if (attributes != default || chunk.Attributes.Length > 0) SetNote(ref chunk.Attributes, chunk, offset, attributes);
    }

    /// <summary>Notes that a message was handed out before, if it is there.</summary>
    public void NoteDelivered(long position)
    {
        if (ChunkWith(position, out var offset) is { } chunk) SetNote(ref chunk.Delivered, chunk, offset, true);
    }

    /// <summary>What a message has become since it entered. False: nothing else.</summary>
    public bool TryFindChange(long position, out MessageChange change)
    {
        change = default;
        return _changes is not null && _changes.TryGetValue(position, out change);
    }

    public void SetChange(long position, in MessageChange change) => (_changes ??= [])[position] = change;

    /// <summary>Takes it out; false when there was none.</summary>
    public bool TryTakeChange(long position, out MessageChange change)
    {
        change = default;
        return _changes is not null && _changes.Remove(position, out change);
    }

    /// <summary>Positions of all messages that have become something else.</summary>
    public long[] Changed => _changes is null ? [] : [.. _changes.Keys];

    /// <summary>What was noted is not needed any more: the queue has it.</summary>
    public void ForgetNotes()
    {
        foreach (var chunk in _chunks.Values) (chunk.BodySizes, chunk.Attributes, chunk.Delivered) = ([], [], []);
    }

    /// <summary>The numbers of all chunks of messages, ascending.</summary>
    public long[] Chunks => [.. _chunks.Keys.Order()];

    /// <summary>The messages of a chunk, if it is still there, with what was noted of them.</summary>
    public IEnumerable<NotedMessage> InChunk(long number)
    {
        if (!_chunks.TryGetValue(number, out var chunk)) yield break;
        for (var offset = 0; offset < chunk.Locations.Length; offset++)
        {
            if (chunk.Locations[offset].IsNone) continue;
            var key = (number << ChunkBits) + offset;
            yield return new NotedMessage(
                key,
                Positions.IsKey(key) ? chunk.Positions[offset] : key,
                chunk.Locations[offset],
                NoteOf(chunk.BodySizes, offset),
                NoteOf(chunk.Attributes, offset),
                NoteOf(chunk.Delivered, offset));
        }
    }

    private static T? NoteOf<T>(T[] notes, int offset) => offset < notes.Length ? notes[offset] : default;

    private static void SetNote<T>(ref T[] notes, Chunk chunk, int offset, T note)
    {
        if (notes.Length < chunk.Locations.Length) Array.Resize(ref notes, chunk.Locations.Length);
        notes[offset] = note;
    }

    /// <summary>Takes a message out; returns where it was, or none.</summary>
    public RecordLocation Take(long position)
    {
        if (ChunkWith(position, out var offset) is not { } chunk) return default;
        var location = chunk.Locations[offset];
        chunk.Locations[offset] = default;
        if (Positions.IsKey(position)) ForgetKey(position, chunk.Positions[offset]);
        Count--;
        if (--chunk.Live > 0) return location;
        _chunks.Remove(position >> ChunkBits);
        (_last, _lastNumber) = (null, -1);
        return location;
    }

    /// <summary>It may be that another message has the position by now.</summary>
    private void ForgetKey(long key, long position)
    {
        if (_keys is null || !_keys.TryGetValue(position, out var current) || current != key) return;
        _keys.Remove(position);
        if (_keys.Count == 0) _keys = null;
    }

    /// <summary>Every message, in the order of keys.</summary>
    public IEnumerable<(long Key, RecordLocation Location)> All()
    {
        foreach (var number in Chunks)
        {
            var locations = _chunks[number].Locations;
            for (var offset = 0; offset < locations.Length; offset++)
                if (!locations[offset].IsNone) yield return ((number << ChunkBits) + offset, locations[offset]);
        }
    }

    /// <summary>The chunk that has a message at that position, or null.</summary>
    private Chunk? ChunkWith(long position, out int offset)
    {
        offset = (int)(position & (ChunkSize - 1));
        return ChunkOf(position) is { } chunk && offset < chunk.Locations.Length && !chunk.Locations[offset].IsNone ? chunk : null;
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
        public RecordLocation[] Locations = [];
        public int Live;

        // Of keys that are none.
        public long[] Positions = [];

        // Notes, between finding messages and opening their queue. Empty, or shorter than the locations, where nothing was noted.
        public int[] BodySizes = [];
        public MessageAttributes[] Attributes = [];
        public bool[] Delivered = [];
    }
}

/// <summary>What a message is from its last change on.</summary>
/// <param name="Location">Of that change's record, or of the one before while it waits to be written; none if there is neither.</param>
/// <param name="IsPending">It waits to be written.</param>
internal readonly record struct MessageChange(RecordLocation Location, MessageAttributes Attributes, bool IsPending);

/// <summary>A message of a queue that is being opened.</summary>
internal readonly record struct NotedMessage(long Key, long Position, RecordLocation Location, int BodySize, MessageAttributes Attributes, bool WasDelivered);
