using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Storage.Messages.Index;

/// <summary>
/// The footer of a segment: an entry for each of its records, so that opening a store reads footers and not bodies. Numbers
/// are varints; a message takes about seven bytes.
/// <code>
/// version u8 | entries
///
/// entry      kind u8 (type, and flags: 32 expires, 64 shares a body, 128 has a priority or a delivery count)
///            queue         Enqueue, EnqueueAgain, Page, Change, Settle, Delivered: its number in this footer; one more than the last: a new one, its id follows
///            position      of those: zigzag of the difference to the message of the queue that was entered last; of others: the number
///            position of the key    EnqueueAgain
///            offset        zigzag of the difference to the end of the record before
///            length
///            expires at    if flagged
///            body id       if flagged; of a Change: ready at
///            priority, delivery count    if flagged
///            head length   of records that have a message's body: bytes before it
///            segment       Settle
///            runs length, runs    Settle, Delivered
/// </code>
/// </summary>
internal sealed class FooterWriter
{
    /// <summary>Bytes that an entry takes at most, runs left out: kind, and of 32 bits a queue's number, offset, length, length of the head,
    /// priority and delivery count, and of any size queue, position, that of a key, expiry and body id, or segment.</summary>
    public const int EntryBytesMax = 1 + (6 * 5) + (5 * Varint.SizeMax);

    /// <summary>A buffer that grew beyond this is replaced with the next segment.</summary>
    private const int KeptBytes = 1 << 20;

    internal const byte Version = 3;
    internal const int TypeMask = 31;
    internal const int Expires = 32;
    internal const int Shares = 64;
    internal const int IsMarked = 128;

    private readonly Dictionary<QueueId, int> _numbers = [];
    private readonly List<long> _positions = [];
    private byte[] _bytes = new byte[4096];
    private int _length;
    private long _end;

    public FooterWriter() => Clear();

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    public void Clear()
    {
        _numbers.Clear();
        _positions.Clear();
        _end = 0;
        if (_bytes.Length > KeptBytes) _bytes = new byte[4096];
        _bytes[0] = Version;
        _length = 1;
    }

    public void Add(in IndexEntry entry)
    {
        var sizeMax = EntryBytesMax + entry.Runs.Length;
        if (_bytes.Length - _length < sizeMax) Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, _length + sizeMax));
        var isMessage = IndexEntry.IsMessage(entry.Type) || entry.Type == RecordType.Change;
        var isMarked = entry.Attributes.Priority != 0 || entry.Attributes.DeliveryCount != 0;
        var bodyId = entry.Type == RecordType.Change ? entry.Attributes.ReadyAt : entry.BodyId;
        var flags = (entry.Attributes.ExpiresAt != 0 ? Expires : 0) | (bodyId != 0 ? Shares : 0) | (isMarked ? IsMarked : 0);
        _bytes[_length++] = (byte)((int)entry.Type | flags);
        if (isMessage || entry.Type is RecordType.Settle or RecordType.Delivered)
        {
            var number = WriteQueue(entry.Queue);
            Write(Varint.ZigZag(entry.Position - _positions[number]));
            if (isMessage) _positions[number] = entry.Position;
        }
        else
        {
            Write((ulong)entry.Position);
        }
        if (entry.Type == RecordType.EnqueueAgain) Write((ulong)entry.PositionOfKey);
        Write(Varint.ZigZag(entry.Offset - _end));
        Write((ulong)entry.Length);
        _end = entry.Offset + RecordHeader.Padded(entry.Length);
        if (entry.Attributes.ExpiresAt != 0) Write((ulong)entry.Attributes.ExpiresAt);
        if (bodyId != 0) Write((ulong)bodyId);
        if (isMarked)
        {
            Write(entry.Attributes.Priority);
            Write((ulong)entry.Attributes.DeliveryCount);
        }
        if (IndexEntry.HasBody(entry.Type, entry.BodyId)) Write((ulong)(entry.Length - entry.BodySize));
        if (entry.Type == RecordType.Settle) Write((ulong)entry.Segment);
        if (entry.Type is not (RecordType.Settle or RecordType.Delivered)) return;
        Write((ulong)entry.Runs.Length);
        entry.Runs.CopyTo(_bytes.AsSpan(_length));
        _length += entry.Runs.Length;
    }

    private int WriteQueue(QueueId queue)
    {
        if (_numbers.TryGetValue(queue, out var number))
        {
            Write((ulong)number);
            return number;
        }
        number = _numbers.Count;
        _numbers.Add(queue, number);
        _positions.Add(0);
        Write((ulong)number);
        Write((ulong)queue.Value);
        return number;
    }

    private void Write(ulong value) => _length += Varint.Write(_bytes.AsSpan(_length), value);
}

/// <summary>Reads what <see cref="FooterWriter"/> has written, entry by entry.</summary>
internal ref struct FooterReader(ReadOnlySpan<byte> footer)
{
    private readonly List<QueueId> _queues = [];
    private readonly List<long> _positions = [];
    private ReadOnlySpan<byte> _rest = footer.Length > 0 ? footer[1..] : footer;
    private long _end;

    /// <summary>Which version wrote it. Entries of another than <see cref="FooterWriter.Version"/> cannot be read.</summary>
    public int Version { get; } = footer.Length > 0 ? footer[0] : FooterWriter.Version;

    /// <summary>The next entry. False: there is none.</summary>
    public bool TryNext(out IndexEntry entry)
    {
        entry = default;
        if (_rest.IsEmpty) return false;
        var kind = _rest[0];
        _rest = _rest[1..];
        var type = (RecordType)(kind & FooterWriter.TypeMask);
        var isMessage = IndexEntry.IsMessage(type) || type == RecordType.Change;
        var isRuns = type is RecordType.Settle or RecordType.Delivered;
        var number = isMessage || isRuns ? ReadQueue() : -1;
        var position = number < 0 ? (long)Read() : _positions[number] + Varint.UnZigZag(Read());
        if (isMessage) _positions[number] = position;
        var positionOfKey = type == RecordType.EnqueueAgain ? (long)Read() : 0;
        var offset = _end + Varint.UnZigZag(Read());
        if (offset is < 0 or > uint.MaxValue) throw Unreadable();
        var length = ReadLength(int.MaxValue - 8);
        _end = offset + RecordHeader.Padded(length);
        var expiresAt = (kind & FooterWriter.Expires) != 0 ? (long)Read() : 0;
        var bodyId = (kind & FooterWriter.Shares) != 0 ? (long)Read() : 0;
        var isMarked = (kind & FooterWriter.IsMarked) != 0;
        var attributes = new MessageAttributes(
            expiresAt, isMarked ? (byte)ReadLength(byte.MaxValue) : (byte)0, isMarked ? ReadLength(int.MaxValue) : 0, type == RecordType.Change ? bodyId : 0);
        if (type == RecordType.Change) bodyId = 0;
        var bodySize = IndexEntry.HasBody(type, bodyId) ? length - ReadLength(length) : 0;
        var segment = type == RecordType.Settle ? (long)Read() : 0;
        ReadOnlySpan<byte> runs = default;
        if (isRuns)
        {
            var runsLength = ReadLength(int.MaxValue);
            if (runsLength > _rest.Length) throw Unreadable();
            runs = _rest[..runsLength];
            _rest = _rest[runsLength..];
        }
        entry = new IndexEntry
        {
            Type = type,
            Queue = number < 0 ? default : _queues[number],
            Position = position,
            PositionOfKey = positionOfKey,
            Offset = offset,
            Length = length,
            BodySize = bodySize,
            Attributes = attributes,
            BodyId = bodyId,
            Segment = segment,
            Runs = runs,
        };
        return true;
    }

    private int ReadQueue()
    {
        var number = ReadLength(_queues.Count);
        if (number < _queues.Count) return number;
        _queues.Add(new QueueId((long)Read()));
        _positions.Add(0);
        return number;
    }

    private int ReadLength(int max) => Read() is var length && length <= (ulong)max ? (int)length : throw Unreadable();

    private ulong Read() => Varint.TryRead(ref _rest, out var value) ? value : throw Unreadable();

    private static StorageException Unreadable() =>
        new("A segment's footer has a right checksum and cannot be read; a newer broker may have written it.");
}
