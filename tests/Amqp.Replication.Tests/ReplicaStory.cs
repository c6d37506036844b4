using System.Collections.Immutable;
using System.Text;
using AMQP.Net;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Replication.Tests;

/// <summary>Copies of a queue on a table: what they send waits until the story passes it on, and disks are done at once.</summary>
internal sealed class ReplicaStory
{
    private readonly ReplicaOptions _options;
    private readonly QueueSettings _settings;
    private readonly Dictionary<string, Copy> _copies = [];
    private long _sessions;
    private long _revision;

    // Of the last change that a leader wanted.
    private ImmutableArray<EpochEnd> _ends = [];

    public ReplicaStory(ReplicaOptions? options = null, QueueSettings? settings = null, params string[] nodes)
    {
        (_options, _settings) = (options ?? new ReplicaOptions(), settings ?? QueueSettings.None);
        foreach (var node in nodes.Length > 0 ? nodes : ["a", "b"]) _copies.Add(node, new Copy(this, new Member(node, Guid.NewGuid(), Boot: _copies.Count + 1)));
    }

    public long Now { get; set; } = 1_000;

    public int MinInSync { get; init; } = 1;

    public Copy this[string node] => _copies[node];

    /// <summary>The store says so, and these hear of it; all, if none is named.</summary>
    public void Configure(uint epoch, string leader, string inSync, params string[] heard)
    {
        var configuration = new QueueConfiguration
        {
            Revision = ++_revision,
            Epoch = epoch,
            Leader = _copies[leader].Member,
            Replicas = [.. _copies.Keys],
            InSync = [.. inSync.Split(' ').Select(node => _copies[node].Member)],
            MinInSync = MinInSync,
            Ends = _ends,
        };
        foreach (var node in heard.Length > 0 ? heard : [.. _copies.Keys]) _copies[node].Do(copy => copy.Replica.Configured(configuration, Now));
    }

    /// <summary>Whatever was sent arrives, and what is sent then, until there is nothing left.</summary>
    public void Pass()
    {
        while (_copies.Values.FirstOrDefault(copy => copy.Sent.Count > 0) is { } sender) PassOne(sender.Member.Node);
    }

    /// <summary>The first thing that this one sent arrives; returns it.</summary>
    public ReplicaMessage PassOne(string from)
    {
        var (to, message) = _copies[from].Sent.Dequeue();
        _copies[to].Do(copy => copy.Replica.Received(from, message, Now));
        return message;
    }

    internal sealed class Copy
    {
        private readonly ReplicaStory _story;
        private readonly QueueEffects _effects = new();
        private readonly Dictionary<long, Message> _disk = [];

        public Copy(ReplicaStory story, Member member)
        {
            (_story, Member) = (story, member);
            State = new QueueState(new QueueId(7), epoch: 0, isDurable: true, story._settings, _effects);
            Replica = new QueueReplica(member, State, story._options, () => ++story._sessions);
        }

        public Member Member { get; }

        public QueueState State { get; }

        public QueueReplica Replica { get; }

        public Queue<(string To, ReplicaMessage Message)> Sent { get; } = new();

        /// <summary>Reads that are not answered.</summary>
        public Queue<WantedRead> Reads { get; } = new();

        /// <summary>What it has as a mirror is not on its disk yet.</summary>
        public bool IsFlushLate { get; set; }

        /// <summary>What it wants to be kept aside.</summary>
        public Orphans? Orphans { get; private set; }

        /// <summary>Who is to be in sync by the last change that it wants.</summary>
        public string Proposed { get; private set; } = "";

        /// <summary>What is in the queue, by the names of the messages.</summary>
        public string Content
        {
            get
            {
                var live = new List<LiveMessage>();
                State.Describe(0, countMax: 100, live, _story.Now);
                return string.Join(' ', live.Select(message => NameOf(State.MessageAt(message.Position) ?? _disk[message.Position])));
            }
        }

        /// <summary>Publishes messages, numbered by their place.</summary>
        public void Publish(ProducerId producer, params string[] names) => Do(_ =>
        {
            for (var index = 0; index < names.Length; index++)
            {
                var properties = new MutableProperties { DeliveryMode = 1 }.Encode();
                State.Publish(new Message("", "q", new Content([.. properties, .. Encoding.UTF8.GetBytes(names[index])], properties.Length)), _story.Now);
                Replica.Published(producer, index + 1, floor: 1);
            }
        });

        public void Do(Action<Copy> action)
        {
            action(this);
            if (Replica.Role == ReplicaRole.Leader)
            {
                if (_effects.Stream.Length > 0) Replica.Append(_effects.Stream, _effects.KeepsTogether, _story.Now);
                Replica.Durable(Replica.Configuration!.Epoch, Replica.LastNumber, _story.Now);
            }
            foreach (ref readonly var record in _effects.Records)
            {
                if (record.Message is { } message) _disk[record.Position] = message;
            }
            State.Written(_effects.EnqueuedEnd, _effects.LateCount);
            State.PagedOut();
            _effects.Clear();
            if (!IsFlushLate) Replica.Flushed(Replica.Place.Session, Replica.Place.Mark, _story.Now);
            foreach (var sent in Replica.Effects.Sends) Sent.Enqueue(sent);
            foreach (var read in Replica.Effects.Reads) Reads.Enqueue(read);
            Orphans = Replica.Effects.Orphans ?? Orphans;
            if (Replica.Effects.Proposal is var (_, wanted)) (Proposed, _story._ends) = (string.Join(' ', wanted.InSync.Select(member => member.Node)), wanted.Ends);
            Replica.Effects.Clear();
        }

        /// <summary>The disk answers a read.</summary>
        public void Read()
        {
            var read = Reads.Dequeue();
            Do(_ => Replica.Read(read, [.. read.Absent.Select(position => _disk[position])], _story.Now));
        }

        private static string NameOf(Message message) => Encoding.UTF8.GetString(message.Content.Body);
    }
}
