using System.Buffers;

namespace Amqp.Perf;

/// <summary>Frames on their way to one socket write. It grows to the largest write ever needed and is used again and again.</summary>
internal sealed class SendBuffer(int capacity = 64 * 1024) : IBufferWriter<byte>
{
    private byte[] _bytes = new byte[capacity];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Advance(int count) => Length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(Length);
    }

    public void Clear() => Length = 0;

    private void Reserve(int size)
    {
        if (_bytes.Length - Length < Math.Max(size, 1)) Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, Length + size));
    }
}
