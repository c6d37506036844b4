using System.IO.Pipelines;
using AMQP.Net;
using BenchmarkDotNet.Attributes;

namespace Amqp.Bench.Micro;

/// <summary>A delivery into a connection's pipe. What is written is flushed in pieces of 64 KiB, as the write loop does it, and taken
/// out at the other end without being looked at, which is a small part of it.</summary>
public class CodecWriting
{
    private const int Messages = 1024;

    private readonly Pipe _pipe = new(new PipeOptions(minimumSegmentSize: Wire.BlockBytes, pauseWriterThreshold: 0, useSynchronizationContext: false));
    private Content _content;
    private ulong _tag;

    [Params(16, 1024, 65_536)]
    public int BodyBytes { get; set; }

    [GlobalSetup]
    public void Fill() => _content = new Content([.. Wire.Properties, .. new byte[BodyBytes]], Wire.Properties.Length);

    [Benchmark(OperationsPerInvoke = Messages)]
    public async Task WriteDelivery()
    {
        for (var left = Messages; left > 0;)
        {
            left -= FillBlock(left);
            await _pipe.Writer.FlushAsync();
            if (!_pipe.Reader.TryRead(out var sent)) throw new InvalidOperationException("nothing was written");
            _pipe.Reader.AdvanceTo(sent.Buffer.End);
        }
    }

    /// <summary>Writes until a block is full; returns how many messages that took.</summary>
    private int FillBlock(int messagesMax)
    {
        var output = _pipe.Writer;
        var written = 0;
        while (written < messagesMax && output.UnflushedBytes < Wire.BlockBytes)
        {
            FrameWriter.WriteMethod(output, Wire.Channel, new BasicDeliver("amq.ctag-consumer", ++_tag, Redelivered: false, "exchange", "routing.key"));
            FrameWriter.WriteContent(output, Wire.Channel, _content, Wire.FrameMax);
            written++;
        }
        return written;
    }
}
