namespace Amqp.Core.Queues;

/// <summary>What becomes of a message that a holder had.</summary>
public enum Settlement : byte
{
    /// <summary>Done with.</summary>
    Acknowledge,

    /// <summary>Rejected without requeue.</summary>
    Reject,

    /// <summary>Back to its old place, marked as redelivered.</summary>
    Requeue,

    /// <summary>The same, because its holder is gone or has not settled it in time.</summary>
    Abandon,
}

/// <summary>Why a message left its queue for good.</summary>
public enum RemovalReason : byte
{
    /// <summary>By its holder; or it was handed out where no acknowledgement is wanted.</summary>
    Acknowledged,

    /// <summary>By its holder, without requeue.</summary>
    Rejected,

    /// <summary>Its time to live was over.</summary>
    Expired,

    /// <summary>The queue had more ready messages than it may have.</summary>
    BeyondLength,

    /// <summary>It came back to the queue more often than it may.</summary>
    DeliveryLimit,

    /// <summary>It has waited for the time that it asked for.</summary>
    Due,

    /// <summary>The queue was purged.</summary>
    Purged,

    /// <summary>The store could not give it back.</summary>
    Damaged,
}
