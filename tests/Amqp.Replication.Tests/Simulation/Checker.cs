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
    private readonly Dictionary<uint, long> _lastNumbers = [];
    private readonly Dictionary<long, (string Name, bool IsPersistent)> _messages = [];
    private readonly Dictionary<string, List<long>> _positions = [];
    private readonly Dictionary<string, Confirmed> _confirmed = [];
    private readonly HashSet<string> _published = [];
    private readonly HashSet<string> _delivered = [];

    // By some leader, once: it may be taken later, when others have passed it.
    private readonly HashSet<string> _refused = [];

    // Taken, and never in the queue.
    private readonly HashSet<string> _gone = [];

    // Confirmed, and not known to be settled when that was looked at last.
    private readonly HashSet<string> _open = [];

    // Left the queue for good, on a leader, for whatever reason.
    private readonly HashSet<string> _settled = [];
    private readonly Dictionary<long, uint> _settledPositions = [];

    // And since that epoch every copy in sync knows it.
    private readonly Dictionary<long, uint> _final = [];

    // Dropped by copies, and not lost.
    private readonly HashSet<long> _keptAside = [];
    private readonly Dictionary<(long Consumer, ProducerId Producer, long Priority, long Group), long> _lastOf = [];

    private uint _knownSince;
    private uint _restartedSince;
    private uint _unsynchronisedSince;
    private uint _forgottenSince;

    public void Published(string name) => _published.Add(name);

    /// <summary>It is taken, and is not in the queue: there is no room for it, or one with its key is.</summary>
    public void GoneAtOnce(string name)
    {
        _gone.Add(name);
        _settled.Add(name);
    }

    public void Refused(string name) => _refused.Add(name);

    /// <param name="wasComplete">If not, it had begun to join again: it knows the publishes of what it had before, and not of what it was given since.</param>
    public void Leads(SimNode node, uint epoch, bool wasComplete)
    {
        if (!wasComplete) _knownSince = epoch;
        if (!_leaders.TryAdd(epoch, node.Self) && _leaders[epoch] != node.Self) throw Broken($"{node.Self} and {_leaders[epoch]} lead in epoch {epoch}");
    }

    /// <summary>A leader has appended a batch.</summary>
    /// <param name="isWhole">Its state is that of this number; if not, it is in the middle of something.</param>
    public void Appended(SimNode node, uint epoch, long number, ReadOnlySpan<StoreRecord> records, bool isWhole)
    {
        if (number <= _lastNumbers.GetValueOrDefault(epoch)) throw Broken($"{node.Name} has used number {number} of epoch {epoch} again");
        _lastNumbers[epoch] = number;
        foreach (ref readonly var record in records)
        {
            if (record.Type == RecordType.Enqueue)
            {
                var name = SimMessages.NameOf(record.Message!);
                if (!_messages.TryAdd(record.Position, (name, record.Message!.IsPersistent))) throw Broken($"position {record.Position} is {name} and was {_messages[record.Position]}");
                if (!_positions.TryGetValue(name, out var positions)) _positions.Add(name, positions = []);
                positions.Add(record.Position);
                // Which publishes are known is in memory only, and lost when all copies were started again.
                if (positions.SkipLast(1).Any(position => Positions.EpochOf(position) >= _knownSince && node.State.Contains(position))) throw Broken($"{name} is stored twice, at {string.Join(" and ", positions)}");
                if (Positions.EpochOf(record.Position) != epoch) throw Broken($"position {record.Position} is not of epoch {epoch}");
            }
            for (var position = record.Position; record.Type == RecordType.Settle && position < record.Position + record.Count; position++)
            {
                if (!_messages.TryGetValue(position, out var gone)) continue;
                _settled.Add(gone.Name);
                _settledPositions.TryAdd(position, epoch);
                simulation.Trace.Add(node.Name, $"settles {gone.Name} in number {number}");
            }
        }
        if (number % ComparedEvery != 0 || !isWhole) return;
        var live = Describe(node);
        _states.Add((epoch, number), HashOf(live));
        _recent.Enqueue((epoch, number, live));
        if (_recent.Count > RecentMax) _recent.Dequeue();
    }

    /// <summary>A mirror says that it is where its leader was.</summary>
    public void Mirrors(SimNode node, uint epoch, long number)
    {
        if (!_states.TryGetValue((epoch, number), out var known)) return;
        var here = Describe(node);
        if (known == HashOf(here)) return;
        var there = _recent.FirstOrDefault(each => each.Epoch == epoch && each.Number == number).Live ?? [];
        throw Broken($"{node.Name} at number {number} of epoch {epoch} is not as its leader was; of what that had it lacks\n{string.Join('\n', there.Except(here))}\nand has besides\n{string.Join('\n', here.Except(there))}");
    }

    /// <summary>A leader says that a message is safe.</summary>
    public void Confirms(SimNode leader, string name, bool isPersistent)
    {
        simulation.Trace.Add(leader.Name, $"confirms {name} with number {leader.Replica.Completed} complete");
        var epoch = leader.Replica.Configuration!.Epoch;
        // A leader that does not know that it is deposed goes by what a mirror had in memory before it was started again, and led.
        var isForgiven = epoch < _unsynchronisedSince || (!isPersistent && epoch < _restartedSince);
        if (!_confirmed.TryAdd(name, new Confirmed(isPersistent, isForgiven))) return;
        _open.Add(name);
        var stored = simulation.Store.Current!;
        // Or had it on a disk that is gone by now: of the set as it is, or as the leader knows it.
        var copies = simulation.Nodes.Count(node => Has(node, name, isPersistent))
            + stored.InSync.Concat(leader.Replica.Configuration!.InSync).Where(member => simulation.Node(member.Node).Disk.Directory != member.Directory).DistinctBy(member => member.Node).Count();
        // The memory of a mirror that said it had it may be gone by now.
        if (isPersistent && !_settled.Contains(name) && copies < leader.Replica.Configuration!.MinInSync) throw Broken($"{name} is confirmed and on {copies} nodes");
        Look(name);
    }

    /// <summary>A leader says that a message is safe, since one with the same key is: what is at that position.</summary>
    public void ConfirmsAt(SimNode leader, long position) => Confirms(leader, _messages[position].Name, _messages[position].IsPersistent);

    /// <summary>Every copy in sync has heard that these are settled.</summary>
    public void Final(uint epoch, in StoreRecord settle)
    {
        // A leader that does not know that one outside of the set leads by now knows nothing of what that one has.
        if (epoch < _unsynchronisedSince) return;
        for (var position = settle.Position; position < settle.Position + settle.Count; position++) _final.TryAdd(position, epoch);
    }

    /// <summary>A mirror tells its disk of this.</summary>
    public void Drops(SimNode node, ReadOnlySpan<StoreRecord> records)
    {
        foreach (ref readonly var record in records)
        {
            for (var position = record.Position; record.Type == RecordType.Settle && position < record.Position + record.Count; position++)
            {
                // A leader that was started again does not know what was transient, nor that it was joining and lacked something.
                if (_messages.TryGetValue(position, out var message) && message.IsPersistent && Positions.EpochOf(position) >= _forgottenSince
                    && !_settledPositions.ContainsKey(position) && !_keptAside.Contains(position))
                    throw Broken($"{node.Name} drops {message.Name} at {position}, which no leader has settled, and which is not kept aside");
            }
        }
    }

    /// <summary>A copy has kept messages that no leader ever knew.</summary>
    public void KeptAside(long[] positions) => _keptAside.UnionWith(positions);

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
        // A leader that hands over has told the next one everything.
        foreach (var (position, _) in after.Proposal == default ? [] : _settledPositions.Where(each => each.Value == before.Epoch)) _final.TryAdd(position, after.Epoch);
        if (before.InSync.Contains(after.Leader)) return;
        if (before.IsInSync(after.Leader)) _forgottenSince = after.Epoch;
        else
        {
            if (!simulation.Store.PromotesUnsynchronised) throw Broken($"{after.Leader} leads and was not in sync: {before}");
            _unsynchronisedSince = after.Epoch;
            _final.Clear();
            foreach (var name in _confirmed.Keys.ToArray()) _confirmed[name] = _confirmed[name] with { IsForgiven = true };
        }
        // It was started again, and nothing better was left (Chosen): what was only in memory is gone.
        _knownSince = _restartedSince = after.Epoch;
        foreach (var (name, confirmed) in _confirmed.Where(each => !each.Value.IsPersistent).ToArray()) _confirmed[name] = confirmed with { IsForgiven = true };
    }

    /// <summary>A leader hands a message to a consumer, or sends it on. One that does not know yet that it is deposed may do so once more.</summary>
    public void Leaves(uint epoch, long position, string name)
    {
        if (!_published.Contains(name)) throw Broken($"{name} leaves the queue and was never published");
        if (_final.TryGetValue(position, out var since) && epoch >= since) throw Broken($"{name}, at {position}, leaves the queue again in epoch {epoch}, and all knew since {since} that it was settled");
    }

    public void Delivered(SimConsumer consumer, long consumerNumber, string name, bool redelivered)
    {
        _delivered.Add(name);
        if (redelivered || _refused.Contains(name)) return;
        var parts = name.Split('-');
        var producer = parts[0].Split('.');
        var number = Parse(parts[1]);
        var settings = simulation.Settings;
        var key = (consumerNumber, new ProducerId(Parse(producer[0]), Parse(producer[1])), settings.MaxPriority > 0 ? SimMessages.PriorityOf(number) : 0, settings.MessageGroups ? SimMessages.GroupOf(number) : 0);
        if (_lastOf.TryGetValue(key, out var last) && number <= last) throw Broken($"{consumer.Tag} gets {name} after {last}");
        _lastOf[key] = number;
    }

    /// <summary>Another queue has it.</summary>
    public void DeadLettered(string name) => _delivered.Add(name);

    /// <summary>All is quiet.</summary>
    public void End()
    {
        Look();
        foreach (var (name, confirmed) in _confirmed)
        {
            if (confirmed.IsForgiven || _gone.Contains(name)) continue;
            if (!_settled.Contains(name)) throw Broken($"{name} was confirmed and is lost");
            if (!MayVanish && !_delivered.Contains(name)) throw Broken($"{name} was confirmed and has left, and nobody got it");
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

    /// <summary>Messages may leave the queue that nobody gets.</summary>
    private bool MayVanish => simulation.Settings.Role == QueueRole.Deduplication
        || (simulation.Settings is { DeadLetterExchange: null, Role: QueueRole.ForClients } and ({ MessageTtlMs: not null } or { IsLimited: true }));

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
