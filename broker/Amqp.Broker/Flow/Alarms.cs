using System.Collections.Concurrent;
using Amqp.Broker.Loops;
using Amqp.Core.Ports;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Flow;

/// <summary>What a node can run short of.</summary>
[Flags]
internal enum Shortage
{
    None = 0,
    Memory = 1,

    /// <summary>There is less free than the limit (<see cref="DiskWatch"/>).</summary>
    DiskSpace = 2,

    /// <summary>The message store found no room for what it had to write.</summary>
    DiskFull = 4,

    /// <summary>Either.</summary>
    Disk = DiskSpace | DiskFull,

    /// <summary>Another node of the cluster is short of memory.</summary>
    MemoryElsewhere = 8,

    /// <summary>Another node of the cluster is short of disk.</summary>
    DiskElsewhere = 16,
}

/// <summary>
/// The node runs short of something, and publishers are held back until it does no more. Consumers and acknowledgements
/// go on: they are what makes room. Set by what watches a resource, from any thread.
/// </summary>
internal sealed partial class Alarms(ILogger logger) : INodeAlarms
{
    private readonly ILogger _logger = logger;
    private readonly ConcurrentDictionary<ConnectionLoop, bool> _waiting = new();
    private int _on;

    /// <summary>Told of the resource, <c>memory</c> or <c>disk</c>, when it begins or ends to run short; from any thread.</summary>
    public Action<string, bool> Changed { get; init; } = static (_, _) => { };

    public bool AreOn => Volatile.Read(ref _on) != 0;

    /// <summary>What clients are told, in RabbitMQ's words; null when no alarm is on.</summary>
    public string? Reason => (IsOn(Shortage.Memory | Shortage.MemoryElsewhere), IsOn(Shortage.Disk | Shortage.DiskElsewhere)) switch
    {
        (false, false) => null,
        (true, false) => "low on memory",
        (false, true) => "low on disk",
        _ => "low on memory & disk",
    };

    public bool IsOn(Shortage shortage) => ((Shortage)Volatile.Read(ref _on) & shortage) != Shortage.None;

    /// <inheritdoc/>
    public Shortages Own => (IsOn(Shortage.Memory) ? Shortages.Memory : Shortages.None) | (IsOn(Shortage.Disk) ? Shortages.Disk : Shortages.None);

    /// <inheritdoc/>
    public Action OwnChanged
    {
        private get;
        set;
    } = static () => { };

    /// <inheritdoc/>
    public void SetElsewhere(Shortages elsewhere)
    {
        Set(Shortage.MemoryElsewhere, elsewhere.HasFlag(Shortages.Memory));
        Set(Shortage.DiskElsewhere, elsewhere.HasFlag(Shortages.Disk));
    }

    public void Set(Shortage shortage, bool isOn)
    {
        var before = isOn ? Interlocked.Or(ref _on, (int)shortage) : Interlocked.And(ref _on, ~(int)shortage);
        var after = isOn ? before | (int)shortage : before & ~(int)shortage;
        if (before == after) return;
        var resource = (shortage & Shortage.Disk) != Shortage.None ? Shortage.Disk : shortage; // which of its two reasons is no matter
        var (wasOn, isOnNow) = ((before & (int)resource) != 0, (after & (int)resource) != 0);
        if (isOnNow && !wasOn) LogOn(resource);
        else if (wasOn && !isOnNow) LogOff(resource);
        if (isOnNow != wasOn && resource is Shortage.Memory or Shortage.Disk)
        {
            Changed(resource == Shortage.Memory ? "memory" : "disk", isOnNow);
            OwnChanged();
        }
        if (before == 0 || after == 0) WakeWaiting();
    }

    /// <summary>Whether something runs short; the loop gets mail when that is not so any more.</summary>
    public bool Watch(ConnectionLoop loop)
    {
        _waiting[loop] = true;
        // Asked only now: a change after this sees the loop.
        return Interlocked.CompareExchange(ref _on, 0, 0) != 0;
    }

    /// <summary>The connection is gone.</summary>
    public void Forget(ConnectionLoop loop) => _waiting.TryRemove(loop, out _);

    private void WakeWaiting()
    {
        foreach (var (loop, _) in _waiting)
        {
            if (_waiting.TryRemove(loop, out _)) loop.Post(static () => { });
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Resource} resource limit alarm set: publishers are blocked until this alarm clears")]
    private partial void LogOn(Shortage resource);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Resource} resource limit alarm cleared")]
    private partial void LogOff(Shortage resource);
}
