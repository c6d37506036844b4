using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text.Unicode;

namespace AMQP.Net;

/// <summary>
/// Reads the elementary types of AMQP 0-9-1 (specification 4.2.5) from one frame's payload. The members stand in the same
/// order as those of <see cref="WireWriter"/>. Input that ends too early or holds an illegal value raises
/// <see cref="ProtocolException"/> with 502 SYNTAX_ERROR; <see cref="MethodReader"/>, which knows the method that was read,
/// turns it into RabbitMQ's answer.
/// </summary>
/// <param name="payload">The bytes to read; valid as long as the frame they belong to.</param>
/// <param name="strings">Where short strings that come again and again (exchanges, routing keys) are kept, or null.</param>
public ref struct WireReader(ReadOnlySpan<byte> payload, ShortStringPool? strings = null)
{
    private readonly ReadOnlySpan<byte> _payload = payload;
    private int _position;
    private int _bits;
    private int _bitsLeft;

    /// <summary>Bytes not yet read.</summary>
    public readonly int Remaining => _payload.Length - _position;

    public byte ReadByte() => Take(1)[0];

    public ushort ReadShort() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

    public uint ReadLong() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    public ulong ReadLongLong() => BinaryPrimitives.ReadUInt64BigEndian(Take(8));

    /// <summary>One bit; up to eight consecutive bits share an octet, the first in its lowest position.</summary>
    public bool ReadBit()
    {
        if (_bitsLeft == 0)
        {
            _bits = Take(1)[0];
            _bitsLeft = 8;
        }
        var bit = (_bits & 1) != 0;
        _bits >>= 1;
        _bitsLeft--;
        return bit;
    }

    /// <summary>A string of at most 255 bytes of UTF-8.</summary>
    /// <exception cref="ProtocolException">501, RabbitMQ's code, when it is not UTF-8; 502 when it does not end in the frame.</exception>
    public string ReadShortString()
    {
        var bytes = ReadShortStringBytes();
        if (!Utf8.IsValid(bytes)) ThrowMalformed();
        return TextOf(bytes);
    }

    /// <summary>A short string that RabbitMQ passes on unchecked: exchange and routing key of a message (<see cref="LosslessUtf8"/>).</summary>
    public string ReadUncheckedShortString() => TextOf(ReadShortStringBytes());

    /// <summary>The bytes of a short string, as they came.</summary>
    public ReadOnlySpan<byte> ReadShortStringBytes() => Take(Take(1)[0]);

    /// <summary>The bytes of a long string (up to 4 GB on the wire, bounded by the frame it stands in).</summary>
    public ReadOnlySpan<byte> ReadLongString()
    {
        var length = ReadLong();
        if (length > (uint)Remaining) ThrowTruncated();
        return Take((int)length);
    }

    /// <summary>A long string that is text (<see cref="LosslessUtf8"/>).</summary>
    public string ReadLongText() => LosslessUtf8.GetString(ReadLongString());

    /// <summary>A field table: structure checked here and now, bytes copied, values decoded on first look.</summary>
    public FieldTable ReadTable()
    {
        var bytes = ReadLongString();
        if (bytes.IsEmpty) return FieldTable.Empty;
        FieldCodec.ValidateTable(bytes);
        return new FieldTable(bytes.ToArray());
    }

    /// <summary>Passes over bytes.</summary>
    public void Skip(int count) => Take(count);

    /// <summary>Raises 502 unless everything was read: a method with bytes left over is not the method it claims to be.</summary>
    public readonly void ExpectEnd()
    {
        if (Remaining != 0) throw new ProtocolException(ReplyCode.SyntaxError, $"{Remaining} bytes left over after the last field");
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        _bitsLeft = 0; // a field of another type ends a run of bits; ReadBit sets its own count after the call
        if (count > Remaining) ThrowTruncated();
        var taken = _payload.Slice(_position, count);
        _position += count;
        return taken;
    }

    private readonly string TextOf(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return "";
        return strings is null ? LosslessUtf8.GetString(bytes) : strings.Get(bytes);
    }

    [DoesNotReturn]
    private static void ThrowMalformed() => throw new ProtocolException(ReplyCode.FrameError, "Malformed UTF-8 in shortstr");

    [DoesNotReturn]
    private static void ThrowTruncated() => throw new ProtocolException(ReplyCode.SyntaxError, "field ends behind the end of its frame");
}
