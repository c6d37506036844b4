using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Broker.Tests.Queues;

/// <summary>A queue's replica as a test wants it: what other copies say is the test's to say.</summary>
internal sealed class ScriptedReplica : IQueueReplica
{
    private long _lastNumber;

    public ReplicaStanding Standing { get; private set; } = ReplicaStanding.Elsewhere;

    public RecordedEndpoint Users { get; } = new();

    public IQueueEndpoint Elsewhere => Users;

    public uint LeadsInEpoch { get; private set; }

    public ReplicaMark Mark => LeadsInEpoch == 0 ? default : new ReplicaMark(LeadsInEpoch, _lastNumber);

    public long Completed { get; private set; }

    public long KeptBytes { get; set; }

    /// <summary>Batches, as <c>1:+A 2:-A</c> with positions of this epoch in letters.</summary>
    public List<string> Appended { get; } = [];

    /// <summary>How many publishes had been told of before each batch.</summary>
    public List<int> KnownBefore { get; } = [];

    public List<ReplicaMark> DurableMarks { get; } = [];

    public HashSet<long> KnownNumbers { get; } = [];

    public bool Knows(INumberedPublisher publisher, long number) => KnownNumbers.Contains(number);

    public void Published(INumberedPublisher publisher, long number) => KnownNumbers.Add(number);

    public long Append(ReadOnlySpan<StoreRecord> stream, bool isTogether, long now)
    {
        _lastNumber++;
        KnownBefore.Add(KnownNumbers.Count);
        var records = string.Join(' ', stream.ToArray().Select(record => $"{(record.Type == RecordType.Settle ? '-' : '+')}{Positions.NumberOf(record.Position)}"));
        Appended.Add($"{_lastNumber}:{records}{(isTogether ? " together" : "")}");
        return _lastNumber;
    }

    public void Durable(ReplicaMark mark, long now) => DurableMarks.Add(mark);

    public void CarryOut()
    {
    }

    public bool HasFailed { get; private set; }

    public void Fail() => (HasFailed, LeadsInEpoch, Standing) = (true, 0, ReplicaStanding.Elsewhere);

    /// <summary>The copy leads from now on.</summary>
    public IReplicaEvent Leads(uint epoch, ReplicaStanding standing = ReplicaStanding.Leads) => new Event(this, (state, now) =>
    {
        (LeadsInEpoch, Standing, _lastNumber, Completed) = (epoch, standing, 1, 0);
        state.IsMirrored = true;
        state.Lead(epoch, mayHaveBeenHandedOut: false, now);
    });

    /// <summary>Another one does.</summary>
    public IReplicaEvent Follows() => new Event(this, (state, _) =>
    {
        (LeadsInEpoch, Standing) = (0, ReplicaStanding.Elsewhere);
        state.IsMirrored = false;
        state.Follow();
    });

    public IReplicaEvent Stands(ReplicaStanding standing) => new Event(this, (state, _) =>
    {
        Standing = standing;
        state.HandsOut = standing is ReplicaStanding.Leads or ReplicaStanding.LeadsWithTooFew;
    });

    /// <summary>Every batch up to that one is safe.</summary>
    public IReplicaEvent Completes(long number) => new Event(this, (_, _) => Completed = number);

    /// <summary>Something that the copy cannot do.</summary>
    public IReplicaEvent Fails() => new Event(this, (_, _) => throw new InvalidOperationException());

    /// <summary>Time passes.</summary>
    public IReplicaEvent Nothing(Action happened) => new Event(this, (_, _) => happened());

    private sealed class Event(ScriptedReplica replica, Action<QueueState, long> happen) : IReplicaEvent
    {
        public IQueueReplica Apply(QueueState state, long now)
        {
            happen(state, now);
            return replica;
        }

        public void Refused() => replica.Fail();
    }
}

/// <summary>What users are passed on to.</summary>
internal sealed class RecordedEndpoint : IQueueEndpoint
{
    public List<QueueOperation> Operations { get; } = [];

    public QueueDefinition Definition => throw new NotSupportedException();

    public bool IsDeleted => false;

    public string Kinds => string.Join(' ', Operations.Select(operation => operation.Kind));

    public void Post(in QueueOperation operation) => Operations.Add(operation);

    public void PostAndRun(ReadOnlySpan<QueueOperation> operations) => Operations.AddRange(operations);
}
