using System.Buffers;
using Amqp.Perf;
using AMQP.Net;

namespace Amqp.Bench;

/// <summary>The bytes that <c>amqpperf</c> sends for its publishes, and those that it gets as deliveries.</summary>
internal static class Traffic
{
    /// <summary>What <c>amqpperf</c> and the broker put into one socket write at most, and the size of the broker's reads.</summary>
    public const int WriteBytes = 65_536;

    public const int FrameMax = PerfConnection.FrameMaxWanted;

    private const string Prefix = "amqpperf-00000000-"; // as long as a random one

    private static readonly AmqpUri Nowhere = AmqpUri.Parse("amqp://127.0.0.1");

    /// <summary>A message of a load's, encoded.</summary>
    public static Message Publish(Run run, int bodyBytes) =>
        new(new PerfOptions { Uri = Nowhere, Prefix = Prefix, BodySize = bodyBytes }, run, queue: 0, FrameMax);

    /// <summary>As many whole publishes as fit into so many bytes, one at least.</summary>
    public static (byte[] Frames, int Count) Publishes(int bodyBytes, int bytesMax = WriteBytes)
    {
        using var run = new Run();
        var message = Publish(run, bodyBytes);
        return Repeat(bytesMax, output => message.AppendTo(output, time: 0));
    }

    /// <summary>Likewise of acks, each of one delivery.</summary>
    public static (byte[] Frames, int Count) Acks(int bytesMax) =>
        Repeat(bytesMax, output => FrameWriter.WriteMethod(output, PerfConnection.Channel, new BasicAck(DeliveryTag: 1, Multiple: false)));

    /// <summary>Likewise of deliveries.</summary>
    public static (byte[] Frames, int Count) Deliveries(int bodyBytes)
    {
        var content = Content(bodyBytes);
        return Repeat(WriteBytes, output => WriteDelivery(output, deliveryTag: 1, content));
    }

    /// <summary>Writes a delivery as the broker does.</summary>
    public static void WriteDelivery(IBufferWriter<byte> output, ulong deliveryTag, Content content)
    {
        FrameWriter.WriteMethod(output, PerfConnection.Channel, new BasicDeliver("c0", deliveryTag, Redelivered: false, Exchange: "", Prefix + "0"));
        FrameWriter.WriteContent(output, PerfConnection.Channel, content, FrameMax);
    }

    public static Content Content(int bodyBytes, bool isPersistent = false)
    {
        var properties = new MutableProperties { DeliveryMode = isPersistent ? (byte)2 : (byte)1 }.Encode();
        return new Content([.. properties, .. new byte[bodyBytes]], properties.Length);
    }

    private static (byte[] Frames, int Count) Repeat(int bytesMax, Action<SendBuffer> write)
    {
        var buffer = new SendBuffer();
        write(buffer);
        var count = Math.Max(1, bytesMax / buffer.Length);
        for (var written = 1; written < count; written++) write(buffer);
        return (buffer.Written.ToArray(), count);
    }
}
