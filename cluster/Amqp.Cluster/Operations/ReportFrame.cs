using System.Buffers;
using Amqp.Cluster.Links;

namespace Amqp.Cluster.Operations;

/// <summary>What a node says of itself and of queues that it leads, on its way over the control lane. Its bytes: <see cref="ReportCodec"/>.</summary>
internal sealed class ReportFrame(byte[] bytes) : LinkMessage(KindOfFrame)
{
    public const byte KindOfFrame = LinkFrame.FirstOfUsers + 32;

    public override long Bytes => bytes.Length;

    public override void Write(IBufferWriter<byte> payload) => payload.Write(bytes);
}
