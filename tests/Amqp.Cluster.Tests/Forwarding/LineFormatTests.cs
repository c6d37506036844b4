using System.Buffers;
using System.Globalization;
using Amqp.Cluster.Forwarding;
using Amqp.Core.Messages;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Tests.Forwarding;

/// <summary>What one node writes another one reads; and anything else is an <see cref="InvalidDataException"/>.</summary>
public class LineFormatTests
{
    [Test]
    public void Every_kind_of_line_is_read_as_it_was_written([Values] bool inPieces)
    {
        var lines = Enum.GetValues<LineKind>().Select(Sample).ToArray();
        var read = new BatchList<Line>();
        Assert.That(new LineReader().Read(inPieces ? InPieces(Write(lines)) : new ReadOnlySequence<byte>(Write(lines)), read), Is.EqualTo(77));
        Assert.That(read.Items.ToArray().Select(Text), Is.EqualTo(lines.Select(Text)));
    }

    [Test]
    public void Whatever_comes_only_its_session_ends([Range(1, 200)] int seed)
    {
        var random = new Random(seed);
        var bytes = Write(Enumerable.Range(0, 10).Select(_ => Sample((LineKind)random.Next(1, (int)LineKind.Failed + 1))).ToArray());
        for (var changed = random.Next(1, 4); changed > 0; changed--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        var frame = bytes.AsMemory(0, random.Next(2) == 0 ? bytes.Length : random.Next(bytes.Length));
        try
        {
            new LineReader().Read(random.Next(2) == 0 ? InPieces(frame.ToArray()) : new ReadOnlySequence<byte>(frame), new BatchList<Line>());
        }
        catch (InvalidDataException)
        {
            // As it should be.
        }
    }

    internal static byte[] Write(Line[] lines, long session = 77)
    {
        var buffer = new ArrayBufferWriter<byte>();
        LineWriter.Write(buffer, session, lines);
        return buffer.WrittenSpan.ToArray();
    }

    internal static Line Sample(LineKind kind)
    {
        var fields = LineFormat.FieldsOf(kind) ?? throw new InvalidOperationException($"{kind} has no format");
        object? subject = kind switch
        {
            LineKind.AddConsumer => new ConsumerTerms("tag", AutoAck: true, Exclusive: false, Asks: true, Priority: -3, Prefetch: 10, BrowsesFrom: -1),
            LineKind.BrowsedMessage => new BrowsedMessage(1L << 50, RecordedPublisher.MessageOf("browsed"), BrowsedState.Delayed, true, 3, 1_000),
            _ when fields.HasFlag(LineFields.Message) => RecordedPublisher.MessageOf(new string('x', 300)),
            _ when fields.HasFlag(LineFields.Text) => "text",
            _ => null,
        };
        return new Line(
            kind,
            fields.HasFlag(LineFields.Number) ? 100 - (int)kind : 0,
            fields.HasFlag(LineFields.Value) || fields.HasFlag(LineFields.Place) ? (3L << 40) + (int)kind : 0,
            subject,
            fields.HasFlag(LineFields.Flags) ? (byte)1 : (byte)0,
            fields.HasFlag(LineFields.Extra) ? 5 : 0);
    }

    private static string Text(Line line) => line.Subject switch
    {
        Message message => $"{line with { Subject = null }} {TextOf(message)}",
        BrowsedMessage browsed => $"{line with { Subject = null }} {browsed with { Message = null }} {TextOf(browsed.Message!)}",
        _ => $"{line}",
    };

    private static string TextOf(Message message) =>
        string.Create(CultureInfo.InvariantCulture, $"{message.Exchange} {message.RoutingKey} {message.ExpirationMs} {Convert.ToHexString(message.Properties.Bytes.Span)} {message.Content.Body.Length}");

    private static ReadOnlySequence<byte> InPieces(byte[] bytes)
    {
        Piece? first = null, last = null;
        foreach (var chunk in bytes.Chunk(7))
        {
            last = new Piece(chunk, last);
            first ??= last;
        }
        return first is null ? default : new ReadOnlySequence<byte>(first, 0, last!, last!.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(byte[] bytes, Piece? before)
        {
            Memory = bytes;
            if (before is null) return;
            RunningIndex = before.RunningIndex + before.Memory.Length;
            before.Next = this;
        }
    }
}
