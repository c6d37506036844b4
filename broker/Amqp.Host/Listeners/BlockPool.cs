using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Amqp.Host.Listeners;

/// <summary>
/// Buffers of 64 KiB for the sockets. With Kestrel's own of 4 KiB a fast client is read in small pieces, at less than half
/// the bytes per second (decision note 0002). Blocks are pinned, because the kernel writes into them, and kept for reuse up
/// to a bound; what a burst needed beyond it is given back to the collector.
/// </summary>
internal sealed class BlockPool : MemoryPool<byte>
{
    public const int BlockBytes = 65_536;

    /// <summary>Blocks kept while unused: 16 MiB.</summary>
    private const int BlocksKept = 256;

    private readonly ConcurrentQueue<Block> _free = new();
    private int _freeCount;

    public override int MaxBufferSize => BlockBytes;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
        if (!_free.TryDequeue(out var block)) return new Block(this);
        Interlocked.Decrement(ref _freeCount);
        block.Rented = true;
        return block;
    }

    protected override void Dispose(bool disposing) => _free.Clear();

    private void Return(Block block)
    {
        if (Interlocked.Increment(ref _freeCount) <= BlocksKept) _free.Enqueue(block);
        else Interlocked.Decrement(ref _freeCount);
    }

    private sealed class Block(BlockPool pool) : IMemoryOwner<byte>
    {
        private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true);

        public bool Rented { get; set; } = true;

        public Memory<byte> Memory => _bytes;

        public void Dispose()
        {
            if (!Rented) return;
            Rented = false;
            pool.Return(this);
        }
    }
}

/// <summary>Gives Kestrel the pool.</summary>
internal sealed class BlockPoolFactory : IMemoryPoolFactory<byte>
{
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new BlockPool();
}
