using System.IO.Pipelines;

namespace Amqp.Broker.Loops;

/// <summary>
/// The mail of a connection's read loop: work that other threads have for the one owner of the connection's state. The loop
/// sleeps in <see cref="PipeReader.ReadAsync"/>, so posting to an idle loop wakes it there.
/// </summary>
internal sealed class ConnectionLoop(PipeReader reader)
{
    private readonly Mailbox<Action> _mail = new();

    /// <summary>Runs <paramref name="work"/> on the read loop; never on the caller's thread.</summary>
    public void Post(Action work)
    {
        if (_mail.Post(work)) reader.CancelPendingRead();
    }

    /// <summary>Runs what has come. Called by the loop only.</summary>
    public void RunMail()
    {
        while (_mail.TryDrain(out var batch))
        {
            foreach (var work in batch) work();
        }
    }
}
