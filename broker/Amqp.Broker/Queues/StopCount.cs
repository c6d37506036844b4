namespace Amqp.Broker.Queues;

/// <summary>Completes when that many queues have said what the store has to know before it is closed.</summary>
internal sealed class StopCount(int queues)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _left = queues + 1;

    /// <summary>Called once by the one that began, so that there need not be any queue.</summary>
    public Task Done()
    {
        Answered();
        return _done.Task;
    }

    public void Answered()
    {
        if (Interlocked.Decrement(ref _left) == 0) _done.SetResult();
    }
}
