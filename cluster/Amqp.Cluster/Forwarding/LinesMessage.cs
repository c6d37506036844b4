using System.Buffers;
using Amqp.Cluster.Links;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>Lines for another node: one frame. They are written when the link sends them, so that bodies are copied into its buffer and nowhere else.</summary>
internal sealed class LinesMessage : LinkMessage
{
    /// <summary>Lines go together up to so many bytes, but for the last: others have their turn on the link, and a frame is far below what it may be.</summary>
    public const int BytesMax = 1 << 20;

    private readonly long _session;
    private readonly int _count;
    private Line[] _lines;

    private LinesMessage(byte kind, long session, Line[] lines, int count, long bytes)
        : base(kind) => (_session, _lines, _count, Bytes) = (session, lines, count, bytes);

    public override long Bytes { get; }

    public static LinesMessage Of(byte kind, long session, ReadOnlySpan<Line> lines, long bytes)
    {
        var array = ArrayPool<Line>.Shared.Rent(lines.Length);
        lines.CopyTo(array);
        return new LinesMessage(kind, session, array, lines.Length, bytes);
    }

    /// <param name="lines">Borrowed from the shared pool, and the message's from here on.</param>
    public static LinesMessage Of(byte kind, long session, Line[] lines, int count, long bytes) => new(kind, session, lines, count, bytes);

    /// <summary>Deliveries that go together; those of a message that is not written, because its link broke, are left to the collector.</summary>
    public static LinesMessage Of(byte kind, long session, ReadOnlySpan<Delivery> deliveries, Func<Delivery, Line> convert, long bytes)
    {
        var array = ArrayPool<Line>.Shared.Rent(deliveries.Length);
        for (var index = 0; index < deliveries.Length; index++) array[index] = convert(deliveries[index]);
        return new LinesMessage(kind, session, array, deliveries.Length, bytes);
    }

    public override void Write(IBufferWriter<byte> payload)
    {
        var lines = _lines;
        _lines = [];
        LineWriter.Write(payload, _session, lines.AsSpan(0, _count));
        lines.AsSpan(0, _count).Clear();
        ArrayPool<Line>.Shared.Return(lines);
    }
}
