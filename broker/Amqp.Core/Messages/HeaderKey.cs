using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AMQP.Net;

namespace Amqp.Core.Messages;

/// <summary>
/// The value of a header by which messages are told apart or put together, as 128 bits of its SHA-256: so that values of any length take the same room,
/// and no client can make two values with the same key.
/// </summary>
public static class HeaderKey
{
    public const int Bytes = 16;

    /// <summary>By which a message is known again.</summary>
    public const string Deduplication = "x-deduplication-header";

    /// <summary>By which a message belongs to a group.</summary>
    public const string Group = "x-group-id";

    /// <param name="headers">Of a message; null if it has none.</param>
    /// <returns>Null: there is no such header. One without a value is none.</returns>
    public static UInt128? Of(FieldTable? headers, string name)
    {
        if (headers is null || !headers.TryGet(name, out var value) || value.Type == FieldType.Void) return null;
        // The number 1 is another value than the text "1", and the same whatever its width: so it is in the deduplication plug-in.
        if (value.Type == FieldType.LongString) return Hash((byte)FieldType.LongString, value.AsBytes);
        if (!value.TryGetInteger(out var number)) return Hash((byte)value.Type, LosslessUtf8.GetBytes(value.ToString()));
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        return Hash((byte)FieldType.Long, bytes);
    }

    /// <summary>A key as a body.</summary>
    public static byte[] ToBody(UInt128 key)
    {
        var body = new byte[Bytes];
        BinaryPrimitives.WriteUInt128LittleEndian(body, key);
        return body;
    }

    /// <summary>A body that <see cref="ToBody"/> has made.</summary>
    public static UInt128 FromBody(ReadOnlySpan<byte> body) => BinaryPrimitives.ReadUInt128LittleEndian(body);

    private static UInt128 Hash(byte type, ReadOnlySpan<byte> value)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.CreateReadOnlySpan(in type, 1));
        hash.AppendData(value);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt128LittleEndian(digest);
    }
}
