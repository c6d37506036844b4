using System.Buffers;
using System.Buffers.Binary;

namespace AMQP.Net;

/// <summary>
/// Cuts frames out of the byte stream (specification 2.3.5):
/// <code>
/// 0      1         3             7                  size+7   size+8
/// +------+---------+-------------+------------------+--------+
/// | type | channel | size        | payload          | 0xCE   |
/// +------+---------+-------------+------------------+--------+
///  octet   short     long          size octets        octet
///
/// method     payload = class id (short), method id (short), arguments
/// header     payload = class id (short), weight (short, 0), body size (long long), property flags (short), properties
/// body       payload = a piece of the body
/// heartbeat  payload = nothing, channel 0
/// </code>
/// A payload that lies in one segment of the input is handed out where it lies, and so is a large body. Another one that straddles
/// segments is copied into a scratch buffer, which is held only as long as frames are being read. The size field is judged before anything is waited
/// for or allocated. One per connection, not thread-safe.
/// </summary>
/// <example><code>
/// reader.Feed(result.Buffer);
/// while (reader.TryRead(out var frame)) Handle(frame);
/// pipe.AdvanceTo(reader.Consumed, result.Buffer.End);
/// </code></example>
/// <param name="frameMax">The first value of <see cref="FrameMax"/>, in force until the limit is negotiated.</param>
public sealed class FrameReader(int frameMax)
{
    /// <summary>Bodies from this size on, bytes, are not copied to have them in one piece.</summary>
    private const int BodyInPiecesMin = 4096;

    private ReadOnlySequence<byte> _input;
    private int _offset; // within the first segment of the input
    private byte[]? _scratch;
    private int _frameMax = Checked(frameMax);

    /// <summary>
    /// The largest frame in bytes, its header and end octet included (specification 1.4.2.5). As RabbitMQ does, payloads of
    /// up to this size are let through: there are clients that forget the eight bytes around them.
    /// </summary>
    public int FrameMax
    {
        get => _frameMax;
        set => _frameMax = Checked(value);
    }

    /// <summary>The place behind the last frame that was read.</summary>
    public SequencePosition Consumed => _input.GetPosition(_offset);

    /// <summary>Takes what has come: the bytes not consumed before and those behind them.</summary>
    public void Feed(in ReadOnlySequence<byte> input)
    {
        _input = input;
        _offset = 0;
    }

    /// <summary>The next frame, if all of it is there.</summary>
    /// <returns>False when more bytes are needed.</returns>
    /// <exception cref="ProtocolException">
    /// 501 when size or end octet are wrong: the place of the next frame is then unknown, and every further call says so again.
    /// 501 when type and payload do not fit together, 505 when type and channel do not; the frame then counts as read, so that
    /// a connection.close-ok behind it can be found.
    /// </exception>
    public bool TryRead(out Frame frame)
    {
        if (!TryCut(_input.FirstSpan[_offset..], out frame) && !TryCutAcross(out frame))
        {
            ReleaseScratch();
            return false;
        }
        Judge(frame);
        return true;
    }

    private bool TryCut(ReadOnlySpan<byte> bytes, out Frame frame)
    {
        frame = default;
        if (bytes.Length < Frame.EmptySize) return false;
        var size = PayloadSize(bytes);
        if (bytes.Length < size + Frame.EmptySize) return false;
        frame = Assemble(bytes, bytes.Slice(Frame.HeaderSize, size), bytes[Frame.HeaderSize + size]);
        _offset += size + Frame.EmptySize;
        return true;
    }

    /// <summary>The way for a frame that straddles segments, or is not there in full.</summary>
    private bool TryCutAcross(out Frame frame)
    {
        frame = default;
        _input = _input.Slice(_offset);
        _offset = 0;
        if (_input.Length < Frame.HeaderSize) return false;
        Span<byte> header = stackalloc byte[Frame.HeaderSize];
        _input.Slice(0, Frame.HeaderSize).CopyTo(header);
        var size = PayloadSize(header);
        if (_input.Length < size + Frame.EmptySize) return false;

        var tail = _input.Slice(Frame.HeaderSize + size);
        if (size >= BodyInPiecesMin && (FrameType)header[0] == FrameType.Body)
        {
            var pieces = _input.Slice(Frame.HeaderSize, size);
            frame = Assemble(header, pieces.FirstSpan, tail.FirstSpan[0], pieces.Slice(pieces.FirstSpan.Length));
            _input = tail.Slice(1);
            return true;
        }
        if (_scratch is null || _scratch.Length < size)
        {
            ReleaseScratch();
            _scratch = ArrayPool<byte>.Shared.Rent(size);
        }
        var payload = _scratch.AsSpan(0, size);
        _input.Slice(Frame.HeaderSize, size).CopyTo(payload);
        frame = Assemble(header, payload, tail.FirstSpan[0]);
        _input = tail.Slice(1);
        return true;
    }

    private int PayloadSize(scoped ReadOnlySpan<byte> header)
    {
        var size = BinaryPrimitives.ReadUInt32BigEndian(header[3..]);
        if (size <= (uint)_frameMax) return (int)size;
        var empty = Assemble(header, default, Frame.End);
        throw empty.Malformed($"{{frame_too_large,{size},{_frameMax - Frame.EmptySize}}}");
    }

    private static Frame Assemble(scoped ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, byte end, ReadOnlySequence<byte> more = default)
    {
        var frame = new Frame((FrameType)header[0], BinaryPrimitives.ReadUInt16BigEndian(header[1..]), payload) { More = more };
        return end == Frame.End ? frame : throw frame.Malformed($"{{invalid_frame_end_marker,{end}}}");
    }

    private static void Judge(in Frame frame)
    {
        var wellFormed = frame.Type switch
        {
            FrameType.Method => frame.Payload.Length >= 4,
            FrameType.Header => frame.Payload.Length >= ContentAssembler.HeaderSize,
            FrameType.Body => true,
            FrameType.Heartbeat => frame.Payload.IsEmpty,
            _ => false,
        };
        if (!wellFormed) throw frame.Malformed("unknown_frame");
        // Heartbeats belong to the connection, contents to a channel, methods to either.
        if (frame.Type != FrameType.Method && (frame.Type == FrameType.Heartbeat) != (frame.Channel == 0)) throw frame.Unexpected();
    }

    private void ReleaseScratch()
    {
        if (_scratch is null) return;
        ArrayPool<byte>.Shared.Return(_scratch);
        _scratch = null;
    }

    private static int Checked(int frameMax)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frameMax, Frame.EmptySize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frameMax, Array.MaxLength - Frame.EmptySize);
        return frameMax;
    }
}
