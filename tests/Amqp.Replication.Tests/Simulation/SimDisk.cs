using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Records;

namespace Amqp.Replication.Tests.Simulation;

/// <summary>
/// The store of one node, for one queue: writes become durable in order, some time later. What was not flushed when the node stops is lost, from some
/// point on; the disk can be full, which only takes longer, or be replaced by an empty one. Records pass through their real format.
/// </summary>
internal sealed class SimDisk(Scheduler scheduler, Wire wire, Bug bug)
{
    private readonly Queue<(StoreRecord[] Records, Action Done)> _pending = new();
    private readonly SortedDictionary<long, StoreRecord> _durable = [];

    // Positions at which messages are or were on the disk, and those at which some are about to be.
    private readonly HashSet<long> _known = [];
    private readonly HashSet<long> _coming = [];

    // Of what was written or paged out by this start of the node: it can be read.
    private readonly Dictionary<long, Message> _readable = [];
    private bool _isFlushing;
    private int _start;

    public Guid Directory { get; private set; } = NewDirectory(scheduler.Random);

    public bool IsFull { get; set; }

    public long FlushMsMax { get; set; } = 4;

    /// <summary>What a start would find, by position.</summary>
    public IReadOnlyDictionary<long, StoreRecord> Durable => _durable;

    public void Write(ReadOnlySpan<StoreRecord> records, Action done)
    {
        foreach (ref readonly var record in records)
        {
            if (record.Type != RecordType.Enqueue) continue;
            var wasHere = !_coming.Add(record.Position) || _known.Contains(record.Position);
            if (wasHere && !record.MayHaveBeenHere)
                throw new InvalidOperationException($"the store is given a message at {record.Position} once more, and is not told so");
        }
        _pending.Enqueue((wire.Copy(records), done));
        if (!_isFlushing) Flush();
    }

    public Message?[] Read(long[] positions) => [.. positions.Select(position => _readable.GetValueOrDefault(position))];

    /// <summary>The node stops: of what was not flushed a beginning may have reached the disk.</summary>
    public void Stop()
    {
        for (var kept = scheduler.Random.Next(_pending.Count + 1); kept > 0; kept--) Apply(_pending.Dequeue().Records);
        _pending.Clear();
        _coming.Clear();
        _readable.Clear();
        _isFlushing = false;
        // A store knows settled messages for as long as something of them is on its disk; every second start finds all of that merged away.
        if (++_start % 2 == 0) _known.IntersectWith(_durable.Keys);
    }

    /// <summary>It is another disk from now on.</summary>
    public void Replace()
    {
        Clear();
        if (bug != Bug.EmptyDiskIsAMember) Directory = NewDirectory(scheduler.Random);
    }

    /// <summary>The queue is not wanted here any more.</summary>
    public void Clear()
    {
        _durable.Clear();
        _known.Clear();
    }

    public RecoveredQueue Recover()
    {
        foreach (var (position, record) in _durable) _readable[position] = record.Message!;
        return new RecoveredQueue(
            _known.Count == 0 ? 0 : _known.Max() + 1,
            [.. _durable.Values.Select(record => new RecoveredMessage(record.Position, record.Message!.Size, record.Message.BodySize, record.Attributes, Redelivered: true))]);
    }

    private static Guid NewDirectory(Random random)
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes);
    }

    private void Flush()
    {
        _isFlushing = _pending.Count > 0;
        if (!_isFlushing) return;
        var (start, count) = (_start, _pending.Count); // one flush for all that wait
        scheduler.After(0, FlushMsMax, () => Flushed(start, count));
    }

    private void Flushed(int start, int count)
    {
        if (start != _start) return;
        if (IsFull)
        {
            scheduler.After(20, () => Flushed(start, count));
            return;
        }
        var done = new List<Action>();
        for (; count > 0; count--)
        {
            var (records, then) = _pending.Dequeue();
            Apply(records);
            done.Add(then);
        }
        foreach (var then in done)
        {
            if (start == _start) then();
        }
        if (start == _start) Flush();
    }

    private void Apply(StoreRecord[] records)
    {
        foreach (var record in records)
        {
            switch (record.Type)
            {
                case RecordType.Enqueue:
                    _known.Add(record.Position);
                    _durable[record.Position] = record;
                    _readable[record.Position] = record.Message!;
                    break;
                case RecordType.Page:
                    _readable[record.Position] = record.Message!;
                    break;
                case RecordType.Settle:
                    for (var position = record.Position; position < record.Position + record.Count; position++)
                    {
                        _durable.Remove(position);
                        _readable.Remove(position);
                    }
                    break;
                case RecordType.Change when _durable.TryGetValue(record.Position, out var changed):
                    _durable[record.Position] = changed with { Attributes = record.Attributes };
                    break;
            }
        }
    }
}
