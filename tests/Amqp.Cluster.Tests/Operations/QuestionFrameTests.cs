using System.Buffers;
using Amqp.Cluster.Operations;

namespace Amqp.Cluster.Tests.Operations;

public sealed class QuestionFrameTests
{
    [Test]
    public void A_frame_is_read_as_it_was_written()
    {
        var bytes = new ArrayBufferWriter<byte>();
        new QuestionFrame(QuestionPart.End, 1L << 40, "text"u8.ToArray()).Write(bytes);
        Assert.That(QuestionFrame.TryRead(new ReadOnlySequence<byte>(bytes.WrittenMemory), out var part, out var number, out var text), Is.True);
        Assert.That((part, number, text), Is.EqualTo((QuestionPart.End, 1L << 40, "text"u8.ToArray())));
    }

    [TestCase(new byte[0])]
    [TestCase(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0 }, TestName = "too short")]
    [TestCase(new byte[] { 9, 0, 0, 0, 0, 0, 0, 0, 1, 7 }, TestName = "a part that there is not")]
    public void What_is_no_frame_is_known_as_such(byte[] bytes) =>
        Assert.That(QuestionFrame.TryRead(new ReadOnlySequence<byte>(bytes), out _, out _, out _), Is.False);
}
