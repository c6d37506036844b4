using System.Buffers;

namespace AMQP.Net;

/// <summary>A message's properties and body, as they came: in one array, or the body in several if it is large.</summary>
public readonly struct Content
{
    /// <summary>Bodies up to this size, bytes, are in one array, and larger ones in arrays of this size.</summary>
    public const int PieceBytes = 64 << 10;

    private readonly byte[] _buffer;
    private readonly LargeBody? _large;

    /// <param name="buffer">Property flags and properties, validated, then the body. It may not be changed afterwards.</param>
    /// <param name="propertiesLength">Where the body begins.</param>
    public Content(byte[] buffer, int propertiesLength)
    {
        _buffer = buffer;
        PropertiesLength = propertiesLength;
    }

    internal Content(byte[] properties, LargeBody body)
        : this(properties, properties.Length) => _large = body;

    /// <summary>Properties and body, bytes.</summary>
    public int Size => _buffer.Length + (_large?.Size ?? 0);

    /// <summary>Property flags and properties, bytes.</summary>
    public int PropertiesLength { get; }

    /// <summary>The body alone, bytes.</summary>
    public int BodySize => Size - PropertiesLength;

    /// <summary>The properties, where they lie.</summary>
    public BasicProperties Properties => new(_buffer.AsMemory(0, PropertiesLength));

    /// <summary>The body, where it lies.</summary>
    public ReadOnlySequence<byte> Body => _large?.Bytes ?? new(_buffer, PropertiesLength, _buffer.Length - PropertiesLength);

    /// <summary>Whether the body is in one array, and if so, where.</summary>
    internal bool IsOneArray(out ReadOnlyMemory<byte> body)
    {
        body = _large is null ? _buffer.AsMemory(PropertiesLength) : default;
        return _large is null;
    }

    /// <summary>A content of its own with these bytes.</summary>
    /// <param name="bytes">Property flags and properties, validated, then the body.</param>
    /// <param name="propertiesLength">Where the body begins.</param>
    public static Content Copy(ReadOnlySpan<byte> bytes, int propertiesLength)
    {
        var bodySize = bytes.Length - propertiesLength;
        if (bodySize <= PieceBytes) return new Content(bytes.ToArray(), propertiesLength);
        var body = new LargeBody(bodySize);
        body.Append(bytes[propertiesLength..]);
        return new Content(bytes[..propertiesLength].ToArray(), body);
    }

    /// <summary>Writes properties and body one behind the other.</summary>
    /// <param name="destination">At least <see cref="Size"/> bytes.</param>
    public void CopyTo(Span<byte> destination)
    {
        _buffer.CopyTo(destination);
        _large?.Bytes.CopyTo(destination[_buffer.Length..]);
    }

    /// <summary>The same body with other properties.</summary>
    public Content With(MutableProperties properties)
    {
        var encoded = properties.Encode();
        return _large is null ? new Content([.. encoded, .. _buffer.AsSpan(PropertiesLength)], encoded.Length) : new Content(encoded, _large);
    }
}
