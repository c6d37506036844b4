using System.Text;
using AMQP.Net;
using Amqp.Core.DeadLetters;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Queues;

/// <summary>
/// A queue on a table: messages and consumers have short names, and what happened reads as <c>a:m1</c> (consumer a got m1)
/// or <c>a:m1!</c> (redelivered).
/// </summary>
internal sealed class QueueStory(long? messageTtlMs = null, bool durable = false, QueueSettings? settings = null, StoryStore? store = null)
{
    private readonly QueueEffects _effects = new();
    private readonly List<string> _deliveries = [];
    private readonly List<string> _deadLetters = [];
    private readonly Queue<long> _onTheWay = new();
    private readonly List<StoreRecord> _stream = [];
    private readonly Queue<long[]> _deadLetterReads = new();
    private readonly Dictionary<(MessageHolder, string), long> _positions = [];
    private QueueState? _state;

    public QueueState State => _state ??= new QueueState(new QueueId(7), epoch: 0, durable, settings ?? new QueueSettings { MessageTtlMs = messageTtlMs }, _effects);

    public long Now { get; set; } = 1_000;

    public StoryStore Store { get; } = store ?? new();

    /// <summary>One that has mirrors.</summary>
    public static QueueStory Mirrored(QueueSettings? settings = null, bool durable = false)
    {
        var queue = new QueueStory(durable: durable, settings: settings);
        queue.State.IsMirrored = true;
        return queue;
    }

    /// <summary>Hears what that leader told its mirrors since the last time.</summary>
    public void Replay(QueueStory leader)
    {
        foreach (var record in leader.TakeStream()) State.Replay(record, Now);
    }

    public StoryConsumer Consume(string tag, int prefetch = 0, bool autoAck = false, int priority = 0, bool exclusive = false)
    {
        var consumer = new StoryConsumer { Tag = tag, Prefetch = prefetch, AutoAck = autoAck, Priority = priority, Exclusive = exclusive };
        Assert.That(State.CanAddConsumer(consumer), Is.True);
        State.AddConsumer(consumer, Now);
        return consumer;
    }

    public void Publish(params string[] names)
    {
        foreach (var name in names) State.Publish(NewMessage(name), Now);
    }

    public void PublishExpiring(string name, long expirationMs) => State.Publish(NewMessage(name, expirationMs), Now);

    /// <summary>With the header <c>x-delay</c>.</summary>
    public void PublishDelayed(params (string Name, long Ms)[] messages)
    {
        foreach (var (name, ms) in messages) State.Publish(NewMessage(name).WithHeader("x-delay", FieldValue.From(ms)), Now);
    }

    /// <summary>With a key to be known again by; returns what the queue answers.</summary>
    public long PublishKeyed(string name, string key, bool persistent = false) =>
        State.Publish(NewMessage(name, persistent: persistent).WithHeader("x-deduplication-header", FieldValue.From(key)), Now);

    /// <summary>Names begin with their group: <c>a1</c> is of group a.</summary>
    public void PublishGrouped(params string[] names) => PublishGrouped(persistent: false, names);

    public void PublishGrouped(bool persistent, params string[] names)
    {
        foreach (var name in names) State.Publish(NewMessage(name, persistent: persistent).WithHeader("x-group-id", FieldValue.From(name[..1])), Now);
    }

    public void Ack(MessageHolder holder, params string[] names) => Settle(holder, Settlement.Acknowledge, names);

    public void Requeue(MessageHolder holder, params string[] names) => Settle(holder, Settlement.Requeue, names);

    /// <summary>These end together.</summary>
    public void Release(params MessageHolder[] holders)
    {
        foreach (var holder in holders)
        {
            if (holder is QueueConsumer consumer) State.RemoveConsumer(consumer);
            State.Release(holder, Now);
        }
        State.DeliverReturned(Now);
    }

    public string? Get(MessageHolder? holder = null)
    {
        if (State.TryGet(holder, Now, out var message, out var position, out var redelivered) != GetOutcome.Found) return null;
        var name = NameOf(message!);
        if (holder is not null) _positions[(holder, name)] = position;
        return name + (redelivered ? "!" : "");
    }

    /// <summary>Everything that is ready, taken.</summary>
    public string GetAll()
    {
        var names = new List<string>();
        while (Get() is { } name) names.Add(name);
        return string.Join(' ', names);
    }

    /// <summary>Everything delivered since the last call.</summary>
    public string Deliveries()
    {
        CarryOut();
        var text = string.Join(' ', _deliveries);
        _deliveries.Clear();
        return text;
    }

    /// <summary>Everything dead-lettered since the last call, as <c>m1:rejected</c>.</summary>
    public string DeadLetters()
    {
        CarryOut();
        while (_deadLetterReads.TryDequeue(out var positions))
        {
            State.DeadLettersRead(positions, Store.Read(positions), Now);
            CarryOut();
        }
        var text = string.Join(' ', _deadLetters);
        _deadLetters.Clear();
        return text;
    }

    /// <summary>The queues that dead letters went to have them.</summary>
    public void Arrive(int count = int.MaxValue)
    {
        while (count-- > 0 && _onTheWay.TryDequeue(out var position)) State.DeadLettered(position, Now);
        CarryOut();
    }

    public void Reject(MessageHolder holder, params string[] names) => Settle(holder, Settlement.Reject, names);

    public void Settle(MessageHolder holder, Settlement settlement, params string[] names)
    {
        CarryOut(); // what was handed out just now may be settled
        foreach (var name in names) State.Settle(holder, _positions[(holder, name)], settlement, Now);
        State.DeliverReturned(Now);
    }

    /// <summary>The records since the last call, as <c>+1:m1</c> for a message that enters at position 1 and <c>-1</c> for one that leaves.</summary>
    public string Records()
    {
        CarryOut();
        return Store.TakeText();
    }

    /// <summary>What mirrors were told since the last call.</summary>
    public StoreRecord[] TakeStream()
    {
        CarryOut();
        StoreRecord[] records = [.. _stream];
        _stream.Clear();
        return records;
    }

    /// <summary>The same as text, as <see cref="Records"/> but with changes as <c>1:2</c>: the message at position 1 came back twice.</summary>
    public string Stream() => StoryStore.OneByOneText(TakeStream());

    /// <summary>What is in the queue, as mirrors are told.</summary>
    public List<LiveMessage> Described()
    {
        var live = new List<LiveMessage>();
        for (var from = 0L; from < State.End;) from = State.Describe(from, countMax: 7, live, Now);
        return live;
    }

    /// <summary>Does what the actor would do with what the queue decided.</summary>
    public void CarryOut()
    {
        State.SendDeadLetters(Now);
        foreach (var delivery in _effects.Deliveries)
        {
            var name = NameOf(delivery.Message);
            _positions[(delivery.Consumer, name)] = delivery.Position;
            _deliveries.Add($"{delivery.Consumer.Tag}:{name}{(delivery.Redelivered ? "!" : "")}");
        }
        Store.Add(_effects.Records);
        _stream.AddRange(_effects.Stream);
        foreach (var read in _effects.Reads) Store.Reads.Enqueue(read);
        foreach (var letter in _effects.DeadLetters)
        {
            _deadLetters.Add($"{NameOf(letter.Message)}:{Deaths.Text(letter.Reason)}");
            _onTheWay.Enqueue(letter.Position);
        }
        if (_effects.DeadLetterRead is { } deadLetters) _deadLetterReads.Enqueue(deadLetters);
        _effects.Clear();
    }

    /// <summary>The store has written what it was given, and says so.</summary>
    public void Write()
    {
        CarryOut();
        Store.Write();
        State.Written(_effects.EnqueuedEnd, _effects.LateCount);
        State.PagedOut();
    }

    /// <summary>Memory is tight.</summary>
    public void Evict(long keptBytes)
    {
        State.Evict(keptBytes);
        CarryOut();
    }

    /// <summary>What has to be read for a consumer that browses, which must be there.</summary>
    public (BrowsedPart Part, long[] Absent) TakeBrowsed()
    {
        var browsed = _effects.BrowsedParts.ToArray().Single();
        CarryOut();
        return browsed;
    }

    /// <summary>Asks for what is next, and answers that and every read before; returns how many messages were read.</summary>
    public int Load(long windowBytes)
    {
        State.ReadAhead(windowBytes, isGetWaiting: true);
        CarryOut();
        var count = 0;
        while (Store.Reads.TryDequeue(out var positions))
        {
            State.Loaded(positions, Store.Read(positions), Now);
            count += positions.Length;
        }
        CarryOut();
        return count;
    }

    public static string NameOf(Message message) => Encoding.UTF8.GetString(message.Content.Body);

    /// <summary>A part of a transaction that publishes these.</summary>
    public static TransactionPart Part(params Message[] messages)
    {
        var part = new TransactionPart();
        part.Publishes.AddRange(messages);
        return part;
    }

    /// <summary>What the holder is to settle when the part is committed.</summary>
    public HeldMessage Held(MessageHolder holder, string name, Settlement settlement) => new(holder, _positions[(holder, name)], settlement);

    /// <summary>True: the queue took it.</summary>
    public bool TryPublish(string name) => State.Publish(NewMessage(name), Now) != QueueState.Refused;

    public static Message NewMessage(string name, long expirationMs = -1, bool persistent = false, byte? priority = null)
    {
        var properties = new MutableProperties { DeliveryMode = persistent ? (byte)2 : null, Priority = priority }.Encode();
        return new Message("", "q", new Content([.. properties, .. Encoding.UTF8.GetBytes(name)], properties.Length)) { ExpirationMs = expirationMs };
    }
}

/// <summary>A consumer whose room a test sets.</summary>
internal sealed class StoryConsumer : QueueConsumer
{
    public int Room { get; set; } = int.MaxValue;

    public int Left { get; private set; }

    public int Declined { get; private set; }

    /// <summary>What a queue decides here is not carried out.</summary>
    public override IDeliveryOutlet Outlet => throw new NotSupportedException();

    public override void Added() => throw new NotSupportedException();

    public override void Cancelled() => throw new NotSupportedException();

    protected override bool TryEnter(int bytes)
    {
        if (Room == 0) return false;
        Room--;
        return true;
    }

    protected override void Leave(int count) => Left += count;

    protected override void Decline() => Declined++;
}

internal sealed class StoryHolder : MessageHolder;
