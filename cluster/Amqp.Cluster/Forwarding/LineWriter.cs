using System.Buffers;
using System.Buffers.Binary;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Records;
using AMQP.Net;

namespace Amqp.Cluster.Forwarding;

/// <summary>Writes lines straight into the buffer of a link, as <see cref="LineFormat"/> draws them: a body is copied once.</summary>
internal ref struct LineWriter(IBufferWriter<byte> buffer)
{
    /// <summary>Of a content header frame: class, weight, size of the body.</summary>
    public const int ContentHeadSize = 12;

    private long _number;
    private long _place;

    public static void Write(IBufferWriter<byte> buffer, long session, ReadOnlySpan<Line> lines)
    {
        var writer = new LineWriter(buffer);
        writer.Number(session);
        foreach (ref readonly var line in lines) writer.Write(line);
    }

    private void Write(in Line line)
    {
        var fields = LineFormat.FieldsOf(line.Kind)!.Value;
        Octet((byte)line.Kind);
        if (fields.HasFlag(LineFields.Flags)) Octet(line.Flags);
        if (fields.HasFlag(LineFields.Number))
        {
            Signed(line.Number - _number);
            _number = line.Number;
        }
        if (fields.HasFlag(LineFields.Value)) Signed(line.Value);
        if (fields.HasFlag(LineFields.Place))
        {
            Signed(line.Value - _place);
            _place = line.Value;
        }
        if (fields.HasFlag(LineFields.Extra)) Signed(line.Extra);
        if (fields.HasFlag(LineFields.Message)) MessageOrNone((Message?)line.Subject);
        if (fields.HasFlag(LineFields.Text)) TextOrNone((string?)line.Subject);
        if (line.Subject is ConsumerTerms terms) Terms(terms);
        else if (line.Subject is BrowsedMessage browsed) Browsed(browsed);
    }

    private readonly void Terms(ConsumerTerms terms)
    {
        TextOrNone(terms.Tag);
        Octet(terms.AutoAck ? (byte)1 : (byte)0);
        Octet(terms.Exclusive ? (byte)1 : (byte)0);
        Octet(terms.Asks ? (byte)1 : (byte)0);
        Signed(terms.Priority);
        Signed(terms.Prefetch);
        Signed(terms.BrowsesFrom);
    }

    private readonly void Browsed(BrowsedMessage browsed)
    {
        Signed(browsed.Position);
        Octet((byte)browsed.State);
        Octet(browsed.Redelivered ? (byte)1 : (byte)0);
        Signed(browsed.DeliveryCount);
        Signed(browsed.DueAt);
        MessageOrNone(browsed.Message);
    }

    /// <summary>An id of its body would mean nothing on the other node, and is left out.</summary>
    private readonly void MessageOrNone(Message? message)
    {
        Octet(message is null ? (byte)0 : (byte)1);
        if (message is null) return;
        var content = message.Content;
        Number(message.ExpirationMs + 1);
        ShortText(message.Exchange);
        ShortText(message.RoutingKey);
        var properties = message.Properties.Bytes.Span;
        Number(ContentHeadSize + properties.Length);
        var head = buffer.GetSpan(ContentHeadSize + properties.Length);
        BinaryPrimitives.WriteUInt16BigEndian(head, MethodId.BasicPublish.ClassId());
        BinaryPrimitives.WriteUInt16BigEndian(head[2..], 0);
        BinaryPrimitives.WriteUInt64BigEndian(head[4..], (ulong)content.BodySize);
        properties.CopyTo(head[ContentHeadSize..]);
        buffer.Advance(ContentHeadSize + properties.Length);
        foreach (var piece in content.Body) buffer.Write(piece.Span);
    }

    private readonly void ShortText(string text)
    {
        var span = buffer.GetSpan(1 + byte.MaxValue);
        span[0] = (byte)LosslessUtf8.GetBytes(text, span[1..]);
        buffer.Advance(1 + span[0]);
    }

    private readonly void TextOrNone(string? text)
    {
        if (text is null)
        {
            Number(0);
            return;
        }
        var length = LosslessUtf8.GetByteCount(text);
        Number(length + 1);
        buffer.Advance(LosslessUtf8.GetBytes(text, buffer.GetSpan(Math.Max(1, length))));
    }

    private readonly void Octet(byte value)
    {
        buffer.GetSpan(1)[0] = value;
        buffer.Advance(1);
    }

    private readonly void Number(long value) => buffer.Advance(Varint.Write(buffer.GetSpan(Varint.SizeMax), (ulong)value));

    private readonly void Signed(long value) => buffer.Advance(Varint.Write(buffer.GetSpan(Varint.SizeMax), Varint.ZigZag(value)));
}
