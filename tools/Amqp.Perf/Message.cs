using System.Buffers.Binary;
using AMQP.Net;

namespace Amqp.Perf;

/// <summary>
/// The frames of one publish to one queue, encoded once. Only the first bytes of the body change from message to message:
/// <code>
/// publish time (8 bytes, nanoseconds) | number of the run (4 bytes) | zeros
/// </code>
/// </summary>
internal sealed class Message
{
    private readonly byte[] _frames;
    private readonly int _stampAt;

    public Message(PerfOptions options, Run run, int queue, int frameMax, byte? priority = null)
    {
        var body = new byte[options.BodySize];
        IsStamped = body.Length >= PerfOptions.StampedSizeMin;
        if (IsStamped) BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(8), run.Id);
        var properties = new MutableProperties { DeliveryMode = options.Persistent ? (byte)2 : (byte)1, Priority = priority, Headers = HeadersOf(options) }.Encode();

        var buffer = new SendBuffer();
        FrameWriter.WriteMethod(buffer, PerfConnection.Channel, new BasicPublish(options.Exchange, options.QueueName(queue), false, false));
        var publishSize = buffer.Length;
        FrameWriter.WriteContent(buffer, PerfConnection.Channel, properties, body, frameMax);
        _frames = buffer.Written.ToArray();
        var headerSize = Frame.EmptySize + BinaryPrimitives.ReadInt32BigEndian(_frames.AsSpan(publishSize + 3));
        _stampAt = publishSize + headerSize + Frame.HeaderSize;
    }

    public bool IsStamped { get; }

    /// <summary>The messages that a queue gets in turn.</summary>
    public static IEnumerable<Message> For(PerfOptions options, Run run, int queue, int frameMax) => options.Priorities == 0
        ? [new Message(options, run, queue, frameMax)]
        : Enumerable.Range(0, options.Priorities).Select(priority => new Message(options, run, queue, frameMax, (byte)priority));

    public int Size => _frames.Length;

    private static FieldTable? HeadersOf(PerfOptions options) =>
        options.DelayMs == 0 ? null : FieldTable.From(("x-delay", FieldValue.From(options.DelayMs)));

    /// <summary>Appends the frames with this time in the body.</summary>
    public void AppendTo(SendBuffer buffer, long time)
    {
        var room = buffer.GetSpan(_frames.Length);
        _frames.CopyTo(room);
        if (IsStamped) BinaryPrimitives.WriteInt64BigEndian(room[_stampAt..], time);
        buffer.Advance(_frames.Length);
    }

    /// <summary>The time in the first piece of a body; 0 if it is not this run's.</summary>
    public static long TimeOf(ReadOnlySpan<byte> body, int run) =>
        body.Length >= PerfOptions.StampedSizeMin && BinaryPrimitives.ReadInt32BigEndian(body[8..]) == run
            ? BinaryPrimitives.ReadInt64BigEndian(body) : 0;
}
