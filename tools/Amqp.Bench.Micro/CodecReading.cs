using System.Buffers;
using AMQP.Net;
using BenchmarkDotNet.Attributes;

namespace Amqp.Bench.Micro;

/// <summary>A publish out of the byte stream: method, header and body become one content, as a connection's read loop does it.</summary>
public class CodecReading
{
    private const int Messages = 1024;
    private const int StreamBytes = 1 << 20;
    private const int BodyBytesMax = 1 << 20;

    private readonly ShortStringPool _strings = new();
    private readonly ContentAssembler _assembler = new(BodyBytesMax);
    private readonly FrameReader _frames = new(Wire.FrameMax);
    private SocketReads _reads = null!;

    [Params(16, 1024, 65_536)]
    public int BodyBytes { get; set; }

    [GlobalSetup]
    public void Encode()
    {
        var stream = new ArrayBufferWriter<byte>();
        var body = new byte[BodyBytes];
        do
        {
            FrameWriter.WriteMethod(stream, Wire.Channel, new BasicPublish("exchange", "routing.key", Mandatory: false, Immediate: false));
            FrameWriter.WriteContent(stream, Wire.Channel, Wire.Properties, body, Wire.FrameMax);
        }
        while (stream.WrittenCount < StreamBytes);
        _reads = new SocketReads(stream.WrittenMemory);
        _frames.Feed(_reads.First());
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public long ReadPublish()
    {
        var bytes = 0L;
        for (var left = Messages; left > 0;)
        {
            if (!_frames.TryRead(out var frame))
            {
                _frames.Feed(_reads.Next(_frames.Consumed));
                continue;
            }
            if (Take(frame) != ContentState.Complete) continue;
            bytes += _assembler.Take().Body.Length;
            left--;
        }
        return bytes;
    }

    private ContentState Take(in Frame frame)
    {
        switch (frame.Type)
        {
            case FrameType.Header: return _assembler.AddHeader(frame.Payload);
            case FrameType.Body: return _assembler.AddBody(frame.Payload);
            default:
                MethodReader.Read<BasicPublish>(frame, _strings);
                _assembler.Begin(frame.MethodId);
                return ContentState.Incomplete;
        }
    }
}
