using AMQP.Net;

namespace Amqp.Bench.Micro;

/// <summary>What a connection of the broker has unless another is asked for.</summary>
internal static class Wire
{
    public const ushort Channel = 1;

    public const int FrameMax = 131_072;

    /// <summary>The blocks of the broker's sockets.</summary>
    public const int BlockBytes = 65_536;

    /// <summary>Of a usual transient message.</summary>
    public static readonly byte[] Properties = new MutableProperties { ContentType = "application/json", DeliveryMode = 1 }.Encode();
}
