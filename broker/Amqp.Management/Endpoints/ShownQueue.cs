using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Amqp.Broker.Observability;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using AMQP.Net;

namespace Amqp.Management.Endpoints;

/// <summary>
/// A queue as JSON. Each field is made when it is asked for: a list of 100,000 queues of which a page is wanted looks at the names of all, and at all else of that page only.
/// </summary>
internal sealed class ShownQueue(INodeHost host, QueueDefinition definition)
{
    private readonly QueueDefinition _definition = definition;
    private QueueInfo? _info;

    public string Name => _definition.Name;

    public string Vhost => _definition.Vhost;

    public bool Durable => _definition.Durable;

    public bool AutoDelete => _definition.AutoDelete;

    public bool Exclusive => _definition.Exclusive;

    public FieldTable Arguments => _definition.Arguments;

    public string Type => _definition.Settings.Type.Text();

    public string Node => Place.Leader;

    public string? Leader => IsQuorum ? Place.Leader : null;

    public ImmutableArray<string>? Members => IsQuorum ? Place.Copies : null;

    public ImmutableArray<string>? Online => IsQuorum ? Place.Online : null;

    public string[]? SlaveNodes => RecoverableSlaves is { } mirrors ? Array.FindAll(mirrors, node => Place.Online.Contains(node)) : null;

    public string[]? SynchronisedSlaveNodes => SlaveNodes is { } online ? Array.FindAll(online, node => Place.InSync.Contains(node)) : null;

    /// <summary>Of a classic queue RabbitMQ calls them mirrors, and leaves the leader out.</summary>
    public string[]? RecoverableSlaves => !IsQuorum && Place.IsMirrored ? [.. Place.Copies.Where(node => node != Place.Leader)] : null;

    public string[]? SlavePids => PidsOf(SlaveNodes);

    public string[]? SynchronisedSlavePids => PidsOf(SynchronisedSlaveNodes);

    public IEnumerable<object>? Mirrors => Place.IsMirrored ? Place.Progress.Items.Select(Show) : null;

    public long? SyncMessages => State == QueueInfo.Syncing ? Place.Progress.Items.Where(mirror => !mirror.IsComplete).Min(mirror => mirror.MessagesTold) : null;

    public string State => Info.State;

    public string Pid => host.Node.Pids.Of(_definition.Id, Place.Leader);

    public string? OwnerPid => _definition.Owner is { } owner ? host.Node.Pids.Of(owner) : null;

    /// <summary>The client that has an exclusive queue, asked of its own node.</summary>
    public object? OwnerPidDetails => _definition.Owner is { } owner && host.Node.Connections.Find(owner) is { } client
        ? new { name = client.Name, peer_host = client.Peer?.Address.ToString(), peer_port = client.Peer?.Port }
        : null;

    public string? Policy => _definition.Policies.Policy?.Name;

    public string? OperatorPolicy => _definition.Policies.OperatorPolicy?.Name;

    public object EffectivePolicyDefinition => _definition.Policies.Effective.ToDictionary();

    public int Consumers => Info.Consumers;

    public double ConsumerCapacity => Info.ConsumerCapacity;

    /// <summary>Its name of old.</summary>
    public double ConsumerUtilisation => Info.ConsumerCapacity;

    public string? ExclusiveConsumerPid => PidOf(Info.ExclusiveConsumer);

    public string? ExclusiveConsumerTag => Info.ExclusiveConsumer?.Tag;

    /// <summary>Samples that are wanted.</summary>
    [JsonIgnore]
    public Past Past { get; init; } = Past.None;

    /// <summary>Of a queue that is shown alone.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IEnumerable<object>? ConsumerDetails { get; init; }

    public string? SingleActiveConsumerPid => PidOf(Info.SingleActiveConsumer);

    public string? SingleActiveConsumerTag => Info.SingleActiveConsumer?.Tag;

    public long Memory => Figures.MemoryBytes;

    public long Messages => Figures.Ready + Figures.Unacked;

    public object MessagesDetails => Past.Details(Reading, Past.Lengths, Measure.Ready, Measure.Unacked);

    public long MessagesReady => Figures.Ready;

    public object MessagesReadyDetails => Past.Details(Reading, Past.Lengths, Measure.Ready);

    public long MessagesUnacknowledged => Figures.Unacked;

    public object MessagesUnacknowledgedDetails => Past.Details(Reading, Past.Lengths, Measure.Unacked);

    public long MessagesRam => Figures.ReadyInMemory + Figures.UnackedInMemory;

    public long MessagesReadyRam => Figures.ReadyInMemory;

    public long MessagesUnacknowledgedRam => Figures.UnackedInMemory;

    public long MessagesPersistent => Figures.Persistent;

    public long MessagesPagedOut => Messages - MessagesRam;

    public long MessageBytes => Figures.ReadyBytes + Figures.UnackedBytes;

    public long MessageBytesReady => Figures.ReadyBytes;

    public long MessageBytesUnacknowledged => Figures.UnackedBytes;

    public long MessageBytesRam => Figures.BytesInMemory;

    public long MessageBytesPagedOut => MessageBytes - MessageBytesRam;

    public long MessageBytesPersistent => Figures.PersistentBytes;

    public ulong? HeadMessageTimestamp => Info.HeadTimestamp;

    public string? IdleSince => Idleness.Of(Reading);

    public long DiskReads => Info.MessagesRead;

    public long DiskWrites => Info.MessagesWritten;

    public IReadOnlyDictionary<string, object> MessageStats => Http.MessageStats.OfQueue(Reading, Past);

    private QueueInfo Info => _info ??= host.Node.Queues.InfoOf(_definition);

    private QueuePlace Place => Info.Place;

    private IReading Reading => _info?.Reading ?? host.Node.Queues.ReadingOf(_definition);

    private QueueFigures Figures => _info?.Figures ?? host.Node.Queues.FiguresOf(_definition);

    private bool IsQuorum => _definition.Settings.Type == QueueType.Quorum;

    /// <summary>Ours: how far a mirror is.</summary>
    private static object Show(MirrorProgress mirror) => new
    {
        node = mirror.Node,
        catching_up = !mirror.IsComplete,
        messages_told = mirror.MessagesTold,
        batches_behind = mirror.BatchesBehind,
        bytes_behind = mirror.BytesBehind,
    };

    private string? PidOf(ConsumerId? consumer) => consumer is { } id ? host.Node.Pids.Of(id) : null;

    private string[]? PidsOf(string[]? nodes) => nodes is null ? null : Array.ConvertAll(nodes, node => host.Node.Pids.Of(_definition.Id, node));
}
