using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Core.Ports;

/// <summary>
/// What the copy of a mirrored queue on this node is told and asked by the queue's actor: it decides with the other copies who leads, and what is safe. Called from the actor's loop
/// only; what other nodes say comes to that loop as <see cref="IReplicaEvent"/>.
/// <para>The actor, at the end of each step, and before an event if the queue leads: <see cref="Append"/> what happened, give the store its records, and say when it has all of that by
/// <see cref="Durable"/>; then <see cref="CarryOut"/>, and tell publishers up to <see cref="Completed"/>.</para>
/// </summary>
public interface IQueueReplica
{
    /// <summary>What users of the queue may do here.</summary>
    ReplicaStanding Standing { get; }

    /// <summary>Where the users of the queue are to turn while it does not lead.</summary>
    IQueueEndpoint Elsewhere { get; }

    /// <summary>Of the leader that it is; 0: it is none.</summary>
    uint LeadsInEpoch { get; }

    /// <summary>What is to be on the disk next, as of now; <see cref="Durable"/> is told of it.</summary>
    ReplicaMark Mark { get; }

    /// <summary>As the leader: every batch up to this number is safe, here and with every copy in sync.</summary>
    long Completed { get; }

    /// <summary>As the leader: bytes of what it keeps for the others until they have it, whether it is in the queue still or not.</summary>
    long KeptBytes { get; }

    /// <summary>As the leader: a publish with this number was taken before, by this leader or an earlier one.</summary>
    bool Knows(INumberedPublisher publisher, long number);

    /// <summary>As the leader: a publish is about to be taken; it is in the next batch.</summary>
    void Published(INumberedPublisher publisher, long number);

    /// <summary>As the leader: something happened.</summary>
    /// <param name="stream">What the state has told (<see cref="QueueEffects.Stream"/>).</param>
    /// <param name="isTogether">A transaction is in it: disks are to have all of it or nothing.</param>
    /// <returns>The number of the batch.</returns>
    long Append(ReadOnlySpan<StoreRecord> stream, bool isTogether, long now);

    /// <summary>Everything up to that mark is on the disk of this node.</summary>
    void Durable(ReplicaMark mark, long now);

    /// <summary>Sends, asks and reads what it has decided.</summary>
    void CarryOut();

    /// <summary>The queue has failed on this node: another copy in sync is to lead. Nothing is asked or told after that.</summary>
    void Fail();
}

/// <summary>What users may do with the copy of a queue on this node.</summary>
public enum ReplicaStanding
{
    /// <summary>Another node leads, or none does: they turn to <see cref="IQueueReplica.Elsewhere"/>.</summary>
    Elsewhere,

    /// <summary>It leads.</summary>
    Leads,

    /// <summary>It leads, and too few copies are in sync to be safe: publishes are refused.</summary>
    LeadsWithTooFew,

    /// <summary>It leads, and may not much longer: what is settled is settled, and everything else waits.</summary>
    Pauses,

    /// <summary>The next leader is about to take over: nothing happens.</summary>
    Frozen,
}

/// <summary>A point up to which a copy is to be on the disk. What it means is the replica's affair.</summary>
public readonly record struct ReplicaMark(long Major, long Minor);

/// <summary>Something that concerns a copy of a queue: a word of another node, of the metadata store, of the clock.</summary>
public interface IReplicaEvent
{
    /// <summary>It happens; in the loop of the queue's actor.</summary>
    /// <param name="state">Of the queue on this node.</param>
    /// <returns>The queue's replica: the event may be the first that there is one.</returns>
    IQueueReplica Apply(QueueState state, long now);

    /// <summary>Instead of that: the queue has failed on this node, perhaps before it had a replica.</summary>
    void Refused();
}
