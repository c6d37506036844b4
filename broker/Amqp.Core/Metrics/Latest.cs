namespace Amqp.Core.Metrics;

/// <summary>
/// A value that its owner writes and any thread reads, each without waiting for the other: what is read is whole, and as the owner wrote it
/// last. (A sequence lock: the version is odd while the value is being written, and a reader that met that copies again.)
/// </summary>
/// <typeparam name="T">What is copied with each read and write.</typeparam>
public sealed class Latest<T>
    where T : struct
{
    private int _version;
    private T _value;

    /// <summary>Another one after each write.</summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>By one thread at a time.</summary>
    public void Write(in T value)
    {
        Volatile.Write(ref _version, _version + 1);
        Volatile.WriteBarrier();
        _value = value;
        Volatile.Write(ref _version, _version + 1);
    }

    /// <summary>From any thread.</summary>
    public T Read()
    {
        for (var spin = default(SpinWait); ; spin.SpinOnce())
        {
            var version = Volatile.Read(ref _version);
            if ((version & 1) != 0) continue;
            var value = _value;
            Volatile.ReadBarrier();
            if (Volatile.Read(ref _version) == version) return value;
        }
    }
}
