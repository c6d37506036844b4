using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Amqp.Cluster.Links;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Operations;

/// <summary>
/// Asks the node that leads a queue to hand it over to another one. It has no answer: the record of the queue tells.
/// <code>
/// +-----------+------------------------+
/// | queue (8) | name of the node, UTF-8 |
/// +-----------+------------------------+
/// </code>
/// </summary>
internal sealed class MoveFrame(QueueId queue, string node) : LinkMessage(KindOfFrame)
{
    public const byte KindOfFrame = LinkFrame.FirstOfUsers + 33;

    private readonly byte[] _node = Encoding.UTF8.GetBytes(node);

    public override long Bytes => sizeof(long) + _node.Length;

    public override void Write(IBufferWriter<byte> payload)
    {
        BinaryPrimitives.WriteInt64BigEndian(payload.GetSpan(sizeof(long)), queue.Value);
        payload.Advance(sizeof(long));
        payload.Write(_node);
    }

    /// <returns>False: another node has not written that.</returns>
    public static bool TryRead(ReadOnlySequence<byte> payload, out QueueId queue, out string node)
    {
        (queue, node) = (default, "");
        if (payload.Length is < sizeof(long) or > 1_024) return false;
        var bytes = payload.ToArray();
        queue = new QueueId(BinaryPrimitives.ReadInt64BigEndian(bytes));
        node = Encoding.UTF8.GetString(bytes.AsSpan(sizeof(long)));
        return true;
    }
}
