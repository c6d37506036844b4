using System.Buffers.Binary;

namespace Amqp.Broker.Tests.Fuzzing;

/// <summary>Changes a conversation at a few places, mostly so that it still consists of frames: or nothing but their reader would be tried.</summary>
internal sealed class Mutator(Random random)
{
    private const int HeaderBytes = 7;

    private static readonly uint[] Interesting = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF];

    /// <summary>Bytes of the frame that a well-formed stream begins with.</summary>
    public static int FrameLength(ReadOnlySpan<byte> stream) => HeaderBytes + BinaryPrimitives.ReadInt32BigEndian(stream[3..]) + 1;

    public List<byte[]> Mutate()
    {
        var frames = new List<byte[]>(Conversations.All[random.Next(Conversations.All.Length)]);
        // Mostly what comes after the handshake: before it there is little to reach.
        var first = random.Next(10) == 0 ? 0 : Conversations.HandshakeFrames;
        for (var mutations = random.Next(1, 5); mutations > 0 && frames.Count > first; mutations--)
            MutateFrame(frames, random.Next(first, frames.Count));
        return frames;
    }

    private void MutateFrame(List<byte[]> frames, int index)
    {
        switch (random.Next(10))
        {
            case 0:
                frames.RemoveAt(index);
                break;
            case 1:
                frames.Insert(index, frames[random.Next(frames.Count)]);
                break;
            case 2:
                var other = random.Next(frames.Count);
                (frames[index], frames[other]) = (frames[other], frames[index]);
                break;
            case 3:
                var foreign = Conversations.All[random.Next(Conversations.All.Length)];
                frames.Insert(index, foreign[random.Next(foreign.Length)]);
                break;
            case 4:
                frames[index] = Resized(frames[index]);
                break;
            case 5:
                frames[index] = WithByte(frames[index], random.Next(Math.Min(HeaderBytes, frames[index].Length)), (byte)random.Next(256));
                break;
            case 6:
                frames[index] = WithByte(frames[index], random.Next(frames[index].Length), (byte)random.Next(256));
                break;
            case 7:
                frames[index] = WithInteresting(frames[index]);
                break;
            default:
                frames[index] = WithPayloadByte(frames[index]);
                break;
        }
    }

    /// <summary>A payload that is cut or grown, in a frame that says so.</summary>
    private byte[] Resized(byte[] frame)
    {
        if (frame.Length <= HeaderBytes) return frame;
        var length = random.Next(2) == 0 ? random.Next(frame.Length - HeaderBytes) : frame.Length - HeaderBytes + random.Next(16);
        var resized = new byte[HeaderBytes + length + 1];
        frame.AsSpan(0, Math.Min(frame.Length - 1, resized.Length - 1)).CopyTo(resized);
        BinaryPrimitives.WriteInt32BigEndian(resized.AsSpan(3), length);
        resized[^1] = frame[^1];
        return resized;
    }

    private byte[] WithInteresting(byte[] frame)
    {
        var changed = (byte[])frame.Clone();
        Span<byte> value = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(value, Interesting[random.Next(Interesting.Length)]);
        var part = value[^(1 << random.Next(3))..];
        if (changed.Length < HeaderBytes + part.Length + 1) return changed;
        part.CopyTo(changed.AsSpan(HeaderBytes + random.Next(changed.Length - HeaderBytes - part.Length)));
        return changed;
    }

    private byte[] WithPayloadByte(byte[] frame)
    {
        if (frame.Length <= HeaderBytes + 1) return frame;
        var place = HeaderBytes + random.Next(frame.Length - HeaderBytes - 1);
        return WithByte(frame, place, random.Next(2) == 0 ? (byte)(frame[place] ^ (1 << random.Next(8))) : (byte)random.Next(256));
    }

    private static byte[] WithByte(byte[] frame, int place, byte value)
    {
        var changed = (byte[])frame.Clone();
        changed[place] = value;
        return changed;
    }
}
