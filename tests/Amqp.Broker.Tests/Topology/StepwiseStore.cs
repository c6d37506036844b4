using Amqp.Core.Ports;
using Amqp.Core.Topology;

namespace Amqp.Broker.Tests.Topology;

/// <summary>A store whose disk is as slow as the test wants: a commit is done when the test says so.</summary>
internal sealed class StepwiseStore : IMetadataStore
{
    private readonly Queue<(IReadOnlyList<TopologyResult> Batch, Action<CommitAnswer> Answered)> _commits = new();

    private Action<StoredChanges>? _changed;

    /// <summary>What <see cref="Load"/> gives.</summary>
    public TopologySnapshot Stored { get; init; } = TopologySnapshot.Initial;

    /// <summary>What another node changes when this one has been given what is stored, and before it can have looked at it.</summary>
    public TopologyChange[] ChangesWhileLoading { get; init; } = [];

    /// <summary>Of the store, as of the last commit or change.</summary>
    public long Revision { get; private set; } = 10;

    public int Waiting => _commits.Count;

    /// <summary>The revision of each commit's basis.</summary>
    public List<long> Bases { get; } = [];

    public Task<StoredTopology> Load(Action<StoredChanges> changed, CancellationToken cancellation)
    {
        _changed = changed;
        var stored = new StoredTopology(Stored, Revision, Epoch: 0, IsWhole: true);
        if (ChangesWhileLoading.Length > 0) Change(ChangesWhileLoading);
        return Task.FromResult(stored);
    }

    public bool Keeps(TopologyChange change) => change.Durable;

    public void Commit(long basis, IReadOnlyList<TopologyResult> batch, Action<CommitAnswer> answered)
    {
        Bases.Add(basis);
        _commits.Enqueue((batch, answered));
    }

    /// <summary>Another node changes something.</summary>
    public void Change(params ReadOnlySpan<TopologyChange> changes) => _changed!(new StoredChanges(++Revision, [.. changes]));

    /// <summary>Finishes the oldest commit.</summary>
    /// <returns>How many results were in it.</returns>
    public int Finish(CommitOutcome outcome = CommitOutcome.Done)
    {
        var (batch, answered) = _commits.Dequeue();
        answered(new CommitAnswer(outcome, outcome == CommitOutcome.Done ? ++Revision : 0));
        return batch.Count;
    }
}
