using System.Numerics;

namespace Amqp.Perf;

/// <summary>
/// The publishes of one channel that the broker has not confirmed yet: when each was sent, in a ring by sequence number. The
/// sending thread adds to it, the reading thread settles.
/// </summary>
internal sealed class ConfirmWindow(int size) : IDisposable
{
    /// <summary>The ring is larger than the window, because confirms may come out of order: one that is late holds up the others
    /// only when the ring is full.</summary>
    private readonly long[] _sentAt = new long[BitOperations.RoundUpToPowerOf2((uint)size * 8)];
    private readonly AutoResetEvent _freed = new(initialState: false);
    private long _published;
    private long _settled;
    private long _lowest = 1;

    public Histogram Latency { get; } = new();

    public long Confirmed { get; private set; }

    public long Rejected { get; private set; }

    public long Missing => Volatile.Read(ref _published) - Volatile.Read(ref _settled);

    private int Mask => _sentAt.Length - 1;

    /// <summary>Waits until at least one message may be sent.</summary>
    /// <returns>How many may be sent; 0 when the run has ended.</returns>
    public int WaitForRoom(Run run)
    {
        while (true)
        {
            var room = Math.Min(size - Missing, _sentAt.Length - 1 - (_published - Volatile.Read(ref _lowest)));
            if (room > 0) return (int)room;
            if (run.HasEnded) return 0;
            _freed.WaitOne(100);
        }
    }

    /// <summary>The next message will be sent.</summary>
    /// <param name="at">From when on its confirm is waited for, nanoseconds.</param>
    public void Add(long at)
    {
        _sentAt[(_published + 1) & Mask] = at;
        Volatile.Write(ref _published, _published + 1);
    }

    /// <summary>A basic.ack or basic.nack has come.</summary>
    public void Settle(ulong tag, bool multiple, bool rejected, long now)
    {
        var last = multiple && tag == 0 ? Volatile.Read(ref _published) : (long)tag;
        if (last > Volatile.Read(ref _published) || last < _lowest) throw new PerfException($"the broker confirmed publish {tag}, which does not wait for it");
        var before = _settled;
        for (var sequence = multiple ? _lowest : last; sequence <= last; sequence++)
        {
            ref var at = ref _sentAt[sequence & Mask];
            if (at == 0) continue; // settled before, out of order
            Latency.Record(now - at);
            at = 0;
            _settled++;
        }
        if (_settled == before) throw new PerfException($"the broker confirmed publish {tag} twice");
        if (rejected) Rejected += _settled - before;
        else Confirmed += _settled - before;
        while (_lowest <= _published && _sentAt[_lowest & Mask] == 0) Volatile.Write(ref _lowest, _lowest + 1);
    }

    /// <summary>Wakes the sending thread after a round of <see cref="Settle"/>.</summary>
    public void Free() => _freed.Set();

    public void Dispose() => _freed.Dispose();
}
