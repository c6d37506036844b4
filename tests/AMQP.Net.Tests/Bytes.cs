using System.Buffers;
using System.Text;

namespace AMQP.Net.Tests;

/// <summary>Bytes as a test writes them down, and the ways they may arrive.</summary>
internal static class Bytes
{
    /// <summary>Hexadecimal digits, in whatever groups, and 'text' between quotes: <c>0000 02'q1' 01</c>.</summary>
    public static byte[] Of(string notation)
    {
        var bytes = new List<byte>();
        var parts = notation.Split('\'');
        for (var i = 0; i < parts.Length; i++)
            bytes.AddRange(i % 2 == 0 ? Convert.FromHexString(parts[i].Replace(" ", "")) : Encoding.UTF8.GetBytes(parts[i]));
        return bytes.ToArray();
    }

    /// <summary>Properties and body of a content.</summary>
    public static byte[] Of(Content content)
    {
        var bytes = new byte[content.Size];
        content.CopyTo(bytes);
        return bytes;
    }

    /// <summary>One frame around a payload.</summary>
    public static byte[] Frame(FrameType type, ushort channel, byte[] payload) =>
        [(byte)type, (byte)(channel >> 8), (byte)channel, .. BigEndian(payload.Length), .. payload, 0xCE];

    public static byte[] BigEndian(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    /// <summary>A sequence of these pieces, each a segment of its own.</summary>
    public static ReadOnlySequence<byte> Sequence(params byte[][] pieces)
    {
        Segment? first = null, last = null;
        foreach (var piece in pieces)
        {
            last = new Segment(piece, last);
            first ??= last;
        }
        return first is null ? ReadOnlySequence<byte>.Empty : new(first, 0, last!, last!.Memory.Length);
    }

    /// <summary>The bytes in pieces of at most that size.</summary>
    public static byte[][] Cut(byte[] bytes, int size) => bytes.Chunk(size).ToArray();

    public static byte[] Written(Action<IBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>();
        write(output);
        return output.WrittenSpan.ToArray();
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] bytes, Segment? before)
        {
            Memory = bytes;
            if (before is null) return;
            RunningIndex = before.RunningIndex + before.Memory.Length;
            before.Next = this;
        }
    }
}
