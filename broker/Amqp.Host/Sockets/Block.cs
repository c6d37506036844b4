using System.Buffers;

namespace Amqp.Host.Sockets;

/// <summary>A buffer of a socket, and as such a piece of what was read from it.</summary>
/// <param name="pool">Where it goes when it is disposed of.</param>
/// <param name="size">Its room, bytes.</param>
internal sealed class Block(BlockPool pool, int size) : ReadOnlySequenceSegment<byte>, IMemoryOwner<byte>
{
    /// <summary>Room of a block that is kept for reuse, bytes.</summary>
    public const int Size = 65_536;

    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(size, pinned: true);

    /// <summary>Bytes at its beginning that hold something.</summary>
    public int Filled { get; private set; }

    /// <summary>What is left behind them.</summary>
    public Memory<byte> Room => _bytes.AsMemory(Filled);

    public Block? NextBlock => (Block?)Next;

    Memory<byte> IMemoryOwner<byte>.Memory => _bytes;

    /// <summary>That many bytes of <see cref="Room"/> were filled.</summary>
    public void Fill(int count)
    {
        Filled += count;
        Memory = _bytes.AsMemory(0, Filled);
    }

    /// <summary>Filled bytes from one place to the last.</summary>
    public ArraySegment<byte> From(int start) => new(_bytes, start, Filled - start);

    /// <summary>Another block follows, and this one is filled no further.</summary>
    public void Link(Block next)
    {
        next.RunningIndex = RunningIndex + Filled;
        Next = next;
    }

    /// <summary>Nothing in it is needed any more.</summary>
    public void Clear()
    {
        Next = null;
        RunningIndex = 0;
        Filled = 0;
        Memory = default;
    }

    public void Dispose()
    {
        Clear();
        pool.Return(this);
    }
}
