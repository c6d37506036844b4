using System.Buffers.Binary;
using Amqp.Core.Records;

namespace Amqp.Storage.Messages.Reading;

/// <summary>
/// Finds the records that are whole among bytes that are not all what was written, beginning with a record. One that is damaged still says how
/// long it is, unless that is what was damaged: right if the next record, or the end, is there. Otherwise the next is
/// looked for, eight bytes at a time. Not always the latter, because what a publisher put into a body may look like a record.
/// </summary>
internal ref struct WholeRecords(ReadOnlySpan<byte> bytes)
{
    private const int Alignment = 8;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _next;
    private bool _isRecord = true;

    /// <summary>Where the record that was found begins.</summary>
    public int Start { get; private set; }

    /// <summary>The next whole record. False: there is none.</summary>
    public bool TryNext(out RecordHeader header)
    {
        while (_next + RecordHeader.Size <= _bytes.Length)
        {
            if (RecordHeader.TryRead(_bytes[_next..], out header))
            {
                Start = _next;
                _next += header.PaddedLength;
                _isRecord = true;
                return true;
            }
            var skipped = _isRecord ? DamagedLength() : 0;
            _isRecord = skipped > 0;
            _next += _isRecord ? skipped : Alignment;
        }
        header = default;
        return false;
    }

    /// <summary>The length of a damaged record, or 0.</summary>
    private readonly int DamagedLength()
    {
        var rest = _bytes[_next..];
        var length = BinaryPrimitives.ReadUInt32LittleEndian(rest);
        if (length < RecordHeader.Size || length > rest.Length) return 0;
        var padded = RecordHeader.Padded((int)length);
        return padded >= rest.Length || RecordHeader.TryRead(rest[padded..], out _) ? padded : 0;
    }
}
