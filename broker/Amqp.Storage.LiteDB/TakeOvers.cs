using System.Runtime.ExceptionServices;

namespace Amqp.Storage.Lite;

/// <summary>What takes pages over from the log while the store goes on: one job at a time, for the one thread that writes.</summary>
internal interface ITakeOvers : IDisposable
{
    /// <summary>Begins a job. The one before it has been waited for.</summary>
    void Begin(Action job);

    /// <summary>Returns when the job is done, if there is one.</summary>
    /// <exception cref="IOException">It failed, or one before it did: that is final.</exception>
    void Wait();

    /// <summary>Returns when no job runs any more, whatever came of it.</summary>
    void End();
}

/// <summary>A thread for it, which begins with the first job.</summary>
internal sealed class TakeOverThread : ITakeOvers
{
    private readonly SemaphoreSlim _begun = new(0);
    private readonly ManualResetEventSlim _done = new(true);
    private Thread? _thread;
    private Action? _job;
    private ExceptionDispatchInfo? _failure;

    public void Begin(Action job)
    {
        if (_thread is null)
        {
            _thread = new Thread(Run) { Name = "store checkpoint", IsBackground = true };
            _thread.Start();
        }
        _job = job;
        _done.Reset();
        _begun.Release();
    }

    public void Wait()
    {
        End();
        _failure?.Throw();
    }

    public void End() => _done.Wait();

    public void Dispose()
    {
        End();
        _job = null;
        _begun.Release();
        _thread?.Join();
        _begun.Dispose();
        _done.Dispose();
    }

    private void Run()
    {
        for (_begun.Wait(); _job is { } job; _begun.Wait())
        {
            try
            {
                job();
            }
            catch (Exception exception)
            {
                // Whatever it is, it is thrown where the store waits, and ends it there.
                _failure ??= ExceptionDispatchInfo.Capture(exception);
            }
            _done.Set();
        }
    }
}
