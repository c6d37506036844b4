using System.Buffers;

namespace AMQP.Net;

/// <summary>
/// A body in several arrays, filled as it arrives: none is so large that the collector leaves it to its rare full collections (85,000
/// bytes), nothing is copied again because more comes, and a body that is announced and never sent costs one piece.
/// </summary>
/// <param name="size">Of the whole body, bytes; more than none.</param>
internal sealed class LargeBody(int size)
{
    private Piece? _first;
    private Piece? _last;
    private Memory<byte> _room;
    private int _left = size;

    /// <summary>What has arrived.</summary>
    public ReadOnlySequence<byte> Bytes =>
        _first is null ? ReadOnlySequence<byte>.Empty : new(_first, 0, _last!, _last!.Memory.Length - _room.Length);

    /// <summary>Bytes of the whole body.</summary>
    public int Size { get; } = size;

    /// <summary>Takes what comes next, no more than is missing.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_room.IsEmpty) AddPiece();
            var taken = bytes[..Math.Min(bytes.Length, _room.Length)];
            taken.CopyTo(_room.Span);
            _room = _room[taken.Length..];
            bytes = bytes[taken.Length..];
        }
    }

    private void AddPiece()
    {
        var array = GC.AllocateUninitializedArray<byte>(Math.Min(_left, Content.PieceBytes));
        _left -= array.Length;
        _room = array;
        _last = new Piece(array, behind: _last);
        _first ??= _last;
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(byte[] bytes, Piece? behind)
        {
            Memory = bytes;
            if (behind is null) return;
            RunningIndex = behind.RunningIndex + behind.Memory.Length;
            behind.Next = this;
        }
    }
}
