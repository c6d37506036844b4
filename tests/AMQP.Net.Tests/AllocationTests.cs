using System.Buffers;

namespace AMQP.Net.Tests;

/// <summary>The paths that every message takes allocate nothing but the message.</summary>
internal sealed class AllocationTests
{
    private const int Messages = 1000;

    private readonly ShortStringPool _strings = new();
    private readonly ContentAssembler _assembler = new(bodySizeMax: 1 << 20);
    private readonly FrameReader _reader = new(131072);

    [Test]
    public void A_publish_allocates_one_array()
    {
        var body = new byte[100];
        var properties = new MutableProperties { DeliveryMode = 2, ContentType = "text/plain" }.Encode();
        var input = new ReadOnlySequence<byte>(Bytes.Written(output =>
        {
            for (var i = 0; i < Messages; i++)
            {
                FrameWriter.WriteMethod(output, 1, new BasicPublish("exchange", "routing.key", true, false));
                FrameWriter.WriteContent(output, 1, properties, body, 131072);
            }
        }));
        var array = Allocated(() => GC.KeepAlive(GC.AllocateUninitializedArray<byte>(properties.Length + body.Length)));
        Assert.That(Allocated(() => Assert.That(Receive(input), Is.EqualTo(Messages))), Is.LessThan((Messages * array) + 2000));
    }

    [Test]
    public void An_ack_allocates_nothing()
    {
        var input = new ReadOnlySequence<byte>(Bytes.Written(output =>
        {
            for (var i = 1; i <= Messages; i++) FrameWriter.WriteMethod(output, 1, new BasicAck((ulong)i, false));
        }));
        Assert.That(Allocated(() => Receive(input)), Is.Zero);
    }

    [Test]
    public void A_delivery_and_its_confirm_allocate_nothing()
    {
        var output = new ArrayBufferWriter<byte>(1 << 20);
        var content = new Content(new byte[102], 2);
        Assert.That(Allocated(() =>
        {
            output.ResetWrittenCount();
            for (var i = 0; i < Messages; i++)
            {
                FrameWriter.WriteMethod(output, 1, new BasicDeliver("amq.ctag-1", (ulong)i, false, "exchange", "routing.key"));
                FrameWriter.WriteContent(output, 1, content, 131072);
                FrameWriter.WriteMethod(output, 2, new BasicAck((ulong)i, true));
            }
            FrameWriter.WriteHeartbeat(output);
        }), Is.Zero);
    }

    [Test]
    public void What_a_broker_asks_of_every_message_allocates_nothing()
    {
        var properties = new BasicProperties(new MutableProperties
        {
            ContentType = "text/plain",
            Headers = FieldTable.From(("x", FieldValue.From("y"))),
            DeliveryMode = 2,
            Priority = 5,
            Timestamp = 1,
        }.Encode());
        Assert.That(Allocated(() =>
        {
            BasicProperties.Validate(properties.Bytes.Span);
            _ = properties.IsPersistent && properties.Priority == 5 && properties.Timestamp == 1 && !properties.HasHeader("CC"u8)
                && !properties.Has(PropertyFlags.Expiration | PropertyFlags.UserId);
        }), Is.Zero);
    }

    [Test]
    public void A_frame_across_segments_uses_a_shared_buffer()
    {
        var bytes = Bytes.Written(output => FrameWriter.WriteContent(output, 1, BasicPropertiesTests.None, new byte[100_000], 131072));
        var input = Bytes.Sequence(Bytes.Cut(bytes, 4096));
        Assert.That(Allocated(() =>
        {
            _reader.Feed(input);
            while (_reader.TryRead(out _)) { }
        }), Is.Zero);
    }

    private int Receive(ReadOnlySequence<byte> input)
    {
        var messages = 0;
        _reader.Feed(input);
        while (_reader.TryRead(out var frame))
        {
            var state = ContentState.Incomplete;
            switch (frame.Type)
            {
                case FrameType.Header: state = _assembler.AddHeader(frame.Payload); break;
                case FrameType.Body: state = _assembler.AddBody(frame); break;
                case FrameType.Method when frame.MethodId == MethodId.BasicPublish:
                    MethodReader.Read<BasicPublish>(frame, _strings);
                    _assembler.Begin(MethodId.BasicPublish);
                    break;
                case FrameType.Method:
                    _assembler.ExpectMethod();
                    MethodReader.Read<BasicAck>(frame, _strings);
                    break;
            }
            if (state != ContentState.Complete) continue;
            _assembler.Take();
            messages++;
        }
        return messages;
    }

    /// <summary>Bytes a second run allocates; the first fills pools and compiles.</summary>
    private static long Allocated(Action action)
    {
        action();
        var before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
