using System.Diagnostics;

namespace AMQP.Net;

/// <summary>
/// One value of a field table or array: a type and its value, without boxing the numbers. Two values are equal when type
/// and value are: the integer 1 is not the long 1 (see <see cref="TryGetInteger"/> for comparing across widths, as
/// RabbitMQ does for arguments and in its headers exchange).
/// </summary>
public readonly struct FieldValue : IEquatable<FieldValue>
{
    private readonly long _bits;
    private readonly object? _reference;

    private FieldValue(FieldType type, long bits, object? reference = null)
    {
        Type = type;
        _bits = bits;
        _reference = reference;
    }

    public FieldType Type { get; }

    public static FieldValue Void => new(FieldType.Void, 0);
    public static FieldValue From(bool value) => new(FieldType.Bool, value ? 1 : 0);
    public static FieldValue From(sbyte value) => new(FieldType.Byte, value);
    public static FieldValue From(byte value) => new(FieldType.UnsignedByte, value);
    public static FieldValue From(short value) => new(FieldType.Short, value);
    public static FieldValue From(ushort value) => new(FieldType.UnsignedShort, value);
    public static FieldValue From(int value) => new(FieldType.SignedInt, value);
    public static FieldValue From(uint value) => new(FieldType.UnsignedInt, value);
    public static FieldValue From(long value) => new(FieldType.Long, value);
    public static FieldValue From(float value) => new(FieldType.Float, BitConverter.SingleToInt32Bits(value));
    public static FieldValue From(double value) => new(FieldType.Double, BitConverter.DoubleToInt64Bits(value));

    /// <summary>A long string of this text, <see cref="LosslessUtf8"/>.</summary>
    public static FieldValue From(string value) => new(FieldType.LongString, 0, LosslessUtf8.GetBytes(value));

    /// <summary>A long string of these bytes; on the wire it need not be text.</summary>
    public static FieldValue LongString(byte[] value) => new(FieldType.LongString, 0, value);
    public static FieldValue Binary(byte[] value) => new(FieldType.Binary, 0, value);
    public static FieldValue From(FieldTable value) => new(FieldType.Table, 0, value);
    public static FieldValue From(FieldValue[] value) => new(FieldType.Array, 0, value);

    /// <summary>Seconds since 1970-01-01 UTC.</summary>
    public static FieldValue Timestamp(ulong seconds) => new(FieldType.Timestamp, (long)seconds);

    /// <summary><paramref name="unscaled"/> divided by ten to the power of <paramref name="scale"/>.</summary>
    public static FieldValue Decimal(byte scale, uint unscaled) => new(FieldType.Decimal, ((long)scale << 32) | unscaled);

    public bool AsBool => Expect(FieldType.Bool) != 0;
    public float AsFloat => BitConverter.Int32BitsToSingle((int)Expect(FieldType.Float));
    public double AsDouble => BitConverter.Int64BitsToDouble(Expect(FieldType.Double));
    public ulong AsTimestamp => (ulong)Expect(FieldType.Timestamp);
    public (byte Scale, uint Unscaled) AsDecimal => ((byte)(Expect(FieldType.Decimal) >> 32), (uint)_bits);
    public FieldTable AsTable { get { Expect(FieldType.Table); return (FieldTable)_reference!; } }
    public FieldValue[] AsArray { get { Expect(FieldType.Array); return (FieldValue[])_reference!; } }

    /// <summary>The bytes of a long string or binary.</summary>
    public byte[] AsBytes => _reference as byte[] ?? throw new InvalidOperationException($"{Type} holds no bytes");

    /// <summary>A long string as text, <see cref="LosslessUtf8"/>.</summary>
    public string AsText => LosslessUtf8.GetString(AsBytes);

    /// <summary>The value of any of the seven integer types.</summary>
    public bool TryGetInteger(out long value)
    {
        value = _bits;
        return Type is FieldType.SignedInt or FieldType.Long or FieldType.Short or FieldType.Byte
            or FieldType.UnsignedByte or FieldType.UnsignedShort or FieldType.UnsignedInt;
    }

    public bool Equals(FieldValue other)
    {
        if (Type != other.Type) return false;
        return Type switch
        {
            FieldType.LongString or FieldType.Binary => AsBytes.AsSpan().SequenceEqual(other.AsBytes),
            FieldType.Table => AsTable.Equals(other.AsTable),
            FieldType.Array => AsArray.AsSpan().SequenceEqual(other.AsArray),
            _ => _bits == other._bits,
        };
    }

    public override bool Equals(object? obj) => obj is FieldValue other && Equals(other);

    public override int GetHashCode() => _reference switch
    {
        byte[] bytes => HashCode.Combine(Type, bytes.Length, bytes.Length > 0 ? bytes[0] : 0, bytes.Length > 0 ? bytes[^1] : 0),
        FieldTable table => HashCode.Combine(Type, table.Count),
        FieldValue[] array => HashCode.Combine(Type, array.Length),
        _ => HashCode.Combine(Type, _bits),
    };

    public static bool operator ==(FieldValue left, FieldValue right) => left.Equals(right);

    public static bool operator !=(FieldValue left, FieldValue right) => !left.Equals(right);

    /// <summary>The value as RabbitMQ's error texts print it between quotes.</summary>
    public override string ToString() => Type switch
    {
        FieldType.LongString => AsText,
        FieldType.Binary => Convert.ToHexStringLower(AsBytes),
        FieldType.Bool => AsBool ? "true" : "false",
        FieldType.Float => AsFloat.ToString("R", System.Globalization.CultureInfo.InvariantCulture),
        FieldType.Double => AsDouble.ToString("R", System.Globalization.CultureInfo.InvariantCulture),
        FieldType.Timestamp => AsTimestamp.ToString(System.Globalization.CultureInfo.InvariantCulture),
        FieldType.Decimal => $"{{{AsDecimal.Scale},{AsDecimal.Unscaled}}}",
        FieldType.Table => AsTable.ToString(),
        FieldType.Array => $"[{string.Join(',', AsArray)}]",
        FieldType.Void => "undefined",
        _ => _bits.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    /// <summary>The bits of a number, as <see cref="FieldCodec"/> writes them.</summary>
    internal long Bits => _bits;

    private long Expect(FieldType type)
    {
        if (Type != type) throw new InvalidOperationException($"field is {Type.Name()}, not {type.Name()}");
        Debug.Assert(type is not (FieldType.Table or FieldType.Array) || _reference is not null);
        return _bits;
    }
}
