using System.IO.Pipelines;
using System.Net.Sockets;
using AMQP.Net;

namespace Amqp.Host.Sockets;

/// <summary>
/// What a client is sent: collected in blocks, and by reference where copying would cost more, and handed to the socket by
/// <see cref="FlushAsync"/>, on the caller's thread. A flush completes when the system has taken everything, so it waits for a
/// client that does not read. When the client is gone, flushes say that the stream is completed, and send nothing.
/// </summary>
internal sealed class SocketWriter(Socket socket, BlockPool pool) : PipeWriter, IReferenceWriter
{
    private readonly List<ArraySegment<byte>> _unsent = [];
    private readonly List<Block> _full = [];
    private Block? _block;
    private int _blockStart; // of what is in the block and not yet among the unsent
    private long _unsentBytes;
    private bool _isGone;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unsentBytes + (_block is null ? 0 : _block.Filled - _blockStart);

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_block is null || _block.Room.Length < Math.Max(sizeHint, 1)) NextBlock(sizeHint);
        return _block!.Room;
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes) => _block!.Fill(bytes);

    public void WriteByReference(ReadOnlyMemory<byte> bytes)
    {
        if (!System.Runtime.InteropServices.MemoryMarshal.TryGetArray(bytes, out var array)) throw new ArgumentException("not an array", nameof(bytes));
        CutBlock();
        AddUnsent(array);
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        CutBlock();
        while (_unsent.Count > 0 && !_isGone)
        {
            if (!TrySend()) return FlushWhenWritable(cancellationToken);
        }
        return ValueTask.FromResult(Flushed());
    }

    /// <summary>Only its caller waits for a flush.</summary>
    public override void CancelPendingFlush() => throw new NotSupportedException();

    /// <summary>Ends the stream in both directions: the client is told that nothing follows, and is not heard any more.</summary>
    public override void Complete(Exception? exception = null)
    {
        _isGone = true;
        Flushed();
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            // Which is what is wanted.
        }
    }

    private async ValueTask<FlushResult> FlushWhenWritable(CancellationToken cancellationToken)
    {
        try
        {
            while (_unsent.Count > 0 && !_isGone)
            {
                // All of the first piece, however long the client takes; the others can be tried at once then.
                var first = _unsent[0];
                await socket.SendAsync(first, SocketFlags.None, cancellationToken);
                await Task.Yield(); // This is the thread that waits for all sockets, and the owner may have much more to write.
                TakeSent(first.Count);
                while (_unsent.Count > 0 && !_isGone && TrySend())
                {
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            _isGone = true;
        }
        return Flushed();
    }

    /// <summary>False: the system takes no more at the moment.</summary>
    private bool TrySend()
    {
        try
        {
            var sent = _unsent.Count == 1
                ? socket.Send(_unsent[0], SocketFlags.None, out var error)
                : socket.Send(_unsent, SocketFlags.None, out error);
            TakeSent(sent);
            _isGone = error is not (SocketError.Success or SocketError.WouldBlock);
            return error != SocketError.WouldBlock;
        }
        catch (ObjectDisposedException)
        {
            _isGone = true;
            return true;
        }
    }

    private void TakeSent(int bytes)
    {
        _unsentBytes -= bytes;
        var whole = 0;
        while (whole < _unsent.Count && bytes >= _unsent[whole].Count) bytes -= _unsent[whole++].Count;
        _unsent.RemoveRange(0, whole);
        if (bytes > 0) _unsent[0] = _unsent[0].Slice(bytes);
    }

    /// <summary>Gives back every buffer; what was not sent is dropped.</summary>
    private FlushResult Flushed()
    {
        _unsent.Clear();
        _unsentBytes = 0;
        foreach (var block in _full) block.Dispose();
        _full.Clear();
        _block?.Dispose();
        _block = null;
        return new FlushResult(isCanceled: false, isCompleted: _isGone);
    }

    private void NextBlock(int sizeHint)
    {
        CutBlock();
        if (_block is not null) _full.Add(_block);
        _block = pool.Take(sizeHint);
        _blockStart = 0;
    }

    /// <summary>What was written into the block so far is to be sent; what follows in it comes behind.</summary>
    private void CutBlock()
    {
        if (_block is null || _block.Filled == _blockStart) return;
        AddUnsent(_block.From(_blockStart));
        _blockStart = _block.Filled;
    }

    private void AddUnsent(ArraySegment<byte> bytes)
    {
        _unsent.Add(bytes);
        _unsentBytes += bytes.Count;
    }
}
