using System.Buffers.Binary;
using System.Numerics;

namespace AMQP.Net;

/// <summary>
/// The properties of a message (specification 1.8.1) as they stand in its content header, behind the body size:
/// <code>
/// flags (short) | the value of each flag that is set, from the highest bit down
///
/// headers               table         long length | fields
/// delivery-mode         octet         2 = persistent
/// priority              octet
/// timestamp             long long     seconds since 1970-01-01 UTC
/// the other ten         short string  octet length | bytes
/// </code>
/// The bytes are kept and passed on as they came; a property is looked up by stepping over those before it. Strings need not
/// be UTF-8, as in RabbitMQ (<see cref="LosslessUtf8"/>). To change properties, see <see cref="MutableProperties"/>.
/// </summary>
/// <param name="bytes">Flags and values, validated (<see cref="Validate"/>); they may not be changed afterwards.</param>
public readonly struct BasicProperties(ReadOnlyMemory<byte> bytes)
{
    private const PropertyFlags Continuation = (PropertyFlags)1;
    private const PropertyFlags All = (PropertyFlags)0xFFFC;
    private static readonly byte[] NoBytes = new byte[2];

    private readonly ReadOnlyMemory<byte> _bytes = bytes;

    /// <summary>Flags and values.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes.IsEmpty ? NoBytes : _bytes;

    /// <summary>Which properties there are.</summary>
    public PropertyFlags Flags => _bytes.IsEmpty ? PropertyFlags.None : FlagsOf(_bytes.Span);

    public string? ContentType => Text(PropertyFlags.ContentType);
    public string? ContentEncoding => Text(PropertyFlags.ContentEncoding);
    public FieldTable? Headers => Has(PropertyFlags.Headers) ? new FieldTable(ValueOf(PropertyFlags.Headers)[4..]) : null;
    public byte? DeliveryMode => Octet(PropertyFlags.DeliveryMode);
    public byte? Priority => Octet(PropertyFlags.Priority);
    public string? CorrelationId => Text(PropertyFlags.CorrelationId);
    public string? ReplyTo => Text(PropertyFlags.ReplyTo);

    /// <summary>Milliseconds, as decimal digits (RabbitMQ's meaning).</summary>
    public string? Expiration => Text(PropertyFlags.Expiration);
    public string? MessageId => Text(PropertyFlags.MessageId);

    /// <summary>Seconds since 1970-01-01 UTC.</summary>
    public ulong? Timestamp =>
        Has(PropertyFlags.Timestamp) ? BinaryPrimitives.ReadUInt64BigEndian(ValueOf(PropertyFlags.Timestamp).Span) : null;
    public string? Type => Text(PropertyFlags.Type);
    public string? UserId => Text(PropertyFlags.UserId);
    public string? AppId => Text(PropertyFlags.AppId);
    public string? ClusterId => Text(PropertyFlags.ClusterId);

    /// <summary>Delivery mode 2: a durable queue keeps the message over a restart.</summary>
    public bool IsPersistent => DeliveryMode == 2;

    /// <summary>True when all these properties are there.</summary>
    public bool Has(PropertyFlags flags) => (Flags & flags) == flags;

    /// <summary>True when the headers hold a field of that name; nothing is decoded or allocated for it.</summary>
    /// <param name="name">The name in UTF-8.</param>
    public bool HasHeader(ReadOnlySpan<byte> name) =>
        Has(PropertyFlags.Headers) && FieldCodec.TryFind(ValueOf(PropertyFlags.Headers).Span[4..], name, out _);

    /// <summary>Checks flags and values: all known, all in bounds, headers well formed, nothing left over.</summary>
    /// <exception cref="ProtocolException">502 SYNTAX_ERROR.</exception>
    public static void Validate(ReadOnlySpan<byte> bytes)
    {
        var reader = new WireReader(bytes);
        var flags = (PropertyFlags)reader.ReadShort();
        if ((flags & Continuation) != PropertyFlags.None) throw new ProtocolException(ReplyCode.SyntaxError, "more property flags than the basic class has");
        for (flags &= All; flags != PropertyFlags.None; flags &= ~Highest(flags))
        {
            switch (Highest(flags))
            {
                case PropertyFlags.Headers: FieldCodec.ValidateTable(reader.ReadLongString()); break;
                case PropertyFlags.DeliveryMode or PropertyFlags.Priority: reader.Skip(1); break;
                case PropertyFlags.Timestamp: reader.Skip(8); break;
                default: reader.ReadShortStringBytes(); break;
            }
        }
        reader.ExpectEnd();
    }

    /// <summary>The bytes of one value with its length prefix; empty when the property is not there.</summary>
    internal ReadOnlyMemory<byte> ValueOf(PropertyFlags flag)
    {
        var span = _bytes.Span;
        if (span.IsEmpty || (FlagsOf(span) & flag) == PropertyFlags.None) return default;
        var position = 2;
        var before = FlagsOf(span) & ~(PropertyFlags)(((uint)flag << 1) - 1);
        for (; before != PropertyFlags.None; before &= ~Highest(before)) position += SizeAt(span[position..], Highest(before));
        return _bytes.Slice(position, SizeAt(span[position..], flag));
    }

    private string? Text(PropertyFlags flag) => Has(flag) ? LosslessUtf8.GetString(ValueOf(flag).Span[1..]) : null;

    private byte? Octet(PropertyFlags flag) => Has(flag) ? ValueOf(flag).Span[0] : null;

    private static PropertyFlags FlagsOf(ReadOnlySpan<byte> bytes) => (PropertyFlags)BinaryPrimitives.ReadUInt16BigEndian(bytes) & All;

    private static PropertyFlags Highest(PropertyFlags flags) => (PropertyFlags)(1 << BitOperations.Log2((uint)flags));

    private static int SizeAt(ReadOnlySpan<byte> value, PropertyFlags flag) => flag switch
    {
        PropertyFlags.Headers => 4 + BinaryPrimitives.ReadInt32BigEndian(value),
        PropertyFlags.DeliveryMode or PropertyFlags.Priority => 1,
        PropertyFlags.Timestamp => 8,
        _ => 1 + value[0],
    };
}
