using Amqp.Core.Topology;

namespace Amqp.Core.Ports;

/// <summary>
/// Where the topology survives the process. On one node that is a file, in a cluster a store that the nodes share. Only what
/// is durable is kept. One writer calls it: the topology service.
/// </summary>
public interface IMetadataStore
{
    /// <summary>What is stored. Called once, before the first <see cref="Commit"/>.</summary>
    /// <returns>A topology that numbers its next queue above every queue there ever was here, deleted ones included.</returns>
    TopologySnapshot Load();

    /// <summary>
    /// Makes the durable changes of these results durable, each result's all or none, and the results in order: what is there
    /// after a crash is always a beginning of what was committed. Returns at once. The next batch need not wait for this one.
    /// <para>
    /// A write that fails is fatal and never tried again, because nobody knows what the disk then holds: the store reports it to
    /// whoever opened it, and nothing is ever called back any more.
    /// </para>
    /// </summary>
    /// <param name="batch">Results that followed each other, in order; those without durable changes are passed over. The
    /// topology of the last one is the whole that the store holds afterwards.</param>
    /// <param name="committed">Called when all of it is on disk: on a thread of the store, never from inside this call, in the
    /// order of the calls. It may commit again. It must not throw.</param>
    void Commit(IReadOnlyList<TopologyResult> batch, Action committed);
}
