using System.Buffers;

namespace Amqp.Cluster.Links;

/// <summary>A message whose payload is there already.</summary>
internal sealed class LinkBytes(byte kind, byte[] payload) : LinkMessage(kind)
{
    public override long Bytes => payload.Length;

    public override void Write(IBufferWriter<byte> writer) => writer.Write(payload);
}
