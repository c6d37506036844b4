using System.Buffers.Binary;

namespace Amqp.Failover.Tests.Load;

/// <summary>A message says in its first eight bytes which it is; behind that is what follows from these, so that a damaged body is noticed.</summary>
internal static class Body
{
    private const int KeyBytes = 8;
    private const int LengthMin = 16;
    private const int LengthSpan = 1_500;

    public static byte[] Of(MessageKey message)
    {
        var random = new Random(HashOf(message));
        var body = new byte[random.Next(LengthMin, LengthMin + LengthSpan)];
        random.NextBytes(body);
        BinaryPrimitives.WriteInt32BigEndian(body, message.Publisher);
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(sizeof(int)), message.Number);
        return body;
    }

    /// <exception cref="FormatException">It is not as it was published.</exception>
    public static MessageKey Read(ReadOnlySpan<byte> body)
    {
        if (body.Length < KeyBytes) throw new FormatException($"a body of {body.Length} bytes");
        var message = new MessageKey(BinaryPrimitives.ReadInt32BigEndian(body), BinaryPrimitives.ReadInt32BigEndian(body[sizeof(int)..]));
        return body.SequenceEqual(Of(message)) ? message : throw new FormatException($"the body of {message} is damaged");
    }

    private static int HashOf(MessageKey message) => unchecked((message.Publisher * 1_000_003) ^ message.Number);
}
