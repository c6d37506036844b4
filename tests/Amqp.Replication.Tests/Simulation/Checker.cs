using System.Globalization;
using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Replication.Tests.Simulation;

/// <summary>What must hold whatever happens. It sees everything at once, as nothing in the cluster can.</summary>
internal sealed class Checker(SimCluster simulation)
{
    private const int RecentMax = 200;

    /// <summary>States are compared at these numbers only: it is most of the work of a run, and a difference stays.</summary>
    private const int ComparedEvery = 4;

    // The last states of leaders, to be shown if a mirror has another.
    private readonly Queue<(uint Epoch, long Number, List<LiveMessage> Live)> _recent = new();
    private readonly Dictionary<uint, Member> _leaders = [];
    private readonly Dictionary<(uint Epoch, long Number), int> _states = [];
    private readonly Dictionary<long, string> _names = [];
    private readonly Dictionary<string, List<long>> _positions = [];
    private readonly Dictionary<string, Confirmed> _confirmed = [];
    private readonly HashSet<string> _published = [];
    private readonly HashSet<string> _delivered = [];

    // By some leader, once: it may be taken later, when others have passed it.
    private readonly HashSet<string> _refused = [];

    // Confirmed, and not known to be settled when that was looked at last.
    private readonly HashSet<string> _open = [];

    // Left the queue for good, on a leader, for whatever reason.
    private readonly HashSet<string> _settled = [];
    private readonly Dictionary<(long Consumer, ProducerId Producer), long> _lastOf = [];

    private uint _knownSince;
    private uint _restartedSince;

    public void Published(string name) => _published.Add(name);

    /// <summary>It is taken, and beyond the length of the queue.</summary>
    public void GoneAtOnce(string name) => _settled.Add(name);

    public void Refused(string name) => _refused.Add(name);

    /// <param name="wasComplete">If not, it had begun to join again: it knows the publishes of what it had before, and not of what it was given since.</param>
    public void Leads(SimNode node, uint epoch, bool wasComplete)
    {
        if (!wasComplete) _knownSince = epoch;
        if (!_leaders.TryAdd(epoch, node.Self) && _leaders[epoch] != node.Self) throw Broken($"{node.Self} and {_leaders[epoch]} lead in epoch {epoch}");
    }

    /// <summary>A leader has appended a batch, and its state is that of this number.</summary>
    public void Appended(SimNode node, uint epoch, long number, ReadOnlySpan<StoreRecord> records)
    {
        foreach (ref readonly var record in records)
        {
            if (record.Type == RecordType.Enqueue)
            {
                var name = SimNode.NameOf(record.Message!);
                if (!_names.TryAdd(record.Position, name)) throw Broken($"position {record.Position} is {name} and was {_names[record.Position]}");
                if (!_positions.TryGetValue(name, out var positions)) _positions.Add(name, positions = []);
                positions.Add(record.Position);
                // Which publishes are known is in memory only, and lost when all copies were started again.
                if (positions.SkipLast(1).Any(position => Positions.EpochOf(position) >= _knownSince && node.State.Contains(position))) throw Broken($"{name} is stored twice, at {string.Join(" and ", positions)}");
                if (Positions.EpochOf(record.Position) != epoch) throw Broken($"position {record.Position} is not of epoch {epoch}");
            }
            for (var position = record.Position; record.Type == RecordType.Settle && position < record.Position + record.Count; position++)
            {
                if (!_names.TryGetValue(position, out var gone)) continue;
                _settled.Add(gone);
                simulation.Trace.Add(node.Name, $"settles {gone} in number {number}");
            }
        }
        if (number % ComparedEvery != 0) return;
        var live = Describe(node);
        if (!_states.TryAdd((epoch, number), HashOf(live))) throw Broken($"{node.Name} has used number {number} of epoch {epoch} again");
        _recent.Enqueue((epoch, number, live));
        if (_recent.Count > RecentMax) _recent.Dequeue();
    }

    /// <summary>A mirror says that it is where its leader was.</summary>
    public void Mirrors(SimNode node, uint epoch, long number)
    {
        if (number % ComparedEvery != 0) return;
        var here = Describe(node);
        if (_states[(epoch, number)] == HashOf(here)) return;
        var there = _recent.FirstOrDefault(each => each.Epoch == epoch && each.Number == number).Live ?? [];
        throw Broken($"{node.Name} at number {number} of epoch {epoch} is not as its leader was; of what that had it lacks\n{string.Join('\n', there.Except(here))}\nand has besides\n{string.Join('\n', here.Except(there))}");
    }

    /// <summary>A leader says that a message is safe.</summary>
    public void Confirms(SimNode leader, string name, bool isPersistent)
    {
        simulation.Trace.Add(leader.Name, $"confirms {name} with number {leader.Replica.Completed} complete");
        // A leader that does not know that it is deposed goes by what a mirror had in memory before it was started again, and led.
        var isForgiven = !isPersistent && leader.Replica.Configuration!.Epoch < _restartedSince;
        if (!_confirmed.TryAdd(name, new Confirmed(isPersistent, isForgiven))) return;
        _open.Add(name);
        var stored = simulation.Store.Current!;
        // Or had it on a disk that is gone by now.
        var copies = simulation.Nodes.Count(node => Has(node, name, isPersistent)) + stored.InSync.Count(member => simulation.Node(member.Node).Disk.Directory != member.Directory);
        // The memory of a mirror that said it had it may be gone by now.
        if (isPersistent && !_settled.Contains(name) && copies < leader.Replica.Configuration!.MinInSync) throw Broken($"{name} is confirmed and on {copies} nodes");
        Look(name);
    }

    /// <summary>Every copy in sync has every confirmed message.</summary>
    public void Look()
    {
        _open.RemoveWhere(_settled.Contains);
        foreach (var name in _open) Look(name);
    }

    /// <summary>The controller has chosen a leader.</summary>
    public void Chosen(QueueConfiguration seen, IEnumerable<Member> running, Member next)
    {
        if (!seen.InSync.Contains(next) && running.Any(seen.InSync.Contains)) throw Broken($"{next} is to lead, was started again, and a copy that never stopped runs: {seen}");
    }

    /// <summary>The store has a new configuration.</summary>
    public void Configured(QueueConfiguration? before, QueueConfiguration after)
    {
        if (before is not null && (after.Epoch < before.Epoch || after.Revision <= before.Revision)) throw Broken($"{after} follows {before}");
        if (before is null || before.Epoch == after.Epoch) return;
        if (!before.IsInSync(after.Leader)) throw Broken($"{after.Leader} leads and was not in sync: {before}");
        if (before.InSync.Contains(after.Leader)) return;
        // It was started again, and nothing better was left (Chosen): what was only in memory is gone.
        _knownSince = _restartedSince = after.Epoch;
        foreach (var (name, confirmed) in _confirmed.Where(each => !each.Value.IsPersistent).ToArray()) _confirmed[name] = confirmed with { IsForgiven = true };
    }

    public void Delivered(SimConsumer consumer, long consumerNumber, string name, bool redelivered)
    {
        if (!_published.Contains(name)) throw Broken($"{name} is delivered and was never published");
        _delivered.Add(name);
        if (redelivered || _refused.Contains(name)) return;
        var parts = name.Split('-');
        var producer = parts[0].Split('.');
        var key = (consumerNumber, new ProducerId(Parse(producer[0]), Parse(producer[1])));
        var number = Parse(parts[1]);
        if (_lastOf.TryGetValue(key, out var last) && number <= last) throw Broken($"{consumer.Tag} gets {name} after {last}");
        _lastOf[key] = number;
    }

    public void DeadLettered(string name) => _delivered.Add(name);

    /// <summary>All is quiet.</summary>
    public void End()
    {
        Look();
        foreach (var (name, confirmed) in _confirmed)
        {
            if (!confirmed.IsForgiven && !_delivered.Contains(name) && !_settled.Contains(name)) throw Broken($"{name} was confirmed and is lost");
        }
    }

    public Exception Broken(string what) => new AssertionException(what);

    private void Look(string name)
    {
        var confirmed = _confirmed[name];
        if (confirmed.IsForgiven || _settled.Contains(name)) return;
        foreach (var member in simulation.Store.Current!.InSync)
        {
            var node = simulation.Node(member.Node);
            // A copy on another disk, or, of a transient message, of another start, is no member.
            if (node.Disk.Directory != member.Directory || (!confirmed.IsPersistent && (!node.IsUp || node.Self.Boot != member.Boot))) continue;
            if (!Has(node, name, confirmed.IsPersistent)) throw Broken($"{name} is confirmed, and {member}, which is in sync, does not have it");
        }
    }

    private bool Has(SimNode node, string name, bool isPersistent) => _positions.TryGetValue(name, out var positions)
        && positions.Exists(position => isPersistent ? node.Disk.Durable.ContainsKey(position) : node.IsUp && node.State.Contains(position));

    private static int HashOf(List<LiveMessage> live)
    {
        var hash = new HashCode();
        foreach (var message in live) hash.Add(message);
        return hash.ToHashCode();
    }

    /// <summary>All that is in the queue there. When it is ready again depends on the moment.</summary>
    private static List<LiveMessage> Describe(SimNode node)
    {
        var live = new List<LiveMessage>();
        for (var from = 0L; from < node.State.End;) from = node.State.Describe(from, countMax: 1_000, live, now: long.MaxValue);
        return live.ConvertAll(message => message with { Attributes = message.Attributes with { ReadyAt = 0 } });
    }

    private static long Parse(string number) => long.Parse(number, CultureInfo.InvariantCulture);

    private sealed record Confirmed(bool IsPersistent, bool IsForgiven = false);
}
