namespace AMQP.Net;

/// <summary>A message's properties and body, one behind the other in one array, as they came.</summary>
/// <param name="buffer">Property flags and properties, validated, then the body. Nobody may change it afterwards.</param>
/// <param name="propertiesLength">Where the body begins.</param>
public readonly struct Content(byte[] buffer, int propertiesLength)
{
    /// <summary>Properties and body.</summary>
    public byte[] Buffer { get; } = buffer;

    public int PropertiesLength { get; } = propertiesLength;

    public BasicProperties Properties => new(Buffer.AsMemory(0, PropertiesLength));

    public ReadOnlyMemory<byte> Body => Buffer.AsMemory(PropertiesLength);

    /// <summary>The same body with other properties.</summary>
    public Content With(MutableProperties properties)
    {
        var encoded = properties.Encode();
        return new Content([.. encoded, .. Body.Span], encoded.Length);
    }
}
