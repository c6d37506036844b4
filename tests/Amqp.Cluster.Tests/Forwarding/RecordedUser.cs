using System.Collections.Concurrent;
using System.Text;
using AMQP.Net;
using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Tests.Forwarding;

/// <summary>A publisher with its credit, and what it was told.</summary>
internal sealed class RecordedPublisher : IPublisher, IPublishCredit
{
    private long _credit;

    public ConcurrentDictionary<long, bool> Answers { get; } = new();

    /// <summary>Numbers that were answered twice.</summary>
    public ConcurrentQueue<long> Twice { get; } = new();

    /// <summary>Bytes that are on the way.</summary>
    public long Credit => Volatile.Read(ref _credit);

    public void Taken(ReadOnlySpan<long> numbers)
    {
        foreach (var number in numbers) Answer(number, true);
    }

    public void Refused(long number) => Answer(number, false);

    public void GiveBack(long bytes) => Interlocked.Add(ref _credit, -bytes);

    /// <summary>As a connection's read loop posts what it has read.</summary>
    public void Publish(IQueueEndpoint queue, long first, int count)
    {
        var operations = new List<QueueOperation>();
        var bytes = 0L;
        for (var number = first; number < first + count; number++)
        {
            var message = MessageOf($"{number}");
            bytes += message.Size;
            operations.Add(QueueOperation.Publish(message, this, number));
        }
        Interlocked.Add(ref _credit, bytes);
        operations.Add(QueueOperation.Credit(this, bytes));
        queue.PostAndRun(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(operations));
    }

    public static Message MessageOf(string body)
    {
        var properties = new MutableProperties().Encode();
        return new Message("", "q", new Content([.. properties, .. Encoding.UTF8.GetBytes(body)], properties.Length));
    }

    private void Answer(long number, bool isTaken)
    {
        if (!Answers.TryAdd(number, isTaken)) Twice.Enqueue(number);
    }
}

/// <summary>An answer that a test waits for.</summary>
internal sealed class Answer<T> : IReply<T>
{
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public BrokerError? Error { get; private set; }

    public Task<T> Task => _done.Task.WaitAsync(Amqp.Testing.Patience.Answer);

    public void Complete(T value) => _done.SetResult(value);

    public void Fail(BrokerError error)
    {
        Error = error;
        _done.SetException(new InvalidOperationException(error.ReplyText));
    }

    public static async Task<T> Of(IQueueEndpoint queue, Func<IReply<T>, QueueOperation> operation)
    {
        var answer = new Answer<T>();
        queue.Post(operation(answer));
        return await answer.Task;
    }
}

/// <summary>A consumer that notes what it gets, and settles it at once if it is told to.</summary>
internal sealed class RecordedConsumer(IQueueEndpoint queue) : QueueConsumer, IDeliveryOutlet
{
    private int _places = int.MaxValue;

    public ConcurrentQueue<(string Body, long Position, bool Redelivered)> Deliveries { get; } = new();

    public ConcurrentQueue<string> Events { get; } = new();

    public bool Acknowledges { get; init; }

    public bool Shares { get; set; }

    /// <summary>Places that it has taken, and not given back.</summary>
    public int Taken => int.MaxValue - Volatile.Read(ref _places);

    public override IDeliveryOutlet Outlet => this;

    public override void Added() => Events.Enqueue("added");

    public override void Removed() => Events.Enqueue("removed");

    public override void Cancelled() => Events.Enqueue("cancelled");

    public void Post(ReadOnlySpan<Delivery> deliveries, long bytes)
    {
        foreach (var (_, position, message, redelivered) in deliveries)
        {
            Deliveries.Enqueue((Encoding.UTF8.GetString(message.Content.Body), position, redelivered));
            if (Acknowledges) queue.Post(QueueOperation.Settle(Settlement.Acknowledge, this, position));
        }
    }

    protected override bool SharesRoom => Shares;

    protected override bool TryEnter(int bytes)
    {
        if (!AutoAck) Interlocked.Decrement(ref _places);
        return true;
    }

    protected override void Leave(int count)
    {
        if (!AutoAck) Interlocked.Add(ref _places, count);
    }

    protected override void Decline()
    {
    }

    public static async Task<RecordedConsumer> Consume(IQueueEndpoint queue, int prefetch = 0, bool autoAck = false, bool acknowledges = false, bool shares = false, long? browsesFrom = null)
    {
        var consumer = new RecordedConsumer(queue) { Tag = "c", AutoAck = autoAck, Exclusive = false, Priority = 0, Prefetch = prefetch, Acknowledges = acknowledges, Shares = shares, BrowsesFrom = browsesFrom };
        Assert.That(await Answer<ConsumeResult>.Of(queue, reply => QueueOperation.AddConsumer(consumer, reply)), Is.EqualTo(ConsumeResult.Added));
        return consumer;
    }
}
