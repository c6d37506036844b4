using System.Numerics;

namespace AMQP.Net;

/// <summary>
/// Properties to be set one by one: for clients, and for the rare message that a broker changes on its way. Those that
/// are not set keep the very bytes they came with. The members are those of <see cref="BasicProperties"/>; null takes a
/// property away.
/// </summary>
public sealed class MutableProperties
{
    private readonly BasicProperties _source;
    private readonly object?[] _values = new object?[16];
    private PropertyFlags _assigned;

    public MutableProperties()
    {
    }

    private MutableProperties(BasicProperties source)
    {
        _source = source;
    }

    public string? ContentType { get => Get(PropertyFlags.ContentType, _source.ContentType); set => Set(PropertyFlags.ContentType, value); }
    public string? ContentEncoding { get => Get(PropertyFlags.ContentEncoding, _source.ContentEncoding); set => Set(PropertyFlags.ContentEncoding, value); }
    public FieldTable? Headers { get => Get(PropertyFlags.Headers, _source.Headers); set => Set(PropertyFlags.Headers, value); }
    public byte? DeliveryMode { get => Get(PropertyFlags.DeliveryMode, _source.DeliveryMode); set => Set(PropertyFlags.DeliveryMode, value); }
    public byte? Priority { get => Get(PropertyFlags.Priority, _source.Priority); set => Set(PropertyFlags.Priority, value); }
    public string? CorrelationId { get => Get(PropertyFlags.CorrelationId, _source.CorrelationId); set => Set(PropertyFlags.CorrelationId, value); }
    public string? ReplyTo { get => Get(PropertyFlags.ReplyTo, _source.ReplyTo); set => Set(PropertyFlags.ReplyTo, value); }
    public string? Expiration { get => Get(PropertyFlags.Expiration, _source.Expiration); set => Set(PropertyFlags.Expiration, value); }
    public string? MessageId { get => Get(PropertyFlags.MessageId, _source.MessageId); set => Set(PropertyFlags.MessageId, value); }
    public ulong? Timestamp { get => Get(PropertyFlags.Timestamp, _source.Timestamp); set => Set(PropertyFlags.Timestamp, value); }
    public string? Type { get => Get(PropertyFlags.Type, _source.Type); set => Set(PropertyFlags.Type, value); }
    public string? UserId { get => Get(PropertyFlags.UserId, _source.UserId); set => Set(PropertyFlags.UserId, value); }
    public string? AppId { get => Get(PropertyFlags.AppId, _source.AppId); set => Set(PropertyFlags.AppId, value); }
    public string? ClusterId { get => Get(PropertyFlags.ClusterId, _source.ClusterId); set => Set(PropertyFlags.ClusterId, value); }

    /// <summary>The same properties, to be changed.</summary>
    public static MutableProperties From(BasicProperties source) => new(source);

    /// <summary>Flags and values, as <see cref="BasicProperties"/> and <see cref="FrameWriter"/> take them.</summary>
    /// <exception cref="ArgumentException">A string is longer than 255 bytes.</exception>
    public byte[] Encode()
    {
        var measure = new WireWriter(default);
        Write(ref measure);
        var bytes = new byte[measure.Length];
        var writer = new WireWriter(bytes);
        Write(ref writer);
        return bytes;
    }

    private void Write(ref WireWriter writer)
    {
        var flags = _source.Flags & ~_assigned;
        for (var bit = 0; bit < _values.Length; bit++)
            if (_values[bit] is not null) flags |= (PropertyFlags)(1 << bit);

        writer.WriteShort((ushort)flags);
        for (var bit = 15; bit >= 0; bit--)
        {
            var flag = (PropertyFlags)(1 << bit);
            if ((flags & flag) == PropertyFlags.None) continue;
            switch (_values[bit])
            {
                case null: writer.WriteBytes(_source.ValueOf(flag).Span); break;
                case string text: writer.WriteShortString(text); break;
                case FieldTable table: writer.WriteTable(table); break;
                case byte octet: writer.WriteByte(octet); break;
                case ulong seconds: writer.WriteLongLong(seconds); break;
            }
        }
    }

    private T? Get<T>(PropertyFlags flag, T? original) => (_assigned & flag) == PropertyFlags.None ? original : (T?)_values[BitOf(flag)];

    private void Set(PropertyFlags flag, object? value)
    {
        _assigned |= flag;
        _values[BitOf(flag)] = value;
    }

    private static int BitOf(PropertyFlags flag) => BitOperations.Log2((uint)flag);
}
