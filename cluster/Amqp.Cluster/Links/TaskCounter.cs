namespace Amqp.Cluster.Links;

/// <summary>Counts what is under way, so that its end can be waited for.</summary>
internal sealed class TaskCounter
{
    private readonly TaskCompletionSource _none = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count = 1;

    /// <summary>Completes when nothing is under way any more. Asked for once, when nothing can begin any more.</summary>
    public Task None
    {
        get
        {
            Leave();
            return _none.Task;
        }
    }

    /// <summary>Something begins; disposed, it has ended.</summary>
    public IDisposable Begin()
    {
        Interlocked.Increment(ref _count);
        return new Counted(this);
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _count) == 0) _none.TrySetResult();
    }

    private sealed class Counted(TaskCounter counter) : IDisposable
    {
        public void Dispose() => counter.Leave();
    }
}
