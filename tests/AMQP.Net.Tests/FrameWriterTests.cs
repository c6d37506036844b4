using System.Buffers;
using System.Runtime.InteropServices;

namespace AMQP.Net.Tests;

internal sealed class FrameWriterTests
{
    [Test]
    public void A_heartbeat_is_eight_bytes() =>
        Assert.That(Bytes.Written(FrameWriter.WriteHeartbeat), Is.EqualTo(Bytes.Of("08 0000 00000000 CE")));

    [Test]
    public void A_content_is_a_header_and_a_body() =>
        Assert.That(Bytes.Written(output => FrameWriter.WriteContent(output, 1, Bytes.Of("1000 02"), "hello"u8.ToArray(), 4096)), Is.EqualTo(Bytes.Of(
            "02 0001 0000000F 003C 0000 0000000000000005 1000 02 CE" + "03 0001 00000005 'hello' CE")));

    [Test]
    public void An_empty_body_has_no_frame() =>
        Assert.That(Bytes.Written(output => FrameWriter.WriteContent(output, 1, Bytes.Of("0000"), default, 4096)), Is.EqualTo(Bytes.Of(
            "02 0001 0000000E 003C 0000 0000000000000000 0000 CE")));

    [TestCase(4088, "4088")]
    [TestCase(4089, "4088 1")]
    [TestCase(8176, "4088 4088")]
    [TestCase(10_000, "4088 4088 1824")]
    public void A_body_is_cut_so_that_whole_frames_keep_the_limit(int size, string frames)
    {
        var body = new byte[size];
        new Random(1).NextBytes(body);
        var reader = new FrameReader(Frame.MinSize);
        reader.Feed(new(Bytes.Written(output => FrameWriter.WriteContent(output, 1, BasicPropertiesTests.None, body, Frame.MinSize))));
        Assert.That(reader.TryRead(out _), Is.True);
        var (sizes, received) = (new List<int>(), new List<byte>());
        while (reader.TryRead(out var frame))
        {
            sizes.Add(frame.Payload.Length);
            received.AddRange(frame.Payload);
        }
        Assert.That(string.Join(' ', sizes), Is.EqualTo(frames));
        Assert.That(received, Is.EqualTo(body));
    }

    [Test]
    public void Without_a_limit_a_body_is_one_frame()
    {
        var bytes = Bytes.Written(output => FrameWriter.WriteContent(output, 1, BasicPropertiesTests.None, new byte[200_000], frameMax: 0));
        Assert.That(bytes, Has.Length.EqualTo(22 + 200_008));
    }

    [TestCase(16_383, 1)]
    [TestCase(16_384, 2)]
    [TestCase(200_000, 3)]
    public void Large_pieces_of_a_body_go_by_reference_and_make_the_same_bytes(int size, int pieces)
    {
        var body = Enumerable.Range(0, size).Select(i => (byte)(i * 31 / 7)).ToArray();
        var output = new ReferenceOutput();
        FrameWriter.WriteContent(output, 1, Bytes.Of("1000 02"), body, 131_072);
        Assert.That(output.Referenced.All(piece => MemoryMarshal.TryGetArray(piece, out var array) && array.Array == body), Is.True);
        Assert.That(output.Referenced, Has.Count.EqualTo(pieces - 1));
        Assert.That(output.Written.SequenceEqual(Bytes.Written(copied => FrameWriter.WriteContent(copied, 1, Bytes.Of("1000 02"), body, 131_072))), Is.True);
    }

    [TestCase(0)] // no limit
    [TestCase(Frame.MinSize)]
    [TestCase(131_072)]
    public void A_body_in_several_arrays_makes_the_same_bytes(int frameMax)
    {
        var body = ContentTests.Body(300_000);
        var whole = Bytes.Written(output => FrameWriter.WriteContent(output, 1, Bytes.Of("1000 02"), body, frameMax));
        foreach (var size in (int[])[100, 65_536, 131_064, 150_000])
        {
            var (pieces, output) = (Bytes.Sequence(Bytes.Cut(body, size)), new ReferenceOutput());
            FrameWriter.WriteContent(output, 1, Bytes.Of("1000 02"), pieces, frameMax);
            Assert.That(output.Written.SequenceEqual(whole), Is.True, $"in arrays of {size}");
        }
        Assert.That(Bytes.Written(output => FrameWriter.WriteContent(output, 1, Bytes.Of("0000"), Bytes.Sequence("he"u8.ToArray(), "llo"u8.ToArray()), frameMax)),
            Is.EqualTo(Bytes.Written(output => FrameWriter.WriteContent(output, 1, Bytes.Of("0000"), "hello"u8.ToArray(), frameMax))));
    }

    [Test]
    public void A_limit_that_leaves_no_room_for_a_body_is_the_callers_mistake() =>
        Assert.That(() => FrameWriter.WriteContent(new ArrayBufferWriter<byte>(), 1, default, "a"u8.ToArray(), 8), Throws.InstanceOf<ArgumentOutOfRangeException>());

    [Test]
    public void A_method_larger_than_the_room_at_hand_is_written_in_a_second_pass()
    {
        var arguments = FieldTable.From(("k", FieldValue.From(new string('v', 5000))));
        var bytes = Bytes.Written(output => FrameWriter.WriteMethod(output, 1, new QueueDeclare("q", false, true, false, false, true, arguments)));
        var reader = new FrameReader(131072);
        reader.Feed(new(bytes));
        Assert.That(reader.TryRead(out var frame), Is.True);
        var read = MethodReader.Read<QueueDeclare>(frame);
        Assert.That(read.Arguments, Is.EqualTo(arguments));
        Assert.That((read.Queue, read.Durable, read.NoWait), Is.EqualTo(("q", true, true)));
    }

    private sealed class ReferenceOutput : IBufferWriter<byte>, IReferenceWriter
    {
        private readonly ArrayBufferWriter<byte> _written = new();

        public List<ReadOnlyMemory<byte>> Referenced { get; } = [];

        public byte[] Written => _written.WrittenSpan.ToArray();

        public void WriteByReference(ReadOnlyMemory<byte> bytes)
        {
            Referenced.Add(bytes);
            _written.Write(bytes.Span);
        }

        public void Advance(int count) => _written.Advance(count);

        public Memory<byte> GetMemory(int sizeHint = 0) => _written.GetMemory(sizeHint);

        public Span<byte> GetSpan(int sizeHint = 0) => _written.GetSpan(sizeHint);
    }
}
