using System.Diagnostics.CodeAnalysis;

namespace AMQP.Net;

/// <summary>
/// Field tables and arrays on the wire:
/// <code>
/// table   long length | { short string name | type octet | value } ...
/// array   long length | { type octet | value } ...
/// </code>
/// A table is validated once, when it arrives: every length inside its bounds, every type known, nesting limited. After that
/// decoding cannot fail, so nothing malformed is stored or forwarded even where values are looked at later or never. Names
/// and strings need not be UTF-8, as in RabbitMQ: <see cref="LosslessUtf8"/>.
/// </summary>
public static class FieldCodec
{
    /// <summary>Tables and arrays inside each other. RabbitMQ has no limit of its own; deeper nesting would only serve to
    /// exhaust a stack, ours or a consumer's. 502 beyond it.</summary>
    public const int NestingMax = 64;

    /// <summary>Checks the structure of a table (without its length prefix).</summary>
    /// <exception cref="ProtocolException">502 SYNTAX_ERROR.</exception>
    public static void ValidateTable(ReadOnlySpan<byte> table) => ValidateTable(table, depth: 1);

    internal static KeyValuePair<string, FieldValue>[] DecodeTable(ReadOnlySpan<byte> table)
    {
        var fields = new List<KeyValuePair<string, FieldValue>>();
        var reader = new WireReader(table);
        while (reader.Remaining > 0)
        {
            var name = LosslessUtf8.GetString(reader.ReadShortStringBytes());
            fields.Add(KeyValuePair.Create(name, ReadValue(ref reader)));
        }
        return fields.ToArray();
    }

    internal static byte[] EncodeTable(ReadOnlySpan<KeyValuePair<string, FieldValue>> fields)
    {
        var measure = new WireWriter(default);
        WriteFields(ref measure, fields);
        var bytes = new byte[measure.Length];
        var writer = new WireWriter(bytes);
        WriteFields(ref writer, fields);
        return bytes;
    }

    /// <summary>Finds a field by its name, without decoding any other.</summary>
    /// <param name="table">A validated table.</param>
    /// <param name="field">Where the first field of that name stands in the table, its name included.</param>
    internal static bool TryFind(ReadOnlySpan<byte> table, ReadOnlySpan<byte> name, out Range field)
    {
        var reader = new WireReader(table);
        while (reader.Remaining > 0)
        {
            var start = table.Length - reader.Remaining;
            var found = reader.ReadShortStringBytes().SequenceEqual(name);
            SkipValue(ref reader);
            if (!found) continue;
            field = start..(table.Length - reader.Remaining);
            return true;
        }
        field = default;
        return false;
    }

    private static void ValidateTable(ReadOnlySpan<byte> table, int depth)
    {
        if (depth > NestingMax) ThrowTooDeep();
        var reader = new WireReader(table);
        while (reader.Remaining > 0)
        {
            reader.ReadShortStringBytes();
            ValidateValue(ref reader, depth);
        }
    }

    private static void ValidateArray(ReadOnlySpan<byte> array, int depth)
    {
        if (depth > NestingMax) ThrowTooDeep();
        var reader = new WireReader(array);
        while (reader.Remaining > 0) ValidateValue(ref reader, depth);
    }

    private static void ValidateValue(ref WireReader reader, int depth)
    {
        switch (ReadType(ref reader))
        {
            case FieldType.Table: ValidateTable(reader.ReadLongString(), depth + 1); break;
            case FieldType.Array: ValidateArray(reader.ReadLongString(), depth + 1); break;
            case var type: SkipValue(ref reader, type); break;
        }
    }

    private static void SkipValue(ref WireReader reader) => SkipValue(ref reader, ReadType(ref reader));

    private static void SkipValue(ref WireReader reader, FieldType type)
    {
        switch (type)
        {
            case FieldType.Void: break;
            case FieldType.Bool or FieldType.Byte or FieldType.UnsignedByte: reader.Skip(1); break;
            case FieldType.Short or FieldType.UnsignedShort: reader.Skip(2); break;
            case FieldType.SignedInt or FieldType.UnsignedInt or FieldType.Float: reader.Skip(4); break;
            case FieldType.Decimal: reader.Skip(5); break;
            case FieldType.Long or FieldType.Double or FieldType.Timestamp: reader.Skip(8); break;
            case FieldType.LongString or FieldType.Binary or FieldType.Table or FieldType.Array: reader.ReadLongString(); break;
            default: ThrowUnknownType(type); break;
        }
    }

    /// <summary>The letter of a type. Some clients write a long as <c>L</c>, the specification's letter; RabbitMQ takes both.</summary>
    private static FieldType ReadType(ref WireReader reader)
    {
        var letter = reader.ReadByte();
        return letter == (byte)'L' ? FieldType.Long : (FieldType)letter;
    }

    private static FieldValue ReadValue(ref WireReader reader)
    {
        var type = ReadType(ref reader);
        switch (type)
        {
            case FieldType.Void: return FieldValue.Void;
            case FieldType.Bool: return FieldValue.From(reader.ReadByte() != 0);
            case FieldType.Byte: return FieldValue.From((sbyte)reader.ReadByte());
            case FieldType.UnsignedByte: return FieldValue.From(reader.ReadByte());
            case FieldType.Short: return FieldValue.From((short)reader.ReadShort());
            case FieldType.UnsignedShort: return FieldValue.From(reader.ReadShort());
            case FieldType.SignedInt: return FieldValue.From((int)reader.ReadLong());
            case FieldType.UnsignedInt: return FieldValue.From(reader.ReadLong());
            case FieldType.Long: return FieldValue.From((long)reader.ReadLongLong());
            case FieldType.Float: return FieldValue.From(BitConverter.UInt32BitsToSingle(reader.ReadLong()));
            case FieldType.Double: return FieldValue.From(BitConverter.UInt64BitsToDouble(reader.ReadLongLong()));
            case FieldType.Timestamp: return FieldValue.Timestamp(reader.ReadLongLong());
            case FieldType.Decimal: return FieldValue.Decimal(reader.ReadByte(), reader.ReadLong());
            case FieldType.LongString: return FieldValue.LongString(reader.ReadLongString().ToArray());
            case FieldType.Binary: return FieldValue.Binary(reader.ReadLongString().ToArray());
            case FieldType.Table: return FieldValue.From(new FieldTable(reader.ReadLongString().ToArray()));
            case FieldType.Array: return FieldValue.From(ReadArray(reader.ReadLongString()));
            default: ThrowUnknownType(type); return default;
        }
    }

    private static FieldValue[] ReadArray(ReadOnlySpan<byte> array)
    {
        var values = new List<FieldValue>();
        var reader = new WireReader(array);
        while (reader.Remaining > 0) values.Add(ReadValue(ref reader));
        return values.ToArray();
    }

    private static void WriteFields(ref WireWriter writer, ReadOnlySpan<KeyValuePair<string, FieldValue>> fields)
    {
        foreach (var (name, value) in fields)
        {
            writer.WriteShortString(name);
            WriteValue(ref writer, value);
        }
    }

    private static void WriteValue(ref WireWriter writer, FieldValue value)
    {
        writer.WriteByte((byte)value.Type);
        switch (value.Type)
        {
            case FieldType.Void: break;
            case FieldType.Bool or FieldType.Byte or FieldType.UnsignedByte: writer.WriteByte((byte)value.Bits); break;
            case FieldType.Short or FieldType.UnsignedShort: writer.WriteShort((ushort)value.Bits); break;
            case FieldType.SignedInt or FieldType.UnsignedInt or FieldType.Float: writer.WriteLong((uint)value.Bits); break;
            case FieldType.Long or FieldType.Double or FieldType.Timestamp: writer.WriteLongLong((ulong)value.Bits); break;
            case FieldType.Decimal: writer.WriteByte(value.AsDecimal.Scale); writer.WriteLong(value.AsDecimal.Unscaled); break;
            case FieldType.LongString or FieldType.Binary: writer.WriteLongString(value.AsBytes); break;
            case FieldType.Table: writer.WriteTable(value.AsTable); break;
            case FieldType.Array: WriteArray(ref writer, value.AsArray); break;
            default: throw new ArgumentOutOfRangeException(nameof(value), value.Type, message: null);
        }
    }

    private static void WriteArray(ref WireWriter writer, FieldValue[] values)
    {
        var begin = writer.BeginLong();
        foreach (var value in values) WriteValue(ref writer, value);
        writer.EndLong(begin);
    }

    [DoesNotReturn]
    private static void ThrowTooDeep() =>
        throw new ProtocolException(ReplyCode.SyntaxError, $"field table nested more than {NestingMax} deep");

    [DoesNotReturn]
    private static void ThrowUnknownType(FieldType type) =>
        throw new ProtocolException(ReplyCode.SyntaxError, $"unknown field type {(byte)type}");
}
