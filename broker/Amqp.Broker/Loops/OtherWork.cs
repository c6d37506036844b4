namespace Amqp.Broker.Loops;

/// <summary>Whether other work waits for the current thread.</summary>
public static class OtherWork
{
    /// <summary>True when the thread pool has work in its queues; and always on a thread that waits for sockets, where other work cannot
    /// be counted.</summary>
    public static bool IsWaiting => !Thread.CurrentThread.IsThreadPoolThread || ThreadPool.PendingWorkItemCount > 0;
}
