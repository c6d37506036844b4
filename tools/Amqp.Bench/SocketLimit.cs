using System.Buffers;
using System.Diagnostics;
using System.Net.Sockets;
using Amqp.Perf;
using AMQP.Net;

namespace Amqp.Bench;

/// <summary>
/// The sockets alone: what a load sends goes to a process that writes it to another connection and does not look at it. Blocking
/// sockets everywhere, a thread that sends and one that receives here, one there. Each serves for one measurement.
/// </summary>
internal sealed class SocketLimit : IDisposable
{
    private const long WarmUp = Clock.Second;

    /// <summary>As <c>amqpperf</c> reads.</summary>
    private const int InputBytes = 262_144;

    private readonly Companion _relay = Companion.Start("relay");
    private readonly Socket _out;
    private readonly Socket _in;
    private readonly Run _run = new();

    public SocketLimit()
    {
        // In this order: the relay reads from the first that comes.
        _out = _relay.Connect();
        _in = _relay.Connect();
    }

    /// <summary>For the companion: writes to the second connection what comes from the first, until that ends.</summary>
    public static void Relay()
    {
        using var listener = Companion.Listen();
        using var from = listener.Accept();
        using var to = listener.Accept();
        to.NoDelay = true;
        var buffer = new byte[Traffic.WriteBytes];
        while (from.Receive(buffer) is > 0 and var count) to.SendAll(buffer.AsSpan(0, count));
    }

    /// <summary>The publishes of bodies of that size, as fast as it goes. The processor time is the relay's.</summary>
    public Limit Throughput(int bodyBytes, int seconds)
    {
        var (frames, count) = Traffic.Publishes(bodyBytes);
        var sender = Send(() => _out.SendAll(frames));
        var input = new byte[InputBytes];
        Receive(input, WarmUp);
        var cpu = _relay.Target.CpuSeconds;
        var took = Stopwatch.StartNew();
        var received = Receive(input, seconds * Clock.Second);
        var limit = Limit.Of((double)received * count / frames.Length, took.Elapsed, _relay.Target.CpuSeconds - cpu);
        _run.End();
        while (_in.Receive(input) > 0) { }
        sender.Join();
        return limit;
    }

    /// <summary>From the time in a message to its arrival, at a fixed rate that is sent as <c>amqpperf --rate</c> does.</summary>
    public Histogram Latency(int bodyBytes, int rate, int seconds)
    {
        var message = Traffic.Publish(_run, bodyBytes);
        var buffer = new SendBuffer();
        var start = Clock.Now;
        var sent = 0L;
        var sender = Send(() =>
        {
            var now = Clock.Now;
            buffer.Clear();
            for (; sent < (now - start) * rate / Clock.Second; sent++) message.AppendTo(buffer, now);
            if (buffer.Length == 0) _run.Sleep(Clock.Millisecond);
            else _out.SendAll(buffer.Written);
        });
        var latency = ReceiveTimes(start + WarmUp, start + WarmUp + (seconds * Clock.Second));
        sender.Join();
        return latency;
    }

    public void Dispose()
    {
        _out.Dispose();
        _in.Dispose();
        _relay.Dispose();
        _run.Dispose();
    }

    private Thread Send(Action some)
    {
        var thread = new Thread(() =>
        {
            while (!_run.HasEnded) some();
            _out.Shutdown(SocketShutdown.Send);
        });
        thread.Start();
        return thread;
    }

    private long Receive(byte[] input, long nanoseconds)
    {
        var bytes = 0L;
        for (var until = Clock.Now + nanoseconds; Clock.Now < until;) bytes += _in.Receive(input);
        return bytes;
    }

    private Histogram ReceiveTimes(long from, long until)
    {
        var latency = new Histogram();
        var frames = new FrameReader(Traffic.FrameMax);
        var input = new byte[InputBytes];
        var filled = 0;
        while (_in.Receive(input.AsSpan(filled)) is > 0 and var count)
        {
            var now = Clock.Now;
            var fed = new ReadOnlySequence<byte>(input, 0, filled + count);
            frames.Feed(fed);
            while (frames.TryRead(out var frame))
                if (frame.Type == FrameType.Body && Message.TimeOf(frame.Payload, _run.Id) is var sentAt && sentAt >= from && sentAt < until) latency.Record(now - sentAt);
            var consumed = (int)fed.Slice(0, frames.Consumed).Length;
            filled += count - consumed;
            Buffer.BlockCopy(input, consumed, input, 0, filled);
            if (now >= until) _run.End();
        }
        return latency;
    }
}
