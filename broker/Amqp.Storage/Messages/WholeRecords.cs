using Amqp.Core.Records;

namespace Amqp.Storage.Messages;

/// <summary>
/// Finds the records that are whole among bytes that are not all what was written. Where one is damaged, the next is where
/// its length says, if a record or the end is there; otherwise it is looked for, eight bytes at a time. Not always the latter,
/// because what a publisher put into a body may look like a record.
/// </summary>
internal ref struct WholeRecords(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _next;

    /// <summary>Where the record that was found begins.</summary>
    public int Start { get; private set; }

    /// <summary>The next whole record. False: there is none.</summary>
    public bool TryNext(out RecordHeader header)
    {
        for (; _next + RecordHeader.Size <= _bytes.Length; _next += DamagedLength())
        {
            if (!RecordHeader.TryRead(_bytes[_next..], out header)) continue;
            Start = _next;
            _next += header.PaddedLength;
            return true;
        }
        header = default;
        return false;
    }

    private readonly int DamagedLength()
    {
        const int Alignment = 8;
        var rest = _bytes[_next..];
        var damaged = RecordHeader.Read(rest);
        if (damaged.Length < RecordHeader.Size || damaged.Length > rest.Length || !damaged.IsKnown) return Alignment;
        return damaged.PaddedLength >= rest.Length || RecordHeader.TryRead(rest[damaged.PaddedLength..], out _) ? damaged.PaddedLength : Alignment;
    }
}
