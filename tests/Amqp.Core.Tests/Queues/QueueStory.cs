using System.Text;
using AMQP.Net;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Queues;

/// <summary>
/// A queue on a table: messages and consumers have short names, and what happened reads as <c>a:m1</c> (consumer a got m1)
/// or <c>a:m1!</c> (redelivered).
/// </summary>
internal sealed class QueueStory(long? messageTtlMs = null, bool durable = false)
{
    private readonly QueueEffects _effects = new();
    private readonly Dictionary<(MessageHolder, string), long> _positions = [];
    private QueueState? _state;

    public QueueState State => _state ??= new QueueState(new QueueId(7), durable, messageTtlMs, _effects);

    public long Now { get; set; } = 1_000;

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

    public void Ack(MessageHolder holder, params string[] names) => Settle(holder, names, Settlement.Remove);

    public void Requeue(MessageHolder holder, params string[] names) => Settle(holder, names, Settlement.Requeue);

    public string? Get(MessageHolder? holder = null)
    {
        if (!State.TryGet(holder, Now, out var message, out var position, out var redelivered)) return null;
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
        var text = new List<string>();
        foreach (var delivery in _effects.Deliveries)
        {
            var name = NameOf(delivery.Message);
            _positions[(delivery.Consumer, name)] = delivery.Position;
            text.Add($"{delivery.Consumer.Tag}:{name}{(delivery.Redelivered ? "!" : "")}");
        }
        _effects.Clear();
        return string.Join(' ', text);
    }

    private static string NameOf(Message message) => Encoding.UTF8.GetString(message.Body.Span);

    /// <summary>What a record says, as <c>+m1</c> for a message that enters at its position and <c>-0</c> for one that leaves.</summary>
    public static string Text(IEnumerable<StoreRecord> records) => string.Join(' ', records.Select(record => record.Type switch
    {
        RecordType.Enqueue => $"+{record.Position}:{NameOf(record.Message!)}",
        RecordType.Settle => $"-{record.Position}",
        _ => $"{record.Type} {record.Position}",
    }));

    /// <summary>A part of a transaction that publishes these.</summary>
    public static TransactionPart Part(params Message[] messages)
    {
        var part = new TransactionPart();
        part.Publishes.AddRange(messages);
        return part;
    }

    /// <summary>What the holder is to settle when the part is committed.</summary>
    public HeldMessage Held(MessageHolder holder, string name, Settlement settlement) => new(holder, _positions[(holder, name)], settlement);

    public static Message NewMessage(string name, long expirationMs = -1, bool persistent = false)
    {
        var properties = new MutableProperties { DeliveryMode = persistent ? (byte)2 : null }.Encode();
        return new Message("", "q", new Content([.. properties, .. Encoding.UTF8.GetBytes(name)], properties.Length)) { ExpirationMs = expirationMs };
    }

    private void Settle(MessageHolder holder, string[] names, Settlement settlement)
    {
        foreach (var name in names) State.Settle(holder, _positions[(holder, name)], settlement, Now);
    }
}

/// <summary>A consumer whose room a test sets.</summary>
internal sealed class StoryConsumer : QueueConsumer
{
    public int Room { get; set; } = int.MaxValue;

    public int Left { get; private set; }

    public int Declined { get; private set; }

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
