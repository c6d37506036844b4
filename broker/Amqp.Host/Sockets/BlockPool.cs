using System.Buffers;

namespace Amqp.Host.Sockets;

/// <summary>
/// Buffers of 64 KiB for the sockets (decision note 0010). They are pinned, because the kernel reads and writes them, and kept
/// for reuse up to a bound; what a burst needed beyond it is given back to the collector. The one that came back last goes out first:
/// it is in the processor's cache.
/// </summary>
internal sealed class BlockPool : MemoryPool<byte>
{
    /// <summary>Blocks kept while unused: 16 MiB.</summary>
    private const int BlocksKept = 256;

    private readonly Lock _lock = new();
    private readonly Stack<Block> _free = new();

    public override int MaxBufferSize => Block.Size;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, Block.Size);
        return Take();
    }

    /// <summary>An empty block, which goes back by <see cref="Block.Dispose"/>.</summary>
    /// <param name="bytesMin">Room that it has at least; more than <see cref="Block.Size"/> is for once and not kept.</param>
    public Block Take(int bytesMin = 0)
    {
        if (bytesMin > Block.Size) return new Block(this, bytesMin);
        lock (_lock)
        {
            if (_free.TryPop(out var block)) return block;
        }
        return new Block(this, Block.Size);
    }

    public void Return(Block block)
    {
        if (block.Room.Length != Block.Size) return;
        lock (_lock)
        {
            if (_free.Count < BlocksKept) _free.Push(block);
        }
    }

    protected override void Dispose(bool disposing)
    {
        lock (_lock) _free.Clear();
    }
}
