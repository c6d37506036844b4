using Amqp.Core.Ports;
using Amqp.Core.Topology;

namespace Amqp.Broker.Tests.Topology;

/// <summary>A store whose disk is as slow as the test wants: a commit is done when the test says so.</summary>
internal sealed class StepwiseStore : IMetadataStore
{
    private readonly Queue<(IReadOnlyList<TopologyResult> Batch, Action Committed)> _commits = new();

    /// <summary>What <see cref="Load"/> gives.</summary>
    public TopologySnapshot Stored { get; init; } = TopologySnapshot.Initial;

    public int Waiting => _commits.Count;

    public TopologySnapshot Load() => Stored;

    public void Commit(IReadOnlyList<TopologyResult> batch, Action committed) => _commits.Enqueue((batch, committed));

    /// <summary>Finishes the oldest commit.</summary>
    /// <returns>How many results were in it.</returns>
    public int Finish()
    {
        var (batch, committed) = _commits.Dequeue();
        committed();
        return batch.Count;
    }
}
