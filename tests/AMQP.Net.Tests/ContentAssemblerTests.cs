using System.Buffers;

namespace AMQP.Net.Tests;

internal sealed class ContentAssemblerTests
{
    private const int BodySizeMax = 16 << 20;

    private ContentAssembler _assembler = null!;

    [SetUp]
    public void Assemble() => _assembler = new ContentAssembler(BodySizeMax);

    [Test]
    public void A_body_is_put_together_wherever_its_frame_is_cut()
    {
        var body = Enumerable.Range(0, 5_000).Select(i => (byte)(i * 31 / 7)).ToArray();
        var frame = Bytes.Frame(FrameType.Body, 1, body);
        for (var segment = 1_000; segment <= frame.Length + 1; segment++)
        {
            var reader = new FrameReader(131_072);
            reader.Feed(Bytes.Sequence([.. Bytes.Cut(frame, segment), []]));
            var assembler = new ContentAssembler(10_000);
            assembler.Begin(MethodId.BasicPublish);
            assembler.AddHeader(Bytes.Of("003C 0000 0000000000001388 0000"));
            Assert.That(reader.TryRead(out var cut), Is.True);
            Assert.That(assembler.AddBody(cut), Is.EqualTo(ContentState.Complete), $"in pieces of {segment}");
            Assert.That(assembler.Take().Body.ToArray().SequenceEqual(body), Is.True, $"in pieces of {segment}");
        }
    }

    [Test]
    public void More_body_than_announced_is_refused_in_pieces_as_well()
    {
        var reader = new FrameReader(131_072);
        reader.Feed(Bytes.Sequence(Bytes.Cut(Bytes.Frame(FrameType.Body, 1, new byte[5_000]), 4_007)));
        _assembler.Begin(MethodId.BasicPublish);
        _assembler.AddHeader(Bytes.Of("003C 0000 0000000000000FA0 0000"));
        Assert.That(reader.TryRead(out var frame), Is.True);
        Assert.That(frame.Payload.Length, Is.EqualTo(4_000));
        try
        {
            _assembler.AddBody(frame);
            Assert.Fail("it was taken");
        }
        catch (ProtocolException exception)
        {
            Assert.That(exception.Message, Is.EqualTo("content body exceeds the 4000 bytes that its header announced"));
        }
    }

    [Test]
    public void Header_and_bodies_become_one_content()
    {
        _assembler.Begin(MethodId.BasicPublish);
        Assert.That(_assembler.AddHeader(Header(5, "1000 02")), Is.EqualTo(ContentState.Incomplete));
        Assert.That(_assembler.AddBody("he"u8), Is.EqualTo(ContentState.Incomplete));
        Assert.That(_assembler.AddBody(""u8), Is.EqualTo(ContentState.Incomplete));
        Assert.That(_assembler.AddBody("llo"u8), Is.EqualTo(ContentState.Complete));
        var content = _assembler.Take();
        Assert.That(Bytes.Of(content), Is.EqualTo(Bytes.Of("1000 02 'hello'")));
        Assert.That(content.Body.ToArray(), Is.EqualTo("hello"u8.ToArray()));
        Assert.That(content.Properties.IsPersistent, Is.True);
    }

    [Test]
    public void An_empty_body_is_complete_with_its_header()
    {
        _assembler.Begin(MethodId.BasicDeliver);
        Assert.That(_assembler.AddHeader(Header(0)), Is.EqualTo(ContentState.Complete));
        Assert.That(_assembler.Take().Body.IsEmpty, Is.True);
    }

    [Test]
    public void One_content_follows_another()
    {
        for (var i = 1; i < 5; i++)
        {
            _assembler.ExpectMethod();
            _assembler.Begin(MethodId.BasicPublish);
            _assembler.AddHeader(Header((ulong)i));
            Assert.That(_assembler.AddBody(new byte[i]), Is.EqualTo(ContentState.Complete));
            Assert.That(_assembler.Take().Body.Length, Is.EqualTo(i));
        }
    }

    [Test]
    public void A_large_body_that_is_only_announced_costs_little()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        _assembler.Begin(MethodId.BasicPublish);
        _assembler.AddHeader(Header(BodySizeMax));
        _assembler.AddBody("a"u8);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(Content.PieceBytes + 1_000));
    }

    [Test]
    public void A_large_body_that_arrives_is_whole_and_without_slack()
    {
        var body = ContentTests.Body(5_000_001);
        var frames = Bytes.Cut(body, 131_064);
        var before = GC.GetAllocatedBytesForCurrentThread();
        _assembler.Begin(MethodId.BasicPublish);
        var state = _assembler.AddHeader(Header((ulong)body.Length));
        foreach (var frame in frames) state = _assembler.AddBody(frame);
        Assert.That(state, Is.EqualTo(ContentState.Complete));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1.01 * body.Length));
        var content = _assembler.Take();
        Assert.That(content.Body.ToArray().SequenceEqual(body), Is.True);
        Assert.That(content.Size, Is.EqualTo(2 + body.Length));
    }

    [TestCase(BodySizeMax + 1UL)]
    [TestCase(ulong.MaxValue)]
    public void Too_large_a_body_is_told_by_its_header_and_never_kept(ulong size)
    {
        _assembler.Begin(MethodId.BasicPublish);
        Assert.That(_assembler.AddHeader(Header(size)), Is.EqualTo(ContentState.TooLarge));
        Assert.That(_assembler.BodySize, Is.EqualTo(size));
        Assert.That(_assembler.AddBody(new byte[100]), Is.EqualTo(ContentState.TooLarge));
        Assert.That(() => _assembler.Take(), Throws.InvalidOperationException);
    }

    [Test]
    public void Behind_too_large_a_body_the_next_content_is_found()
    {
        var assembler = new ContentAssembler(bodySizeMax: 3);
        assembler.Begin(MethodId.BasicPublish);
        Assert.That(assembler.AddHeader(Header(4)), Is.EqualTo(ContentState.TooLarge));
        Assert.That(assembler.AddBody("1234"u8), Is.EqualTo(ContentState.TooLarge));
        assembler.Begin(MethodId.BasicPublish);
        assembler.AddHeader(Header(3));
        Assert.That(assembler.AddBody("123"u8), Is.EqualTo(ContentState.Complete));
    }

    [Test]
    public void Frames_out_of_order_are_unexpected()
    {
        const string Method = "expected method frame, got non method frame instead";
        const string Header60 = "expected content header for class 60, got non content header frame instead";
        const string Body = "expected content body, got non content body frame instead";

        Unexpected(Method, default, () => _assembler.AddHeader(Header(1)));
        Unexpected(Method, default, () => _assembler.AddBody("a"u8));
        _assembler.Begin(MethodId.BasicPublish);
        Unexpected(Header60, MethodId.BasicPublish, () => _assembler.AddBody("a"u8));
        Unexpected(Header60, MethodId.BasicPublish, () => _assembler.ExpectMethod());
        Unexpected(Header60, MethodId.BasicPublish, () => _assembler.Begin(MethodId.BasicPublish));
        Unexpected(Header60, MethodId.BasicPublish, () => _assembler.AddHeader(Bytes.Of("003C 0001 0000000000000001 0000")));
        Unexpected("expected content header for class 60, got one for class 50 instead", MethodId.BasicPublish,
            () => _assembler.AddHeader(Bytes.Of("0032 0000 0000000000000001 0000")));
        _assembler.AddHeader(Header(1));
        Unexpected(Body, MethodId.BasicPublish, () => _assembler.AddHeader(Header(1)));
        Unexpected(Body, MethodId.BasicPublish, () => _assembler.ExpectMethod());
        Unexpected("content body exceeds the 1 bytes that its header announced", MethodId.BasicPublish, () => _assembler.AddBody("ab"u8));
    }

    [Test]
    public void A_body_behind_a_complete_content_is_unexpected()
    {
        _assembler.Begin(MethodId.BasicPublish);
        _assembler.AddHeader(Header(0));
        _assembler.Take();
        Unexpected("expected method frame, got non method frame instead", default, () => _assembler.AddBody("a"u8));
    }

    [Test]
    public void Malformed_properties_are_a_syntax_error()
    {
        _assembler.Begin(MethodId.BasicPublish);
        var failure = Assert.Throws<ProtocolException>(() => _assembler.AddHeader(Header(1, "8000 05'abc'")));
        Assert.That(failure.Code, Is.EqualTo(ReplyCode.SyntaxError));
    }

    [Test]
    public void A_method_without_content_is_the_callers_mistake() =>
        Assert.That(() => _assembler.Begin(MethodId.BasicAck), Throws.ArgumentException);

    internal static byte[] Header(ulong bodySize, string properties = "0000") =>
        Bytes.Of($"003C 0000 {bodySize:X16} {properties}");

    private static void Unexpected(string text, MethodId method, Action action)
    {
        var failure = Assert.Throws<ProtocolException>(() => action());
        Assert.That((failure.Code, failure.Message, failure.Method), Is.EqualTo((ReplyCode.UnexpectedFrame, text, method)));
    }
}
