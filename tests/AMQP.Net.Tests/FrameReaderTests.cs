using System.Buffers;

namespace AMQP.Net.Tests;

internal sealed class FrameReaderTests
{
    private const int FrameMax = 4096;

    [Test]
    public void A_payload_within_one_segment_is_not_copied()
    {
        var bytes = Bytes.Frame(FrameType.Body, 1, [1, 2, 3]);
        var reader = new FrameReader(FrameMax);
        reader.Feed(new ReadOnlySequence<byte>(bytes));
        Assert.That(reader.TryRead(out var frame), Is.True);
        Assert.That(frame.Payload.Overlaps(bytes, out var offset), Is.True);
        Assert.That(offset, Is.EqualTo(-Frame.HeaderSize));
    }

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(8)]
    [TestCase(100)]
    public void Frames_are_cut_out_of_segments_of_any_size(int segment)
    {
        var payloads = Enumerable.Range(0, 20).Select(size => Enumerable.Range(0, size * 7).Select(i => (byte)i).ToArray()).ToArray();
        var bytes = payloads.SelectMany(payload => Bytes.Frame(FrameType.Body, 1, payload)).ToArray();
        var input = Bytes.Sequence(Bytes.Cut(bytes, segment));
        var reader = new FrameReader(FrameMax);
        reader.Feed(input);
        foreach (var payload in payloads)
        {
            Assert.That(reader.TryRead(out var frame), Is.True);
            Assert.That(frame.Payload.ToArray(), Is.EqualTo(payload));
        }
        Assert.That(reader.TryRead(out _), Is.False);
        Assert.That(input.Slice(reader.Consumed).IsEmpty, Is.True);
    }

    [Test]
    public void A_large_body_is_handed_out_where_it_lies([Values(5_000, 70_000)] int size, [Values(1_000, 4_096, 65_536)] int segment)
    {
        var body = Enumerable.Range(0, size).Select(i => (byte)(i * 31 / 7)).ToArray();
        var input = Bytes.Sequence(Bytes.Cut([.. Bytes.Frame(FrameType.Heartbeat, 0, []), .. Bytes.Frame(FrameType.Body, 1, body), .. Bytes.Frame(FrameType.Heartbeat, 0, [])], segment));
        var reader = new FrameReader(131_072);
        reader.Feed(input);
        Assert.That(reader.TryRead(out _), Is.True);
        Assert.That(reader.TryRead(out var frame), Is.True);
        Assert.That(frame.Size, Is.EqualTo(size));
        Assert.That(((byte[])[.. frame.Payload, .. frame.More.ToArray()]).AsSpan().SequenceEqual(body), Is.True);
        Assert.That(frame.More.IsEmpty, Is.EqualTo(size + 15 <= segment));
        Assert.That(reader.TryRead(out frame), Is.True);
        Assert.That(frame.Type, Is.EqualTo(FrameType.Heartbeat));
        Assert.That(input.Slice(reader.Consumed).IsEmpty, Is.True);
    }

    [Test]
    public void Only_whole_frames_are_consumed()
    {
        var whole = Bytes.Frame(FrameType.Heartbeat, 0, []);
        var input = Bytes.Sequence([.. whole, 1, 0, 0]);
        var reader = new FrameReader(FrameMax);
        reader.Feed(input);
        Assert.That(reader.TryRead(out _), Is.True);
        Assert.That(reader.TryRead(out _), Is.False);
        Assert.That(input.Slice(reader.Consumed).Length, Is.EqualTo(3));
    }

    [Test]
    public void Nothing_is_read_from_nothing()
    {
        var reader = new FrameReader(FrameMax);
        Assert.That(reader.TryRead(out _), Is.False);
        reader.Feed(ReadOnlySequence<byte>.Empty);
        Assert.That(reader.TryRead(out _), Is.False);
    }

    [TestCase(4096, true, TestName = "Eight_bytes_more_than_the_limit_are_forgiven")]
    [TestCase(4097, false, TestName = "Nine_are_not")]
    public void Size_is_held_against_the_limit(int size, bool accepted)
    {
        var reader = new FrameReader(FrameMax);
        reader.Feed(Bytes.Sequence(Bytes.Frame(FrameType.Body, 1, new byte[size])));
        if (accepted) Assert.That(reader.TryRead(out _), Is.True);
        else Assert.That(Failure(reader).Message, Is.EqualTo("type 3, all octets = <<>>: {frame_too_large,4097,4088}"));
    }

    [Test]
    public void A_frame_that_claims_four_gigabytes_is_refused_by_its_header_alone()
    {
        foreach (var pieces in new[] { 1, 7 })
        {
            var reader = new FrameReader(FrameMax);
            reader.Feed(Bytes.Sequence(Bytes.Cut(Bytes.Of("01 0001 FFFFFFFF"), pieces)));
            var failure = Failure(reader);
            Assert.That(failure.Code, Is.EqualTo(ReplyCode.FrameError));
            Assert.That(failure.Message, Is.EqualTo("type 1, all octets = <<>>: {frame_too_large,4294967295,4088}"));
        }
    }

    [Test]
    public void The_limit_can_be_raised_when_it_is_negotiated()
    {
        var reader = new FrameReader(FrameMax) { FrameMax = 131072 };
        reader.Feed(Bytes.Sequence(Bytes.Frame(FrameType.Body, 1, new byte[100_000])));
        Assert.That(reader.TryRead(out var frame), Is.True);
        Assert.That(frame.Payload.Length, Is.EqualTo(100_000));
        Assert.That(() => reader.FrameMax = 0, Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [TestCase("03 0001 00000003 010203 00", "type 3, all octets = <<1,2,3>>: {invalid_frame_end_marker,0}")]
    [TestCase("03 0001 00000003 'abc' CF", "type 3, all octets = <<\"abc\">>: {invalid_frame_end_marker,207}")]
    [TestCase("03 0001 00000011 '0123456789abcdefg' CF", "type 3, first 16 octets = <<\"0123456789abcdef\">>: {invalid_frame_end_marker,207}")]
    public void A_wrong_end_octet_is_a_frame_error_for_good(string bytes, string text)
    {
        foreach (var size in new[] { 1, 5, 100 })
        {
            var reader = new FrameReader(FrameMax);
            reader.Feed(Bytes.Sequence(Bytes.Cut(Bytes.Of(bytes), size)));
            for (var i = 0; i < 2; i++)
            {
                var failure = Failure(reader);
                Assert.That(failure.Code, Is.EqualTo(ReplyCode.FrameError));
                Assert.That(failure.Message, Is.EqualTo(text));
            }
        }
    }

    [TestCase(4, 1, "", ReplyCode.FrameError, "type 4, all octets = <<>>: unknown_frame")]
    [TestCase(0, 0, "", ReplyCode.FrameError, "type 0, all octets = <<>>: unknown_frame")]
    [TestCase(1, 1, "003C00", ReplyCode.FrameError, "type 1, all octets = <<0,60,0>>: unknown_frame")]
    [TestCase(2, 1, "003C 0000 00000000000000", ReplyCode.FrameError, "type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0>>: unknown_frame")]
    [TestCase(8, 0, "61", ReplyCode.FrameError, "type 8, all octets = <<\"a\">>: unknown_frame")]
    [TestCase(8, 1, "", ReplyCode.UnexpectedFrame, "type 8, all octets = <<>>")]
    [TestCase(3, 0, "'q\"\\'", ReplyCode.UnexpectedFrame, "type 3, all octets = <<\"q\\\"\\\\\">>")]
    [TestCase(2, 0, "003C 0000 0000000000000000 0000", ReplyCode.UnexpectedFrame, "type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,0,0,0>>")]
    public void A_frame_that_does_not_fit_its_type_or_channel_is_told_and_passed_over(
        byte type, int channel, string payload, ReplyCode code, string text)
    {
        var reader = new FrameReader(FrameMax);
        byte[] closeOk = [.. Bytes.Frame((FrameType)type, (ushort)channel, Bytes.Of(payload)), .. Bytes.Frame(FrameType.Method, 0, Bytes.Of("000A 0033"))];
        reader.Feed(Bytes.Sequence(closeOk));
        var failure = Failure(reader);
        Assert.That(failure.Code, Is.EqualTo(code));
        Assert.That(failure.Message, Is.EqualTo(text));
        Assert.That(reader.TryRead(out var next), Is.True);
        Assert.That(next.MethodId, Is.EqualTo(MethodId.ConnectionCloseOk));
    }

    private static ProtocolException Failure(FrameReader reader) => Assert.Throws<ProtocolException>(() => reader.TryRead(out _))!;
}
