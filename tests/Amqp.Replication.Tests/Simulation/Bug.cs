namespace Amqp.Replication.Tests.Simulation;

/// <summary>Mistakes that can be planted in a run, at the edges of the protocol: a simulator that does not find them would not find others.</summary>
internal enum Bug
{
    None,

    /// <summary>A mirror says that it has something before that is on its disk.</summary>
    AckBeforeFlush,

    /// <summary>A leader takes a change of the set for done as soon as it has proposed it.</summary>
    ConfirmBeforeCompareAndSwap,

    /// <summary>A leader whose proposal had no answer yet goes by the set as it was, though the store may have the new one.</summary>
    MinimalSet,

    /// <summary>A copy that is not in sync may lead.</summary>
    LeaderOutsideTheSet,

    /// <summary>A new leader begins with the epoch of the one before.</summary>
    EpochUsedTwice,

    /// <summary>What is settled while a mirror joins does not reach it.</summary>
    SettleLostInReconciliation,

    /// <summary>What is sent again after a failover is stored again.</summary>
    ResendStoredTwice,

    /// <summary>A mirror that joins keeps what its leader does not have.</summary>
    ReconciliationKeepsSurplus,

    /// <summary>A node that comes back with an empty disk is taken for the copy that it was.</summary>
    EmptyDiskIsAMember,

    /// <summary>A copy that was started again leads, without its transient messages, though one that never stopped is there.</summary>
    RestartedLeadsWhileABetterOneLives,
}
