using System.Buffers;
using Amqp.Perf;
using AMQP.Net;

namespace Amqp.Bench;

/// <summary>The codec alone, on one thread.</summary>
internal static class CodecLimit
{
    /// <summary>What is read again and again: small enough to stay in the processor's cache, as what a socket has just delivered does.</summary>
    private const int StreamBytes = 1 << 20;

    /// <summary>Publishes that become contents.</summary>
    public static Limit PublishesRead(int bodyBytes, int seconds) => Read(Traffic.Publishes(bodyBytes, StreamBytes), seconds);

    public static Limit AcksRead(int seconds) => Read(Traffic.Acks(StreamBytes), seconds);

    /// <summary>Deliveries encoded into writes of the size that the broker flushes at.</summary>
    public static Limit DeliveriesWritten(int bodyBytes, int seconds)
    {
        var content = Traffic.Content(bodyBytes);
        var output = new SendBuffer();
        var deliveryTag = 0UL;
        return Limit.Measure(seconds, () =>
        {
            output.Clear();
            var count = 0;
            for (; output.Length < Traffic.WriteBytes; count++) Traffic.WriteDelivery(output, ++deliveryTag, content);
            return count;
        });
    }

    private static Limit Read((byte[] Frames, int Count) stream, int seconds)
    {
        var segments = Segment.Cut(stream.Frames);
        var reader = new StreamReader();
        return Limit.Measure(seconds, () =>
        {
            reader.Read(segments);
            return stream.Count;
        });
    }

    /// <summary>Reads as a connection does, without what it does with what it has read.</summary>
    private sealed class StreamReader
    {
        private readonly FrameReader _frames = new(Traffic.FrameMax);
        private readonly ContentAssembler _assembler = new(bodySizeMax: int.MaxValue);
        private readonly ShortStringPool _strings = new();

        /// <summary>The last one, so that none is made unused.</summary>
        public Content Content { get; private set; }

        public BasicAck Ack { get; private set; }

        /// <summary>Each segment comes with one read, behind what the read before has left.</summary>
        public void Read(IReadOnlyList<Segment> segments)
        {
            var (first, offset) = (segments[0], 0);
            foreach (var segment in segments)
            {
                _frames.Feed(new ReadOnlySequence<byte>(first, offset, segment, segment.Memory.Length));
                while (_frames.TryRead(out var frame)) Handle(frame);
                (first, offset) = ((Segment)_frames.Consumed.GetObject()!, _frames.Consumed.GetInteger());
            }
        }

        private void Handle(in Frame frame)
        {
            var state = ContentState.Incomplete;
            if (frame.Type == FrameType.Header) state = _assembler.AddHeader(frame.Payload);
            else if (frame.Type == FrameType.Body) state = _assembler.AddBody(frame);
            else if (frame.MethodId == MethodId.BasicAck) Ack = MethodReader.Read<BasicAck>(frame);
            else
            {
                MethodReader.Read<BasicPublish>(frame, _strings);
                _assembler.Begin(MethodId.BasicPublish);
            }
            if (state == ContentState.Complete) Content = _assembler.Take();
        }
    }

    /// <summary>A block of a pipe.</summary>
    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public static List<Segment> Cut(byte[] stream)
        {
            var segments = new List<Segment>();
            for (var start = 0; start < stream.Length; start += Traffic.WriteBytes)
            {
                var segment = new Segment { Memory = stream.AsMemory(start, Math.Min(Traffic.WriteBytes, stream.Length - start)), RunningIndex = start };
                if (segments.Count > 0) segments[^1].Next = segment;
                segments.Add(segment);
            }
            return segments;
        }
    }
}
