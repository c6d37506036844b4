using System.Buffers;
using System.Buffers.Binary;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Records;
using AMQP.Net;

namespace Amqp.Cluster.Forwarding;

/// <summary>Reads the lines of frames that come on one connection, and copies each body once. For the thread of that connection.</summary>
internal sealed class LineReader
{
    /// <summary>Of head and properties of one message, bytes; a frame of AMQP is no longer.</summary>
    private const int HeadBytesMax = 1 << 20;

    private readonly ShortStringPool _strings = new();
    private ContentAssembler _contents = new(int.MaxValue);

    /// <summary>Appends the lines of a frame.</summary>
    /// <returns>Its session.</returns>
    /// <exception cref="InvalidDataException">That is not what another node of this version has written.</exception>
    public long Read(in ReadOnlySequence<byte> frame, BatchList<Line> lines)
    {
        try
        {
            var reader = new SequenceReader<byte>(frame);
            var session = Number(ref reader);
            var (number, place) = (0L, 0L);
            while (!reader.End) lines.Add(ReadLine(ref reader, ref number, ref place));
            return session;
        }
        catch (ProtocolException exception)
        {
            _contents = new ContentAssembler(int.MaxValue);
            throw new InvalidDataException(exception.Message, exception);
        }
        catch (InvalidDataException)
        {
            _contents = new ContentAssembler(int.MaxValue);
            throw;
        }
    }

    private Line ReadLine(ref SequenceReader<byte> reader, ref long number, ref long place)
    {
        var kind = (LineKind)Octet(ref reader);
        if (LineFormat.FieldsOf(kind) is not { } fields) throw new InvalidDataException($"a line of kind {(byte)kind}");
        var (flags, value, extra) = ((byte)0, 0L, 0L);
        object? subject = null;
        if (fields.HasFlag(LineFields.Flags)) flags = Octet(ref reader);
        if (fields.HasFlag(LineFields.Number)) number += Signed(ref reader);
        if (fields.HasFlag(LineFields.Value)) value = Signed(ref reader);
        if (fields.HasFlag(LineFields.Place)) value = place += Signed(ref reader);
        if (fields.HasFlag(LineFields.Extra)) extra = Signed(ref reader);
        if (fields.HasFlag(LineFields.Message)) subject = MessageOrNone(ref reader);
        if (fields.HasFlag(LineFields.Text)) subject = TextOrNone(ref reader);
        if (kind == LineKind.AddConsumer) subject = Terms(ref reader);
        if (kind == LineKind.BrowsedMessage) subject = Browsed(ref reader);
        if (subject is null && kind is (LineKind.Publish or LineKind.PublishNumbered or LineKind.PartPublish or LineKind.Delivery)) throw new InvalidDataException("a publish or delivery without a message");
        return new Line(kind, fields.HasFlag(LineFields.Number) ? number : 0, value, subject, flags, extra);
    }

    private static ConsumerTerms Terms(ref SequenceReader<byte> reader) => new(
        TextOrNone(ref reader) ?? "", Octet(ref reader) != 0, Octet(ref reader) != 0, Octet(ref reader) != 0, (int)Signed(ref reader), (int)Signed(ref reader), Signed(ref reader));

    private BrowsedMessage Browsed(ref SequenceReader<byte> reader)
    {
        var (position, state, redelivered) = (Signed(ref reader), Octet(ref reader), Octet(ref reader) != 0);
        var (count, due) = ((int)Signed(ref reader), Signed(ref reader));
        return new BrowsedMessage(position, MessageOrNone(ref reader), (BrowsedState)state, redelivered, count, due);
    }

    private Message? MessageOrNone(ref SequenceReader<byte> reader)
    {
        if (Octet(ref reader) == 0) return null;
        var expiration = Number(ref reader) - 1;
        var (exchange, routingKey) = (ShortText(ref reader), ShortText(ref reader));
        return new Message(exchange, routingKey, ReadContent(ref reader)) { ExpirationMs = expiration };
    }

    private Content ReadContent(ref SequenceReader<byte> reader)
    {
        var length = Number(ref reader);
        if (length < LineWriter.ContentHeadSize || length > Math.Min(reader.Remaining, HeadBytesMax)) throw Short();
        _contents.Begin(MethodId.BasicPublish);
        ContentState state;
        if (reader.UnreadSpan.Length >= length) state = AddHead(reader.UnreadSpan[..(int)length], reader.Remaining - length);
        else
        {
            var head = new byte[length];
            reader.TryCopyTo(head);
            state = AddHead(head, reader.Remaining - length);
        }
        reader.Advance(length);
        for (var left = (long)_contents.BodySize; left > 0;)
        {
            var piece = reader.UnreadSpan[..(int)Math.Min(reader.UnreadSpan.Length, left)];
            state = _contents.AddBody(piece);
            reader.Advance(piece.Length);
            left -= piece.Length;
        }
        return state == ContentState.Complete ? _contents.Take() : throw Short();
    }

    /// <summary>A body that is not there costs nothing.</summary>
    private ContentState AddHead(ReadOnlySpan<byte> head, long left) =>
        BinaryPrimitives.ReadUInt64BigEndian(head[4..]) <= (ulong)left ? _contents.AddHeader(head) : throw Short();

    private string ShortText(ref SequenceReader<byte> reader)
    {
        var length = Octet(ref reader);
        if (reader.Remaining < length) throw Short();
        Span<byte> copy = stackalloc byte[byte.MaxValue];
        copy = copy[..length];
        reader.TryCopyTo(copy);
        reader.Advance(length);
        return _strings.Get(copy);
    }

    private static string? TextOrNone(ref SequenceReader<byte> reader)
    {
        var length = Number(ref reader) - 1;
        if (length < 0) return null;
        if (length > Math.Min(reader.Remaining, HeadBytesMax)) throw Short();
        var bytes = new byte[length];
        reader.TryCopyTo(bytes);
        reader.Advance(length);
        return LosslessUtf8.GetString(bytes);
    }

    private static byte Octet(ref SequenceReader<byte> reader) => reader.TryRead(out var value) ? value : throw Short();

    private static long Number(ref SequenceReader<byte> reader)
    {
        var value = Unsigned(ref reader);
        return value <= long.MaxValue ? (long)value : throw Short();
    }

    private static long Signed(ref SequenceReader<byte> reader) => Varint.UnZigZag(Unsigned(ref reader));

    private static ulong Unsigned(ref SequenceReader<byte> reader)
    {
        var value = 0UL;
        for (var shift = 0; shift < 7 * Varint.SizeMax; shift += 7)
        {
            var next = Octet(ref reader);
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return value;
        }
        throw Short();
    }

    private static InvalidDataException Short() => new("a frame that is not whole");
}
