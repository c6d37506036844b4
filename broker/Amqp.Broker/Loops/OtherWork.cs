namespace Amqp.Broker.Loops;

/// <summary>Whether others want the thread that somebody is working on.</summary>
public static class OtherWork
{
    /// <summary>True when the thread pool has work in its queues; and always on a thread that waits for sockets, where others cannot be
    /// counted.</summary>
    public static bool IsWaiting => !Thread.CurrentThread.IsThreadPoolThread || ThreadPool.PendingWorkItemCount > 0;
}
