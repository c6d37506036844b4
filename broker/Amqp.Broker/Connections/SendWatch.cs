using Amqp.Broker.Loops;
using Amqp.Core;

namespace Amqp.Broker.Connections;

/// <summary>
/// Sees when a client has stopped reading: a flush waits, and for <see cref="Limits.SendMs"/> neither is one completed nor does the
/// client's system take a byte. It looks four times in that span, and only as long as flushes wait: an idle connection has no
/// timer, and a busy one pays a look every few seconds.
/// </summary>
internal sealed class SendWatch(AmqpConnection connection) : IDisposable
{
    private const int LooksPerLimit = 4;

    private LoopTimer? _timer;
    private volatile bool _isWaiting;
    private int _isLooking;
    private long _taken;
    private int _looksInVain;

    private int LimitMs => connection.Services.Limits.SendMs;

    /// <summary>Grows with whatever is sent.</summary>
    private long Taken => connection.Output.Flushes + connection.Transport.BytesTaken();

    /// <summary>Called by the write loop.</summary>
    public void FlushWaits()
    {
        _isWaiting = true;
        if (Interlocked.Exchange(ref _isLooking, 1) == 0) BeginToLook();
    }

    /// <summary>Called by the write loop.</summary>
    public void FlushEnded() => _isWaiting = false;

    public void Dispose() => _timer?.Dispose();

    private void BeginToLook()
    {
        _taken = Taken;
        _looksInVain = 0;
        _timer ??= connection.Services.Clock.CreateTimer(Look);
        SetTimer();
    }

    private void SetTimer() => _timer!.Set(LimitMs / LooksPerLimit);

    private void Look()
    {
        if (!_isWaiting)
        {
            Interlocked.Exchange(ref _isLooking, 0);
            // A flush that began to wait just before has left it to this look.
            if (_isWaiting && Interlocked.Exchange(ref _isLooking, 1) == 0) BeginToLook();
            return;
        }
        var taken = Taken;
        _looksInVain = taken == _taken ? _looksInVain + 1 : 0;
        _taken = taken;
        if (_looksInVain < LooksPerLimit) SetTimer();
        else connection.StoppedReading(LimitMs);
    }
}
