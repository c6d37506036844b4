using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Amqp.Storage.Lite;

/// <summary>What takes pages over from the log while the store goes on: one job at a time, for the one thread that writes.</summary>
internal interface ITakeOvers : IDisposable
{
    /// <summary>Begins a job. The one before it is finished.</summary>
    void Begin(Action job);

    /// <summary>Returns when the job is done, if there is one.</summary>
    /// <exception cref="IOException">It failed, or one before it did: that is final.</exception>
    void Finish();

    /// <summary>Returns when no job runs any more, whatever came of it.</summary>
    void End();
}

/// <summary>A thread for it, which begins with the first job.</summary>
internal sealed class TakeOverThread : ITakeOvers
{
    // Ends with null.
    private readonly BlockingCollection<Action?> _jobs = [];
    private readonly BlockingCollection<ExceptionDispatchInfo?> _done = [];
    private Thread? _thread;
    private bool _isRunning;
    private ExceptionDispatchInfo? _failure;

    public void Begin(Action job)
    {
        if (_thread is null)
        {
            _thread = new Thread(Run) { Name = "store checkpoint", IsBackground = true };
            _thread.Start();
        }
        _jobs.Add(job);
        _isRunning = true;
    }

    public void Finish()
    {
        End();
        _failure?.Throw();
    }

    public void End()
    {
        if (!_isRunning) return;
        var failure = _done.Take();
        _isRunning = false;
        _failure ??= failure;
    }

    public void Dispose()
    {
        End();
        _jobs.Add(null);
        _thread?.Join();
        _jobs.Dispose();
        _done.Dispose();
    }

    private void Run()
    {
        while (_jobs.Take() is { } job)
        {
            ExceptionDispatchInfo? failure = null;
            try
            {
                job();
            }
#pragma warning disable CA1031 // Whatever it is, it is thrown where the store finishes the job, and ends it there.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
            _done.Add(failure);
        }
    }
}
