using System.Collections.Immutable;
using Amqp.Core.Topology;

namespace Amqp.Core.Ports;

/// <summary>
/// Where the topology survives the process. On one node that is a file, in a cluster a store that the nodes share and change together.
/// One writer calls it: the topology service.
/// </summary>
public interface IMetadataStore
{
    /// <summary>What is stored. Called once, before anything else.</summary>
    /// <param name="changed">Called with what other nodes have changed since, in order; on a thread of the store. It must neither block nor throw.</param>
    /// <param name="cancellation">Ends the waiting for a store that cannot be reached.</param>
    Task<StoredTopology> Load(Action<StoredChanges> changed, CancellationToken cancellation);

    /// <summary>Whether a change has to be committed before it counts: what is durable; in a cluster, whatever others have to know.</summary>
    bool Keeps(TopologyChange change);

    /// <summary>
    /// Makes the changes of these results durable as far as it keeps them, each result's all or none, and the results in order: what is there
    /// after a crash is always a beginning of what was committed. Returns at once. One commit at a time is under way.
    /// <para>
    /// A write that fails is fatal and never tried again, because nothing says what the disk then holds: the store reports it to
    /// its maker, and nothing is ever called back any more.
    /// </para>
    /// </summary>
    /// <param name="basis">The revision that the results follow: of what was loaded, of the last commit, or of the last change that was told.</param>
    /// <param name="batch">Results that followed each other, in order. The topology of the last one is the whole that the store holds afterwards.</param>
    /// <param name="answered">Called when that is decided: on a thread of the store, never from inside this call. It may commit again. It
    /// must not throw.</param>
    void Commit(long basis, IReadOnlyList<TopologyResult> batch, Action<CommitAnswer> answered);

    /// <summary>This node goes by that revision: clients see it. Called in order; it must neither block nor throw.</summary>
    void Shown(long revision)
    {
    }

    /// <summary>Calls back when all nodes that can be reached go by that revision, in the order of these calls; a node alone at once.</summary>
    /// <param name="then">It must neither block nor throw.</param>
    void WhenFollowed(long revision, Action then) => then();
}

/// <summary>What a metadata store has when it is loaded.</summary>
/// <param name="Topology">It numbers its next queue above every queue there ever was here, deleted ones included.</param>
/// <param name="Revision">Grows with every commit of any node.</param>
/// <param name="Epoch">No other start of any node had it, or will: positions of messages begin with it (<see cref="Records.Positions"/>).</param>
/// <param name="IsWhole">Nothing of it is known to be lost. If so, a queue that is not in it was deleted.</param>
public sealed record StoredTopology(TopologySnapshot Topology, long Revision, uint Epoch, bool IsWhole);

/// <summary>What another node has changed.</summary>
/// <param name="Revision">Of the store, with these changes.</param>
/// <param name="Changes">In order; all of one commit.</param>
public sealed record StoredChanges(long Revision, ImmutableArray<TopologyChange> Changes);

/// <summary>What became of a commit.</summary>
/// <param name="Revision">Of the store, if it was done.</param>
public readonly record struct CommitAnswer(CommitOutcome Outcome, long Revision)
{
    public static CommitAnswer Done(long revision) => new(CommitOutcome.Done, revision);
}

public enum CommitOutcome
{
    /// <summary>All of it is durable.</summary>
    Done,

    /// <summary>Nothing of it happened: another node has changed something since its basis, which has been told before this answer.</summary>
    Conflict,

    /// <summary>The store cannot be reached, and does not know whether it happened. If it did, it is told of as other nodes' changes are.</summary>
    Unknown,
}
