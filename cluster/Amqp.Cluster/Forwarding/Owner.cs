using Amqp.Core.Queues;

namespace Amqp.Cluster.Forwarding;

/// <summary>
/// What is owned by one thread at a time: mail comes from any thread, and an idle owner runs on the thread that posts, or on the pool. What a batch of mail leads to leaves at its end.
/// </summary>
/// <typeparam name="TMail">One item of mail.</typeparam>
internal abstract class Owner<TMail> : IThreadPoolWorkItem
{
    /// <summary>Batches that one run works off; then other work of the thread has its turn.</summary>
    private const int DrainsOnPostersThread = 2;
    private const int DrainsOnPool = 64;

    private readonly Mailbox<TMail> _mailbox = new();

    void IThreadPoolWorkItem.Execute() => Run(DrainsOnPool);

    /// <summary>The owner runs on the pool, if it is idle.</summary>
    protected void Post(in TMail mail)
    {
        if (_mailbox.Post(mail)) RunOnPool();
    }

    /// <summary>The owner runs on this thread, if it is idle: for read loops and the threads of the links.</summary>
    protected void PostAndRun(in TMail mail)
    {
        if (_mailbox.Post(mail)) Run(DrainsOnPostersThread);
    }

    /// <summary>Likewise, for mail that stays together.</summary>
    protected void PostAndRun<TSource, TState>(ReadOnlySpan<TSource> sources, TState state, Mailbox<TMail>.Conversion<TSource, TState> convert)
    {
        if (_mailbox.Post(sources, state, convert)) Run(DrainsOnPostersThread);
    }

    protected abstract void Apply(in TMail mail);

    /// <summary>All mail that came together is worked off: what it led to leaves.</summary>
    protected abstract void CarryOut();

    /// <summary>An item of mail, or what it led to, could not be worked off.</summary>
    protected abstract void Fail(Exception exception);

    private void RunOnPool() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

    private void Run(int drains)
    {
        for (; drains > 0; drains--)
        {
            if (!_mailbox.TryDrain(out var batch)) return;
            WorkOff(batch);
        }
        RunOnPool();
    }

    private void WorkOff(BatchList<TMail> batch)
    {
        for (var next = 0; next <= batch.Count;)
        {
            try
            {
                while (next < batch.Count) Apply(batch.Items[next++]);
                next++;
                CarryOut();
            }
#pragma warning disable CA1031 // The session whose state is in doubt ends and says so; the process and its other sessions go on.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                Fail(exception);
            }
        }
    }
}
