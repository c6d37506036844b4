using System.Buffers;
using System.Buffers.Binary;
using Amqp.Cluster.Links;

namespace Amqp.Cluster.Operations;

/// <summary>What a <see cref="QuestionFrame"/> is.</summary>
internal enum QuestionPart : byte
{
    /// <summary>Of a node that asks.</summary>
    Question,

    /// <summary>A part of the answer; more follows.</summary>
    Answer,

    /// <summary>The last part of the answer.</summary>
    End,

    /// <summary>There is no answer; the bytes are a text that says why.</summary>
    Failure,
}

/// <summary>
/// A question of one node to another, or a part of the answer, on its way over the control lane.
/// <code>
/// +----------+------------+---------+
/// | part (1) | number (8) | bytes   |     number: the asking node's, of the question
/// +----------+------------+---------+
/// </code>
/// </summary>
internal sealed class QuestionFrame(QuestionPart part, long number, ReadOnlyMemory<byte> bytes) : LinkMessage(KindOfFrame)
{
    public const byte KindOfFrame = LinkFrame.FirstOfUsers + 35;

    private const int HeadSize = 1 + sizeof(long);

    public override long Bytes => HeadSize + bytes.Length;

    public override void Write(IBufferWriter<byte> payload)
    {
        var head = payload.GetSpan(HeadSize);
        head[0] = (byte)part;
        BinaryPrimitives.WriteInt64BigEndian(head[1..], number);
        payload.Advance(HeadSize);
        payload.Write(bytes.Span);
    }

    /// <returns>False: another node has not written that.</returns>
    public static bool TryRead(ReadOnlySequence<byte> payload, out QuestionPart part, out long number, out byte[] bytes)
    {
        (part, number, bytes) = (default, 0, []);
        if (payload.Length < HeadSize) return false;
        Span<byte> head = stackalloc byte[HeadSize];
        payload.Slice(0, HeadSize).CopyTo(head);
        (part, number) = ((QuestionPart)head[0], BinaryPrimitives.ReadInt64BigEndian(head[1..]));
        if (!Enum.IsDefined(part)) return false;
        bytes = payload.Slice(HeadSize).ToArray();
        return true;
    }
}
