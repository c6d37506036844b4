using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using AMQP.Net;

namespace Amqp.Broker.Channels;

/// <summary>A frame of which a copy was kept.</summary>
internal readonly record struct KeptFrame(FrameType Type, byte[] Payload);

/// <summary>The frames of a channel that waits for an answer, in their order. Its siblings on the connection go on.</summary>
internal sealed class ChannelBacklog(int bytesMax)
{
    /// <summary>What keeping a frame costs besides its payload, about: so that many empty ones are not free.</summary>
    private const int KeptFrameBytes = 48;

    private readonly Queue<KeptFrame> _frames = new();
    private int _bytes;

    /// <summary>A handler of the channel is waiting, so frames are kept here.</summary>
    public bool IsWaiting { get; set; }

    /// <summary>No more should be read until the channel goes on.</summary>
    public bool IsFull => _bytes >= bytesMax;

    public void Add(in Frame frame)
    {
        _frames.Enqueue(new KeptFrame(frame.Type, [.. frame.Payload, .. frame.More.ToArray()]));
        _bytes += KeptFrameBytes + frame.Size;
    }

    public bool TryTake([NotNullWhen(true)] out KeptFrame frame)
    {
        if (!_frames.TryDequeue(out frame)) return false;
        _bytes -= KeptFrameBytes + frame.Payload.Length;
        return true;
    }
}
