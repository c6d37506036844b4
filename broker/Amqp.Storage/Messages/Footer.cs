using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Storage.Messages;

/// <summary>
/// The footer of a segment: an entry for each of its records, so that opening a store reads footers and not bodies. Numbers
/// are varints; a message takes about seven bytes.
/// <code>
/// version u8 | entries
///
/// entry      kind (type, and flags: 16 expires, 32 shares a body)
///            queue         Enqueue, Page, Settle, Delivered: its number in this footer; one more than the last: a new one, its id follows
///            position      Enqueue, Page: zigzag of the difference to the queue's entry before; others: the number
///            offset        zigzag of the difference to the end of the record before
///            length
///            expires at    if flagged
///            body id       if flagged
///            head length   of records that have a message's body: bytes before it; since version 2
///            segment       Settle
///            runs length, runs    Settle, Delivered
/// </code>
/// </summary>
internal sealed class FooterWriter
{
    /// <summary>Bytes that an entry takes at most, runs left out: kind, a queue's number, offset and length of 32 bits, and four
    /// numbers of any size.</summary>
    public const int EntryBytesMax = 1 + (3 * 5) + (4 * Varint.SizeMax);

    /// <summary>A buffer that grew beyond this is let go with its segment.</summary>
    private const int KeptBytes = 1 << 20;

    internal const byte Version = 2;
    internal const byte FirstWithHeads = 2;
    internal const int Expires = 16;
    internal const int Shares = 32;

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
        var isMessage = entry.Type is RecordType.Enqueue or RecordType.Page;
        var kind = (int)entry.Type | (entry.ExpiresAt != 0 ? Expires : 0) | (entry.BodyId != 0 ? Shares : 0);
        _bytes[_length++] = (byte)kind;
        if (isMessage || entry.Type is RecordType.Settle or RecordType.Delivered)
        {
            var number = WriteQueue(entry.Queue);
            if (isMessage)
            {
                Write(Varint.ZigZag(entry.Position - _positions[number]));
                _positions[number] = entry.Position;
            }
            else
            {
                Write((ulong)entry.Position);
            }
        }
        else
        {
            Write((ulong)entry.Position);
        }
        Write(Varint.ZigZag(entry.Offset - _end));
        Write((ulong)entry.Length);
        _end = entry.Offset + RecordHeader.Padded(entry.Length);
        if (entry.ExpiresAt != 0) Write((ulong)entry.ExpiresAt);
        if (entry.BodyId != 0) Write((ulong)entry.BodyId);
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
    private readonly bool _hasHeads = footer.Length > 0 && footer[0] >= FooterWriter.FirstWithHeads;
    private ReadOnlySpan<byte> _rest = footer.Length > 0 ? footer[1..] : footer;
    private long _end;

    /// <summary>A newer version wrote it; its entries cannot be read.</summary>
    public bool IsNewer { get; } = footer.Length > 0 && footer[0] > FooterWriter.Version;

    /// <summary>The next entry. False: there is none.</summary>
    public bool TryNext(out IndexEntry entry)
    {
        entry = default;
        if (_rest.IsEmpty) return false;
        var kind = _rest[0];
        _rest = _rest[1..];
        var type = (RecordType)(kind & 15);
        var isMessage = type is RecordType.Enqueue or RecordType.Page;
        var isRuns = type is RecordType.Settle or RecordType.Delivered;
        var number = isMessage || isRuns ? ReadQueue() : -1;
        var position = (long)Read();
        if (isMessage) position = _positions[number] += Varint.UnZigZag((ulong)position);
        var offset = _end + Varint.UnZigZag(Read());
        if (offset is < 0 or > uint.MaxValue) throw Unreadable();
        var length = ReadLength(int.MaxValue - 8);
        _end = offset + RecordHeader.Padded(length);
        var expiresAt = (kind & FooterWriter.Expires) != 0 ? (long)Read() : 0;
        var bodyId = (kind & FooterWriter.Shares) != 0 ? (long)Read() : 0;
        var bodySize = !IndexEntry.HasBody(type, bodyId) ? 0 : _hasHeads ? length - ReadLength(length) : length;
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
            Offset = offset,
            Length = length,
            BodySize = bodySize,
            ExpiresAt = expiresAt,
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
