using Amqp.Core.Ports;
using Amqp.Core.Security;
using Amqp.Core.Topology;

namespace Amqp.Broker.Tests.Nodes;

/// <summary>A store without a disk. It answers on another thread, as a real one does; not before the test lets it, if it is held.</summary>
internal sealed class MemoryStore : IMetadataStore
{
    private readonly Lock _lock = new();
    private readonly Queue<Action> _commits = new();
    private bool _held;
    private bool _running;

    /// <summary>Commits that were not reported yet.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock) return _commits.Count;
        }
    }

    /// <summary>As after a first start: guest may everything.</summary>
    public Task<StoredTopology> Load(Action<StoredChanges> changed, CancellationToken cancellation) =>
        Task.FromResult(new StoredTopology(Initial(), Revision: 0, Epoch: 0, IsWhole: true));

    public bool Keeps(TopologyChange change) => change.Durable;

    private static TopologySnapshot Initial() => TopologyReducer.Apply(TopologySnapshot.Initial, new Commands(
    [
        new AddUser("guest", PasswordHash.Of("guest", [1, 2, 3, 4]), [User.Administrator]),
        new SetPermissions("/", "guest", Permissions.All),
    ])).Topology;

    /// <summary>Nothing is committed from here on until <see cref="Release"/>.</summary>
    public void Hold()
    {
        lock (_lock) _held = true;
    }

    public void Release()
    {
        lock (_lock)
        {
            _held = false;
            RunIfNeeded();
        }
    }

    public void Commit(long basis, IReadOnlyList<TopologyResult> batch, Action<CommitAnswer> answered)
    {
        lock (_lock)
        {
            _commits.Enqueue(() => answered(CommitAnswer.Done(basis + 1)));
            RunIfNeeded();
        }
    }

    private void RunIfNeeded()
    {
        if (_held || _running || _commits.Count == 0) return;
        _running = true;
        ThreadPool.QueueUserWorkItem(_ => Run());
    }

    private void Run()
    {
        while (true)
        {
            Action committed;
            lock (_lock)
            {
                if (_held || !_commits.TryDequeue(out committed!))
                {
                    _running = false;
                    return;
                }
            }
            committed();
        }
    }
}
