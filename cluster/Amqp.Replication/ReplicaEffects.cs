using Amqp.Core.Messages;

namespace Amqp.Replication;

/// <summary>What a replica decided, in order: filled by each event, carried out and cleared by its driver.</summary>
public sealed class ReplicaEffects
{
    private readonly List<(string Node, ReplicaMessage Message)> _sends = [];
    private readonly List<WantedRead> _reads = [];

    /// <summary>To other nodes.</summary>
    public IReadOnlyList<(string Node, ReplicaMessage Message)> Sends => _sends;

    /// <summary>The store is to be asked for this change, if the record still has the revision; the answer, what the store has then, goes to <see cref="QueueReplica.Configured"/>.</summary>
    public (long Revision, QueueConfiguration Configuration)? Proposal { get; private set; }

    /// <summary>Messages that a mirror waits for and that are not in memory: they are to be read, and handed to <see cref="QueueReplica.Read"/>.</summary>
    public IReadOnlyList<WantedRead> Reads => _reads;

    /// <summary>Positions of messages that are here, that no leader ever knew, and that are to be kept beside the queue before they are dropped: <see cref="QueueReplica.KeptAside"/> follows.</summary>
    public Orphans? Orphans { get; private set; }

    public void Clear()
    {
        _sends.Clear();
        _reads.Clear();
        Proposal = null;
        Orphans = null;
    }

    internal void Send(string node, ReplicaMessage message) => _sends.Add((node, message));

    internal void Propose(long revision, QueueConfiguration configuration) => Proposal = (revision, configuration);

    internal void Read(WantedRead read) => _reads.Add(read);

    internal void KeepAside(Orphans orphans) => Orphans = orphans;
}

/// <summary>Messages that a mirror waits for.</summary>
/// <param name="Node">The mirror's.</param>
/// <param name="Session">It is of no use in another one.</param>
/// <param name="Want">The number of the question.</param>
/// <param name="Wanted">Positions of the question, those that are answered together, ascending.</param>
/// <param name="Found">One for each: the message, if it was in memory.</param>
/// <param name="Absent">Those that are to be read, ascending.</param>
public sealed record WantedRead(string Node, long Session, long Want, long[] Wanted, Message?[] Found, long[] Absent);

/// <summary>Messages of a mirror that no leader ever knew.</summary>
public sealed record Orphans(long Session, long[] Positions);
