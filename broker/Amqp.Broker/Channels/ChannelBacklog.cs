using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Amqp.Broker.Connections;
using AMQP.Net;

namespace Amqp.Broker.Channels;

/// <summary>A frame of which a copy was kept.</summary>
internal readonly record struct KeptFrame(FrameType Type, byte[] Payload);

/// <summary>The frames of a channel that waits for an answer, in their order. Its siblings on the connection go on. They count as memory,
/// and the connection is not read on while one channel, or all of them together, have many.</summary>
internal sealed class ChannelBacklog(AmqpConnection connection)
{
    /// <summary>What keeping a frame costs besides its payload, about: so that many empty ones are not free.</summary>
    private const int KeptFrameBytes = 48;

    /// <summary>So many full channels' worth a connection may have.</summary>
    private const int FullChannels = 16;

    private readonly Queue<KeptFrame> _frames = new();
    private int _bytes;

    /// <summary>A handler of the channel is waiting, so frames are kept here.</summary>
    public bool IsWaiting { get; set; }

    /// <summary>No more should be read until the channel goes on.</summary>
    public bool IsFull => _bytes >= BytesMax || (_bytes > 0 && connection.BacklogBytes >= (long)BytesMax * FullChannels);

    private int BytesMax => connection.Services.Limits.ChannelBacklogBytes;

    public void Add(in Frame frame)
    {
        _frames.Enqueue(new KeptFrame(frame.Type, [.. frame.Payload, .. frame.More.ToArray()]));
        Count(KeptFrameBytes + frame.Size);
    }

    public bool TryTake([NotNullWhen(true)] out KeptFrame frame)
    {
        if (!_frames.TryDequeue(out frame)) return false;
        Count(-KeptFrameBytes - frame.Payload.Length);
        return true;
    }

    /// <summary>The connection ends, and its frames are not handled any more.</summary>
    public void Drop()
    {
        _frames.Clear();
        Count(-_bytes);
    }

    private void Count(int bytes)
    {
        _bytes += bytes;
        connection.BacklogBytes += bytes;
        connection.Services.Memory.Add(bytes);
    }
}
