using System.IO.Pipelines;

namespace Amqp.Broker.Loops;

/// <summary>
/// The mail of a connection's read loop: work that other threads have for the one owner of the connection's state. The loop
/// sleeps in <see cref="PipeReader.ReadAsync"/>, or in <see cref="NextMail"/> while it does not want to read, so posting to an
/// idle loop wakes it there.
/// </summary>
internal sealed class ConnectionLoop(PipeReader reader)
{
    private readonly Mailbox<Action> _mail = new();
    private TaskCompletionSource? _wanted;

    /// <summary>Runs <paramref name="work"/> on the read loop; never on the caller's thread.</summary>
    public void Post(Action work)
    {
        if (!_mail.Post(work)) return;
        reader.CancelPendingRead();
        Interlocked.Exchange(ref _wanted, null)?.TrySetResult();
    }

    /// <summary>Completes when there is mail to run. Called by the loop only, which has run all it knew of.</summary>
    public Task NextMail()
    {
        var wanted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _wanted, wanted);
        // A post before the line above did not see it, but has left the mail.
        return _mail.IsIdle ? wanted.Task : Task.CompletedTask;
    }

    /// <summary>Runs what has come. Called by the loop only.</summary>
    public void RunMail()
    {
        while (_mail.TryDrain(out var batch))
        {
            foreach (var work in batch.Items) work();
        }
    }
}
