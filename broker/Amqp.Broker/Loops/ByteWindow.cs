namespace Amqp.Broker.Loops;

/// <summary>
/// Bytes that were handed over and are not written yet, up to a limit. One owner adds and asks for room; another removes, and
/// learns when the first one, which asked in vain, is to be woken: when half of the limit is free again.
/// </summary>
internal sealed class ByteWindow(int limit)
{
    private long _bytes;
    private int _isAwaited;

    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);

    /// <summary>True: the adding side waits for room, and is to be told by the caller that there is some.</summary>
    public bool Remove(long bytes) =>
        Interlocked.Add(ref _bytes, -bytes) <= limit / 2 && Interlocked.Exchange(ref _isAwaited, 0) == 1;

    /// <summary>False is the promise of a true <see cref="Remove"/>.</summary>
    public bool HasRoom()
    {
        if (Interlocked.Read(ref _bytes) < limit) return true;
        Interlocked.Exchange(ref _isAwaited, 1);
        // The other side may have emptied the window before it could see the flag. The side that takes the flag down acts on it: here
        // by going on, there by telling.
        return Interlocked.Read(ref _bytes) <= limit / 2 && Interlocked.Exchange(ref _isAwaited, 0) == 1;
    }
}
