namespace Amqp.Replication.Tests.Simulation;

/// <summary>
/// A channel of a node that publishes: it numbers its messages, sends them to whom its node takes for the leader, and sends again, in order, what has no answer. What
/// it sends arrives in order or not at all, as over a connection: when something of it is lost it begins anew.
/// </summary>
internal sealed class SimPublisher(SimCluster simulation, SimNode edge, ProducerId id)
{
    private const int WindowMax = 20;

    private readonly SortedDictionary<long, bool> _unanswered = [];
    private readonly long _edgeBoot = edge.Self.Boot;
    private long _last;
    private long _connection;
    private long _sentAt;
    private string? _leader;
    private uint _epoch;
    private long _index;

    public ProducerId Id => id;

    /// <summary>The node that it publishes through.</summary>
    public string Edge => edge.Name;

    /// <summary>Its node still runs, and it waits for no answer.</summary>
    public bool IsDone => !IsAlive || _unanswered.Count == 0;

    private bool IsAlive => edge.IsUp && edge.Self.Boot == _edgeBoot;

    /// <summary>Publishes one more message, if not too many wait.</summary>
    public void Publish()
    {
        if (!IsAlive || edge.IsPaused || _unanswered.Count >= WindowMax) return;
        _unanswered.Add(++_last, simulation.Scheduler.Chance(0.7));
        if (_leader is null || !SendAll(onlyLast: true)) Connect();
    }

    public void Tick()
    {
        if (!IsAlive || edge.IsPaused || _unanswered.Count == 0) return;
        if (edge.Replica.Configuration?.Epoch != _epoch || simulation.Scheduler.Now - _sentAt > 2_000) Connect();
    }

    /// <summary>The leader has taken or refused a message.</summary>
    public void Answered(long number)
    {
        if (IsAlive) _unanswered.Remove(number);
    }

    private void Connect()
    {
        (_connection, _index) = (_connection + 1, 0);
        (_leader, _epoch) = (edge.Replica.Configuration?.Leader.Node, edge.Replica.Configuration?.Epoch ?? 0);
        SendAll(onlyLast: false);
    }

    private bool SendAll(bool onlyLast)
    {
        if (_leader is null || edge.Replica.Configuration?.Epoch != _epoch) return false;
        _sentAt = simulation.Scheduler.Now;
        var floor = _unanswered.Keys.First();
        foreach (var (number, isPersistent) in onlyLast ? _unanswered.TakeLast(1) : _unanswered)
        {
            var (connection, index, leader) = (_connection, ++_index, simulation.Node(_leader));
            simulation.Network.Send(edge.Name, _leader, () => leader.Step(() => leader.Publish(this, connection, index, number, floor, isPersistent)));
        }
        return true;
    }
}
