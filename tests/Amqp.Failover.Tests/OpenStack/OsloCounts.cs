using System.Collections.Concurrent;

namespace Amqp.Failover.Tests.OpenStack;

/// <summary>What connections of one test went through.</summary>
internal sealed class OsloCounts
{
    private int _declares;
    private int _notFound;
    private int _deletes;
    private int _cancels;
    private int _connects;
    private int _refusedPublishes;
    private readonly ConcurrentDictionary<ushort, int> _closes = new();

    /// <summary>Declarations that were answered with declare-ok.</summary>
    public int Declares => Volatile.Read(ref _declares);

    /// <summary>404, to a declaration or to a consumer.</summary>
    public int NotFound => Volatile.Read(ref _notFound);

    /// <summary>Queues that were deleted for that.</summary>
    public int Deletes => Volatile.Read(ref _deletes);

    /// <summary>Consumers that the broker cancelled.</summary>
    public int Cancels => Volatile.Read(ref _cancels);

    public int Connects => Volatile.Read(ref _connects);

    /// <summary>Publishes that were returned or nacked: oslo.messaging gives both up.</summary>
    public int RefusedPublishes => Volatile.Read(ref _refusedPublishes);

    /// <summary>With what codes the broker closed channels and connections.</summary>
    public IReadOnlyCollection<ushort> Closes => [.. _closes.Keys];

    public void Closed(ushort code) => _closes.AddOrUpdate(code, 1, (_, before) => before + 1);

    public void Declared() => Interlocked.Increment(ref _declares);

    public void WasNotFound() => Interlocked.Increment(ref _notFound);

    public void Deleted() => Interlocked.Increment(ref _deletes);

    public void Cancelled() => Interlocked.Increment(ref _cancels);

    public void Connected() => Interlocked.Increment(ref _connects);

    public void PublishRefused() => Interlocked.Increment(ref _refusedPublishes);

    public override string ToString() =>
        $"{Declares} declarations, {NotFound} not found, {Deletes} deleted, {Cancels} consumers cancelled, {Connects} connections, {RefusedPublishes} publishes refused, closed with {string.Join(' ', _closes.Select(each => $"{each.Key} ({each.Value} times)"))}";
}
