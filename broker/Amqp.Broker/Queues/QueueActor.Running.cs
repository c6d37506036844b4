using Amqp.Broker.Loops;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <content>
/// When and where the queue runs. The mailbox is drained in one piece and worked off in steps; what a step decided is carried out at its
/// end, so that effects stay few however much has come. An idle queue runs on the thread of a read loop that posts to it, which may be one
/// that waits for sockets: so what may take long is left to the thread pool, and after a while the read loop goes back to its own work.
/// </content>
internal sealed partial class QueueActor : IThreadPoolWorkItem
{
    /// <summary>Operations of a step: so many effects are held at once.</summary>
    private const int OperationsPerStep = 8192;

    /// <summary>Operations of a run: then other work of the thread pool has its turn. With a step a run a fanout to ten queues lost a tenth
    /// of its rate.</summary>
    private const int OperationsPerRun = 65_536;

    /// <summary>Drains that a poster runs for others.</summary>
    private const int DrainsOnPostersThread = 2;

    /// <summary>Messages that are dropped, moved or given back within a tenth of a millisecond or so.</summary>
    private const int FewMessages = 1024;

    private readonly Mailbox<QueueOperation> _mailbox = new();

    // What was drained last, and how far it is done.
    private BatchList<QueueOperation> _drained = new();
    private int _next;

    /// <summary>Posts one operation; the queue runs on the thread pool if it is idle.</summary>
    public void Post(in QueueOperation operation)
    {
        if (_mailbox.Post(operation)) RunOnPool();
    }

    /// <summary>Posts several operations; an idle queue runs on the calling thread. Only for read loops, which own nothing
    /// that a queue could ask for, so that no queue ever runs inside another.</summary>
    public void PostAndRun(ReadOnlySpan<QueueOperation> operations)
    {
        if (_mailbox.Post(operations) && Run(DrainsOnPostersThread, isPostersThread: true)) RunOnPool();
    }

    void IThreadPoolWorkItem.Execute()
    {
        if (Run(int.MaxValue, isPostersThread: false)) RunOnPool();
    }

    private void RunOnPool() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

    /// <summary>Works off the mailbox for a while. True: there may be more to do.</summary>
    private bool Run(int drainsMax, bool isPostersThread)
    {
        for (var done = 0; done < OperationsPerRun;)
        {
            if (_next == _drained.Count)
            {
                if (drainsMax-- == 0) return true;
                _next = 0;
                if (!_mailbox.TryDrain(out _drained)) return false;
            }
            var end = EndOfStep(isPostersThread);
            if (end == _next) return true;
            done += end - _next;
            // Again after a failure, so that those behind what failed are refused and not left without an answer.
            while (!TryApply(_drained.Items[..end])) { }
        }
        return true;
    }

    /// <summary>Where the next step ends: where it began if there is nothing in it for a poster's thread.</summary>
    private int EndOfStep(bool isPostersThread)
    {
        var operations = _drained.Items;
        var end = Math.Min(operations.Length, _next + OperationsPerStep);
        // What comes back together is not torn apart: nothing of it is handed out before all of it is there.
        while (end < operations.Length && operations[end].ReturnsMessages) end++;
        if (!isPostersThread) return end;
        if (end - _next > 2 * OperationsPerStep || _state.MayDropMany(FewMessages, Now())) return _next;
        for (var next = _next; next < end; next++)
        {
            if (operations[next].Kind > QueueOperationKind.Settle && MayTakeLong(operations[next])) return next;
        }
        return end;
    }

    private bool MayTakeLong(in QueueOperation operation) => operation.Kind switch
    {
        QueueOperationKind.Prepare => ((TransactionPart)operation.Subject!).Count > FewMessages,
        // Any of these may end the queue, with all that is in it.
        QueueOperationKind.Release or QueueOperationKind.RemoveConsumer or QueueOperationKind.Purge or QueueOperationKind.Delete =>
            _state.ReadyCount + _state.UnackedCount > FewMessages,
        QueueOperationKind.CommitPart or QueueOperationKind.AbortPart or QueueOperationKind.Tick or QueueOperationKind.Evict
            or QueueOperationKind.Tend or QueueOperationKind.Stop or QueueOperationKind.Replicate or QueueOperationKind.Removed => true,
        _ => false,
    };

    private void DeliverReturned(long now)
    {
        if (!IsOver) _state.DeliverReturned(now);
    }

    /// <summary>Applies what is not applied yet. False: that failed, and the last one that was tried has its answer.</summary>
    private bool TryApply(ReadOnlySpan<QueueOperation> operations)
    {
        var isApplying = true;
        try
        {
            var now = Now();
            if (Definition.Durable) _state.WallClockAheadMs = _services.Clock.WallClockAheadMs;
            FollowTracing();
            while (_next < operations.Length)
            {
                ref readonly var operation = ref operations[_next++];
                Apply(operation, now);
                if (operation.IsSettlement && !(_next < operations.Length && operations[_next].IsSettlement)) DeliverReturned(now);
            }
            isApplying = false;
            // Whatever its state could say would be in doubt.
            if (_failed) return true;
            if (_state.HasBrowsers) _state.ServeBrowsers(now);
            if (!IsOver) TendMemory(now);
            CarryOut();
            ScheduleTick(now);
            return true;
        }
#pragma warning disable CA1031 // A queue whose state is in doubt stops and says so; the process and its other queues go on.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Fail(exception);
            // Not by another copy either, which might fail by it, too.
            if (isApplying && operations[_next - 1].ReplyTo is not null) RefuseHere(operations[_next - 1]);
            return false;
        }
    }
}
