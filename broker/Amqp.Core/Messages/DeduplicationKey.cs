using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AMQP.Net;

namespace Amqp.Core.Messages;

/// <summary>
/// By what a message is known again: the value of its header <c>x-deduplication-header</c>, as 128 bits of its SHA-256, so that keys of any length
/// take the same room and nobody can make two that meet.
/// </summary>
public static class DeduplicationKey
{
    public const int Bytes = 16;

    private const string Header = "x-deduplication-header";

    /// <returns>Null: the message has no such header, and is no duplicate of any other. A header without a value is none.</returns>
    public static UInt128? Of(FieldTable? headers)
    {
        if (headers is null || !headers.TryGet(Header, out var value) || value.Type == FieldType.Void) return null;
        // As in the plug-in the number 1 is another key than the text "1", and the same whatever its width.
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
