using System.Collections.Immutable;
using Amqp.Core.Ports;
using Amqp.Core.Security;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Tests.Forwarding;

/// <summary>Definitions that nodes of one process share, without a disk: what one commits, the others are told, each in its own time.</summary>
internal sealed class SharedDefinitions
{
    private readonly Lock _lock = new();
    private readonly List<Store> _stores = [];
    private readonly TopologySnapshot _initial = TopologyReducer.Apply(TopologySnapshot.Initial, new Commands(
    [
        new AddUser("guest", PasswordHash.Of("guest", [1, 2, 3, 4]), [User.Administrator]),
        new SetPermissions("/", "guest", Permissions.All),
    ])).Topology;

    private TopologySnapshot? _current;
    private long _revision;
    private uint _epoch;

    public IMetadataStore NewStore()
    {
        lock (_lock)
        {
            _stores.Add(new Store(this));
            return _stores[^1];
        }
    }

    private sealed class Store(SharedDefinitions shared) : IMetadataStore
    {
        private readonly Queue<Action> _actions = new();
        private Action<StoredChanges>? _changed;
        private bool _isRunning;

        public Task<StoredTopology> Load(Action<StoredChanges> changed, CancellationToken cancellation)
        {
            lock (shared._lock)
            {
                _changed = changed;
                return Task.FromResult(new StoredTopology(shared._current ?? shared._initial, shared._revision, ++shared._epoch, IsWhole: true));
            }
        }

        public bool Keeps(TopologyChange change) => true;

        public void Commit(long basis, IReadOnlyList<TopologyResult> batch, Action<CommitAnswer> answered)
        {
            lock (shared._lock)
            {
                var isFirst = basis == shared._revision;
                if (isFirst)
                {
                    shared._revision++;
                    shared._current = batch[^1].Topology;
                    var changes = new StoredChanges(shared._revision, [.. batch.SelectMany(result => result.Changes)]);
                    foreach (var other in shared._stores.Where(other => other != this && other._changed is not null)) other.Enqueue(() => other._changed!(changes));
                }
                var revision = shared._revision;
                Enqueue(() => answered(isFirst ? CommitAnswer.Done(revision) : new CommitAnswer(CommitOutcome.Conflict, 0)));
            }
        }

        private void Enqueue(Action action)
        {
            _actions.Enqueue(action);
            if (_isRunning) return;
            _isRunning = true;
            ThreadPool.QueueUserWorkItem(_ => Run());
        }

        private void Run()
        {
            while (true)
            {
                Action action;
                lock (shared._lock)
                {
                    _isRunning = _actions.TryDequeue(out action!);
                    if (!_isRunning) return;
                }
                action();
            }
        }
    }
}
