using System.Buffers.Binary;

namespace AMQP.Net;

/// <summary>
/// Writes the elementary types of AMQP 0-9-1 (specification 4.2.5) into a span. When the span is too small it goes on
/// counting without writing: <see cref="Length"/> then says how much room the same calls need (<see cref="Overflowed"/>).
/// So one description of a method serves to measure and to write it.
/// </summary>
public ref struct WireWriter(Span<byte> destination)
{
    private readonly Span<byte> _destination = destination;
    private int _position;
    private int _bitsUsed;

    /// <summary>Bytes written, or, once overflowed, bytes needed so far.</summary>
    public readonly int Length => _position;

    /// <summary>True when the span was too small; its content is then worthless.</summary>
    public readonly bool Overflowed => _position > _destination.Length;

    public void WriteByte(byte value)
    {
        if (Reserve(1, out var room)) room[0] = value;
    }

    public void WriteShort(ushort value)
    {
        if (Reserve(2, out var room)) BinaryPrimitives.WriteUInt16BigEndian(room, value);
    }

    public void WriteLong(uint value)
    {
        if (Reserve(4, out var room)) BinaryPrimitives.WriteUInt32BigEndian(room, value);
    }

    public void WriteLongLong(ulong value)
    {
        if (Reserve(8, out var room)) BinaryPrimitives.WriteUInt64BigEndian(room, value);
    }

    /// <summary>One bit; consecutive bits are packed into octets, the first in the lowest position.</summary>
    public void WriteBit(bool value)
    {
        if (_bitsUsed is 0 or 8)
        {
            WriteByte(0);
            _bitsUsed = 0;
        }
        if (value && !Overflowed) _destination[_position - 1] |= (byte)(1 << _bitsUsed);
        _bitsUsed++;
    }

    /// <summary>A short string, <see cref="LosslessUtf8"/>.</summary>
    /// <exception cref="ArgumentException">It is longer than 255 bytes: a mistake of the caller, not of a peer.</exception>
    public void WriteShortString(string value)
    {
        var length = LosslessUtf8.GetByteCount(value);
        if (length > byte.MaxValue) throw new ArgumentException($"short string of {length} bytes, 255 allowed", nameof(value));
        if (!Reserve(1 + length, out var room)) return;
        room[0] = (byte)length;
        LosslessUtf8.GetBytes(value, room[1..]);
    }

    /// <summary>The bytes of a short string that came from a peer (at most 255).</summary>
    public void WriteShortString(ReadOnlySpan<byte> value)
    {
        WriteByte(checked((byte)value.Length));
        WriteBytes(value);
    }

    public void WriteLongString(ReadOnlySpan<byte> value)
    {
        WriteLong((uint)value.Length);
        WriteBytes(value);
    }

    public void WriteLongString(string value)
    {
        var length = LosslessUtf8.GetByteCount(value);
        WriteLong((uint)length);
        if (Reserve(length, out var room)) LosslessUtf8.GetBytes(value, room);
    }

    /// <summary>Leaves room for the length of a long string, table or array that is written piece by piece behind it.</summary>
    /// <returns>The place, for <see cref="EndLong"/>.</returns>
    public int BeginLong()
    {
        WriteLong(0);
        return _position;
    }

    /// <summary>Fills in the length of what was written since <see cref="BeginLong"/>.</summary>
    public readonly void EndLong(int begin)
    {
        if (!Overflowed) BinaryPrimitives.WriteUInt32BigEndian(_destination[(begin - 4)..], (uint)(_position - begin));
    }

    public void WriteTable(FieldTable table) => WriteLongString(table.Bytes.Span);

    /// <summary>Bytes as they are, without a length.</summary>
    public void WriteBytes(ReadOnlySpan<byte> value)
    {
        if (Reserve(value.Length, out var room)) value.CopyTo(room);
    }

    private bool Reserve(int count, out Span<byte> room)
    {
        _bitsUsed = 0; // WriteBit sets it again after its own octet
        var start = _position;
        _position = checked(_position + count);
        if (_position > _destination.Length)
        {
            room = default;
            return false;
        }
        room = _destination.Slice(start, count);
        return true;
    }
}
