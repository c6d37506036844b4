namespace AMQP.Net.Tests;

[TestFixtureSource(typeof(GoldenMethods), nameof(GoldenMethods.All))]
internal sealed class GoldenMethodTests(GoldenMethod golden)
{
    [Test]
    public void It_is_written_with_these_bytes() => Assert.That(golden.Written, Is.EqualTo(golden.Frame));

    [Test]
    public void It_is_read_from_these_bytes()
    {
        var reader = new FrameReader(Frame.MinSize);
        reader.Feed(Bytes.Sequence(golden.Frame));
        Assert.That(reader.TryRead(out var frame), Is.True);
        Check(frame);
        Assert.That(reader.TryRead(out _), Is.False);
    }

    [Test]
    public void It_is_read_when_two_segments_meet_anywhere_in_it()
    {
        byte[] bytes = [.. golden.Frame, .. golden.Frame];
        for (var split = 0; split <= bytes.Length; split++)
        {
            var reader = new FrameReader(Frame.MinSize);
            reader.Feed(Bytes.Sequence(bytes[..split], bytes[split..]));
            for (var i = 0; i < 2; i++)
            {
                Assert.That(reader.TryRead(out var frame), Is.True, $"split at {split}");
                Check(frame);
            }
            Assert.That(reader.TryRead(out _), Is.False);
        }
    }

    [Test]
    public void It_is_read_when_it_arrives_byte_by_byte()
    {
        byte[] bytes = [.. golden.Frame, .. golden.Frame];
        var reader = new FrameReader(Frame.MinSize);
        var (begin, read) = (0, 0);
        for (var end = 1; end <= bytes.Length; end++)
        {
            var input = Bytes.Sequence(Bytes.Cut(bytes[begin..end], 1));
            reader.Feed(input);
            if (reader.TryRead(out var frame))
            {
                Check(frame);
                Assert.That(end, Is.EqualTo(golden.Frame.Length * ++read));
            }
            begin += (int)input.Slice(0, reader.Consumed).Length;
        }
        Assert.That(read, Is.EqualTo(2));
        Assert.That(begin, Is.EqualTo(bytes.Length));
    }

    [Test]
    public void Its_arguments_cut_short_or_with_a_byte_too_many_cannot_be_decoded()
    {
        for (var length = 4; length < golden.Payload.Length; length++) Refuse(golden.Payload[..length]);
        Refuse([.. golden.Payload, 0]);
    }

    private void Check(in Frame frame)
    {
        Assert.That(frame.Type, Is.EqualTo(FrameType.Method));
        Assert.That(frame.Channel, Is.EqualTo(GoldenMethod.Channel));
        Assert.That(frame.MethodId, Is.EqualTo(golden.Id));
        var read = golden.Read(frame);
        Assert.That(golden.IsSameAs(read), Is.True, $"{golden.Method} was read as {read}");
    }

    private void Refuse(byte[] payload)
    {
        var refusal = Assert.Throws<ProtocolException>(() => golden.Read(new Frame(FrameType.Method, GoldenMethod.Channel, payload)));
        Assert.That(refusal.Code, Is.EqualTo(ReplyCode.FrameError));
        Assert.That(refusal.Message, Is.EqualTo($"cannot decode <<{string.Join(',', payload[4..])}>>"));
        Assert.That(refusal.Method, Is.EqualTo(golden.Id));
    }
}
