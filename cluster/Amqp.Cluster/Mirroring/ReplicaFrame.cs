using System.Buffers;
using AMQP.Net;
using Amqp.Cluster.Links;
using Amqp.Core.Records;
using Amqp.Core.Topology;
using Amqp.Replication;

namespace Amqp.Cluster.Mirroring;

/// <summary>
/// What the copy of a queue says to another one, on its way over a link.
/// <code>
/// +-----------+----------------------------+
/// | queue (8) | message, see ReplicaCodec  |
/// +-----------+----------------------------+
/// </code>
/// </summary>
internal sealed class ReplicaFrame(QueueId queue, ReplicaMessage message) : LinkMessage(KindOfFrame)
{
    public const byte KindOfFrame = LinkFrame.FirstOfUsers + 16;

    private const long OwnBytes = 64;

    // Of the thread that writes: it is cleared with each use.
    [ThreadStatic]
    private static RecordBuffer? _records;

    public override long Bytes => OwnBytes + (message is Feed feed ? feed.Item.Bytes : 0);

    public override void Write(IBufferWriter<byte> payload)
    {
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(payload.GetSpan(sizeof(long)), queue.Value);
        payload.Advance(sizeof(long));
        ReplicaCodec.Write(payload, _records ??= new RecordBuffer(), message);
    }

    /// <returns>False: another node has not written that, or not all of it.</returns>
    public static bool TryRead(ReadOnlySequence<byte> payload, ShortStringPool strings, out QueueId queue, out ReplicaMessage? message)
    {
        (queue, message) = (default, null);
        if (payload.Length < sizeof(long)) return false;
        if (payload.IsSingleSegment) message = Read(payload.FirstSpan, strings, out queue);
        else
        {
            var rented = ArrayPool<byte>.Shared.Rent((int)payload.Length);
            payload.CopyTo(rented);
            message = Read(rented.AsSpan(0, (int)payload.Length), strings, out queue);
            ArrayPool<byte>.Shared.Return(rented);
        }
        return message is not null;
    }

    private static ReplicaMessage? Read(ReadOnlySpan<byte> bytes, ShortStringPool strings, out QueueId queue)
    {
        queue = new QueueId(System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(bytes));
        return ReplicaCodec.Read(bytes[sizeof(long)..], strings);
    }
}
