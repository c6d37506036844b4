namespace Amqp.Management.Http;

/// <summary>Of .NET, what is shown where RabbitMQ shows the same of Erlang.</summary>
internal static class Runtime
{
    /// <summary>Where RabbitMQ counts Erlang's processes, threads are counted here.</summary>
    public static int ThreadsMax
    {
        get
        {
            ThreadPool.GetMaxThreads(out var threads, out _);
            return threads;
        }
    }

    /// <summary>Bytes that the garbage collector took back since the process started.</summary>
    public static long ReclaimedBytes => GC.GetTotalAllocatedBytes() - GC.GetTotalMemory(forceFullCollection: false);
}
