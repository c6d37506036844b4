using Amqp.Core.Metrics;
using Amqp.Core.Records;

namespace Amqp.Core.Queues;

/// <content>Messages leave the queue: for good, or on their way to the dead-letter exchange. What becomes of them is told to a trace, where there is one.</content>
public sealed partial class QueueState
{
    /// <summary>Null: these messages are not traced. It may be another one, or none, each time that the queue is called.</summary>
    public IQueueTrace? Trace { get; set; }

    /// <summary>A message leaves the queue for good, or on its way to the dead-letter exchange.</summary>
    private void Remove(long position, RemovalReason reason)
    {
        Trace?.Add(StepOf(reason), position, _log.BodyOf(position));
        if (reason != RemovalReason.Acknowledged) // nearly all are
        {
            Count(reason);
            if (TryDeadLetter(position, reason)) return;
        }
        Forget(position);
    }

    private void Count(RemovalReason reason)
    {
        if (reason == RemovalReason.Rejected) Counters.Add(Measure.Rejected);
        else if (reason == RemovalReason.Expired) Counters.Add(Measure.Expired);
        else if (reason == RemovalReason.BeyondLength) Counters.Add(Measure.BeyondLength);
        else if (reason == RemovalReason.DeliveryLimit) Counters.Add(Measure.BeyondDeliveryLimit);
    }

    /// <summary>It is gone, and the store and the mirrors hear of it.</summary>
    private void Forget(long position)
    {
        ref var entry = ref _log[position];
        if (entry.Is(EntryFlags.Stored)) _effects.Record(StoreRecord.Settle(_id, position));
        if (IsMirrored && !entry.Is(EntryFlags.Untold)) _effects.Tell(StoreRecord.Settle(_id, position));
        _log.Remove(position);
    }

    private static TraceStep StepOf(RemovalReason reason) => reason switch
    {
        RemovalReason.Acknowledged => TraceStep.Acknowledged,
        RemovalReason.Rejected => TraceStep.Rejected,
        RemovalReason.Expired => TraceStep.Expired,
        RemovalReason.BeyondLength => TraceStep.BeyondLength,
        RemovalReason.DeliveryLimit => TraceStep.DeliveryLimit,
        RemovalReason.Due => TraceStep.Due,
        RemovalReason.Purged => TraceStep.Purged,
        RemovalReason.Damaged => TraceStep.Damaged,
        _ => throw new InvalidOperationException($"unknown reason {reason}"),
    };
}
