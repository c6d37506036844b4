using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Unicode;

namespace AMQP.Net;

/// <summary>
/// Field tables and arrays on the wire:
/// <code>
/// table   long length | { short string name | type octet | value } ...
/// array   long length | { type octet | value } ...
/// </code>
/// A table is validated once, when it arrives: every length inside its bounds, every type known, nesting limited. After that
/// decoding cannot fail, so nothing malformed is stored or forwarded even where values are looked at later or never.
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
            var name = Encoding.UTF8.GetString(reader.ReadShortStringBytes());
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

    private static void ValidateTable(ReadOnlySpan<byte> table, int depth)
    {
        if (depth > NestingMax) ThrowTooDeep();
        var reader = new WireReader(table);
        while (reader.Remaining > 0)
        {
            if (!Utf8.IsValid(reader.ReadShortStringBytes()))
                throw new ProtocolException(ReplyCode.SyntaxError, "name in a field table is not UTF-8");
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
        var type = (FieldType)reader.ReadByte();
        switch (type)
        {
            case FieldType.Void: break;
            case FieldType.Bool or FieldType.Byte or FieldType.UnsignedByte: reader.ReadByte(); break;
            case FieldType.Short or FieldType.UnsignedShort: reader.ReadShort(); break;
            case FieldType.SignedInt or FieldType.UnsignedInt or FieldType.Float: reader.ReadLong(); break;
            case FieldType.Long or FieldType.Double or FieldType.Timestamp: reader.ReadLongLong(); break;
            case FieldType.Decimal: reader.ReadByte(); reader.ReadLong(); break;
            case FieldType.LongString or FieldType.Binary: reader.ReadLongString(); break;
            case FieldType.Table: ValidateTable(reader.ReadLongString(), depth + 1); break;
            case FieldType.Array: ValidateArray(reader.ReadLongString(), depth + 1); break;
            default: ThrowUnknownType(type); break;
        }
    }

    private static FieldValue ReadValue(ref WireReader reader)
    {
        var type = (FieldType)reader.ReadByte();
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
        var measure = new WireWriter(default);
        foreach (var value in values) WriteValue(ref measure, value);
        writer.WriteLong((uint)measure.Length);
        foreach (var value in values) WriteValue(ref writer, value);
    }

    [DoesNotReturn]
    private static void ThrowTooDeep() =>
        throw new ProtocolException(ReplyCode.SyntaxError, $"field table nested more than {NestingMax} deep");

    [DoesNotReturn]
    private static void ThrowUnknownType(FieldType type) =>
        throw new ProtocolException(ReplyCode.SyntaxError, $"unknown field type {(byte)type}");
}
