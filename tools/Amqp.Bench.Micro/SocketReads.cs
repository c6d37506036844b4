using System.Buffers;

namespace Amqp.Bench.Micro;

/// <summary>
/// A byte stream as the broker's socket pipe hands it out: in blocks of 64 KiB, of which each read brings one more behind what is not
/// consumed yet. At its end, where nothing is left over, it begins again, so that it never ends and stays in the processor's cache, as
/// bytes are that the kernel has just copied.
/// </summary>
internal sealed class SocketReads
{
    private readonly Block[] _blocks;
    private int _last;

    /// <param name="stream">Whole messages.</param>
    public SocketReads(ReadOnlyMemory<byte> stream)
    {
        _blocks = new Block[(stream.Length + Wire.BlockBytes - 1) / Wire.BlockBytes];
        for (var index = _blocks.Length - 1; index >= 0; index--)
        {
            var begin = index * Wire.BlockBytes;
            var bytes = stream[begin..Math.Min(stream.Length, begin + Wire.BlockBytes)];
            _blocks[index] = new Block(bytes, begin, index + 1 < _blocks.Length ? _blocks[index + 1] : null);
        }
    }

    public ReadOnlySequence<byte> First() => Next(default);

    /// <summary>What is there after one more read.</summary>
    public ReadOnlySequence<byte> Next(SequencePosition consumed)
    {
        var isFirst = consumed.GetObject() is null || _last == _blocks.Length - 1;
        _last = isFirst ? 0 : _last + 1;
        var (begin, offset) = isFirst ? (_blocks[0], 0) : ((Block)consumed.GetObject()!, consumed.GetInteger());
        return new ReadOnlySequence<byte>(begin, offset, _blocks[_last], _blocks[_last].Memory.Length);
    }

    private sealed class Block : ReadOnlySequenceSegment<byte>
    {
        public Block(ReadOnlyMemory<byte> memory, long runningIndex, Block? next)
        {
            Memory = memory;
            RunningIndex = runningIndex;
            Next = next;
        }
    }
}
