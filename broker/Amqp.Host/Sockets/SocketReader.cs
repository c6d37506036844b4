using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Amqp.Broker.Loops;
using Microsoft.AspNetCore.Connections;

namespace Amqp.Host.Sockets;

/// <summary>
/// What a client sends. Nothing is read ahead: the socket is read when the owner asks for more, on the owner's thread, so a client
/// that is not read is held back by TCP. While there is nothing to read, no buffer is held.
/// </summary>
internal sealed class SocketReader : PipeReader, IThreadPoolWorkItem, IDisposable
{
    /// <summary>With less room than this in its last block, the next read goes into a new one.</summary>
    private const int RoomMin = Block.Size / 2;

    /// <summary>So much is read at once while no other work waits: what a message of 1 KiB or more costs is for a large part what
    /// a turn costs. Twice as many gained nothing more (decision note 0012).</summary>
    private const int BlocksMax = 8;

    /// <summary>An owner that has used a thread no longer than this goes on at once when there is something to read, on the thread that waits for
    /// all sockets; any other on a thread of the pool, or it would hold up all the others.</summary>
    private static readonly TimeSpan Brief = TimeSpan.FromMicroseconds(100);

    private readonly Socket _socket;
    private readonly BlockPool _pool;
    private readonly Readable _readable;
    private readonly Signal _signal = new();
    private Block? _first;
    private Block? _last;
    private int _consumed; // within the first block
    private long _bytes; // that were read and not consumed
    private long _examined; // of these
    private bool _hasEnded;
    private bool _isDrained; // by the last read, as far as one can tell
    private ConnectionResetException? _failure; // which follows what was read before it
    private volatile bool _isAwaitingReadable;
    private int _isCancelled;
    private bool _hasReadOn; // without a wait in between
    private volatile bool _isBrief; // as far as the owner's last turn says

    public SocketReader(Socket socket, BlockPool pool)
    {
        _socket = socket;
        _pool = pool;
        _readable = new Readable(this);
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var yields = _hasReadOn && OtherWork.IsWaiting;
        if (yields || !TryRead(out var result)) return ReadLater(yields, cancellationToken);
        _hasReadOn = true;
        return ValueTask.FromResult(result);
    }

    /// <summary>Without waiting.</summary>
    public override bool TryRead(out ReadResult result)
    {
        var isCancelled = Interlocked.Exchange(ref _isCancelled, 0) == 1;
        if (!isCancelled && !_hasEnded && _examined == _bytes && !TryFill())
        {
            result = default;
            return false;
        }
        result = new ReadResult(Unconsumed, isCancelled, _hasEnded);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_first is null) return;
        var consumedBytes = Place(consumed) - Place(_first, _consumed);
        _examined = Math.Max(Place(examined) - Place(consumed), 0);
        _bytes -= consumedBytes;
        var block = (Block)consumed.GetObject()!;
        while (_first != block) DropFirst();
        _consumed = consumed.GetInteger();
        if (_bytes > 0) return;
        // All of it was taken: the next read begins at the front, while the block is in the processor's cache.
        while (_first != _last) DropFirst();
        _first!.Clear();
        _consumed = 0;
    }

    public override void CancelPendingRead()
    {
        Volatile.Write(ref _isCancelled, 1);
        WakeElsewhere();
    }

    public override void Complete(Exception? exception = null)
    {
        _hasEnded = true;
        while (_first is not null) DropFirst();
        (_bytes, _examined, _consumed) = (0, 0, 0);
    }

    public void Dispose() => _readable.Dispose();

    /// <summary>The owner's turn: what he does until he waits for something.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        _isBrief = false;
        var start = Stopwatch.GetTimestamp();
        _signal.Wake();
        _isBrief = Stopwatch.GetElapsedTime(start) < Brief;
    }

    private ReadOnlySequence<byte> Unconsumed => _first is null ? default : new(_first, _consumed, _last!, _last!.Filled);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> ReadLater(bool yields, CancellationToken cancellationToken)
    {
        // A client that sends without a break would keep a thread to itself: other work that waits is let through.
        if (yields) await Task.Yield();
        _hasReadOn = false;
        await using var registration = cancellationToken.UnsafeRegister(static reader => ((SocketReader)reader!).WakeElsewhere(), this);
        ReadResult result;
        while (!TryRead(out result))
        {
            if (!_isAwaitingReadable) AwaitReadable();
            if (_isAwaitingReadable) await _signal.Next();
            cancellationToken.ThrowIfCancellationRequested();
            _isDrained = _isAwaitingReadable;
        }
        return result;
    }

    private void AwaitReadable()
    {
        if (_bytes == 0 && _first is not null) DropFirst();
        _isAwaitingReadable = true;
        try
        {
            if (!_socket.ReceiveAsync(_readable)) _isAwaitingReadable = false;
        }
        catch (ObjectDisposedException)
        {
            throw Aborted();
        }
    }

    private void BecameReadable()
    {
        _isAwaitingReadable = false;
        if (!_signal.Give()) return;
        if (_isBrief) ((IThreadPoolWorkItem)this).Execute();
        else ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>The owner never goes on inside the caller of <see cref="CancelPendingRead"/>.</summary>
    private void WakeElsewhere()
    {
        if (_signal.Give()) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>False: there is nothing to read at the moment.</summary>
    private bool TryFill()
    {
        var bytes = _bytes;
        for (var blocks = 0; blocks < BlocksMax && !_isDrained && (blocks == 0 || !OtherWork.IsWaiting); blocks++) Receive();
        if (_bytes > bytes || _hasEnded) return true;
        return _failure is null ? false : throw _failure;
    }

    private void Receive()
    {
        if (_last is null || _last.Room.Length < RoomMin) AddBlock();
        var room = _last!.Room.Span;
        int count;
        SocketError error;
        try
        {
            count = _socket.Receive(room, SocketFlags.None, out error);
        }
        catch (ObjectDisposedException)
        {
            throw Aborted();
        }
        _isDrained = count < room.Length;
        if (error == SocketError.WouldBlock) return;
        if (error is SocketError.OperationAborted or SocketError.Interrupted) throw Aborted();
        if (error != SocketError.Success)
        {
            _failure = new ConnectionResetException(new SocketException((int)error).Message);
            return;
        }
        _last.Fill(count);
        _bytes += count;
        _hasEnded = count == 0;
    }

    private static ConnectionAbortedException Aborted() => new("the broker has closed the socket");

    private void AddBlock()
    {
        var block = _pool.Take();
        if (_last is null) _first = block;
        else _last.Link(block);
        _last = block;
    }

    private void DropFirst()
    {
        var first = _first!;
        _first = first.NextBlock;
        if (_first is null) _last = null;
        first.Dispose();
    }

    private static long Place(SequencePosition position) => Place((Block)position.GetObject()!, position.GetInteger());

    private static long Place(Block block, int index) => block.RunningIndex + index;

    /// <summary>A read of no bytes completes when there is something to read, and keeps no buffer for it.</summary>
    private sealed class Readable(SocketReader reader) : SocketAsyncEventArgs(true)
    {
        protected override void OnCompleted(SocketAsyncEventArgs e) => reader.BecameReadable();
    }
}
