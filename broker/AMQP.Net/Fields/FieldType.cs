namespace AMQP.Net;

/// <summary>
/// Types of field values in RabbitMQ's dialect (not the letters of the specification, 4.2.5.5; RabbitMQ's errata page lists
/// the differences). The value is the letter on the wire.
/// </summary>
public enum FieldType : byte
{
    LongString = (byte)'S',
    SignedInt = (byte)'I',
    Decimal = (byte)'D',
    Timestamp = (byte)'T',
    Table = (byte)'F',
    Long = (byte)'l',
    Short = (byte)'s',
    Byte = (byte)'b',
    UnsignedByte = (byte)'B',
    UnsignedShort = (byte)'u',
    UnsignedInt = (byte)'i',
    Bool = (byte)'t',
    Float = (byte)'f',
    Double = (byte)'d',
    Array = (byte)'A',
    Binary = (byte)'x',
    Void = (byte)'V',
}

public static class FieldTypes
{
    /// <summary>RabbitMQ's name of the type, as its error texts have it: <c>longstr</c>.</summary>
    public static string Name(this FieldType type) => type switch
    {
        FieldType.LongString => "longstr",
        FieldType.SignedInt => "signedint",
        FieldType.Decimal => "decimal",
        FieldType.Timestamp => "timestamp",
        FieldType.Table => "table",
        FieldType.Long => "long",
        FieldType.Short => "short",
        FieldType.Byte => "byte",
        FieldType.UnsignedByte => "unsignedbyte",
        FieldType.UnsignedShort => "unsignedshort",
        FieldType.UnsignedInt => "unsignedint",
        FieldType.Bool => "bool",
        FieldType.Float => "float",
        FieldType.Double => "double",
        FieldType.Array => "array",
        FieldType.Binary => "binary",
        FieldType.Void => "void",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, message: null),
    };
}
