using System.IO.Pipelines;
using System.Text;
using AMQP.Net;
using Amqp.Broker.Events;
using Amqp.Broker.Flow;
using Amqp.Broker.Loops;
using Amqp.Broker.Metrics;
using Amqp.Broker.Publishing;
using Amqp.Broker.Queues;
using Amqp.Broker.Tests.Nodes;
using Amqp.Broker.Topology;
using Amqp.Broker.Tracing;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Amqp.Testing;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Tests.Queues;

/// <summary>One queue's actor with a store and a clock of the test's. What it is told to do it does on the test's thread, unless it is
/// just hearing from the store.</summary>
internal sealed class ActorStory
{
    private readonly ConnectionLoop _loop = new(new Pipe().Reader);
    private readonly bool _durable;
    private readonly long _memoryBytes;

    public ActorStory(bool durable = false, long memoryBytes = long.MaxValue)
    {
        _durable = durable;
        _memoryBytes = memoryBytes;
        Queue = NewQueue();
    }

    public RecordedLogs Logs { get; } = new();

    public ManualTime Time { get; } = new();

    public MemoryMessageStore Store { get; } = new();

    public RecordedConfirms Confirms { get; } = new();

    public QueueActor Queue { get; private set; }

    /// <summary>What the queue says that it takes.</summary>
    public MemoryBudget Memory { get; private set; } = null!;

    public GetLink Holder { get; private set; } = null!;

    public int ReadyCount => Ask<QueueStatus>(QueueOperation.Status).ReadyCount;

    public static Message Message(string body, bool persistent = false, long expirationMs = -1)
    {
        var properties = new MutableProperties { DeliveryMode = persistent ? (byte)2 : null }.Encode();
        return new Message("", "q", new Content([.. properties, .. Encoding.UTF8.GetBytes(body)], properties.Length)) { ExpirationMs = expirationMs };
    }

    public void Do(params QueueOperation[] operations) => Queue.PostAndRun(operations);

    /// <summary>Publishes with a confirm of that number.</summary>
    public void Publish(string body, long number = 0, bool persistent = true, long expirationMs = -1) =>
        Do(QueueOperation.Publish(Message(body, persistent, expirationMs), number > 0 ? Confirms : (ConfirmTracker?)null, number));

    public Reply<GetResult> BeginGet(bool noAck = true)
    {
        var reply = new Reply<GetResult>(_loop);
        Do(QueueOperation.Get(noAck ? null : Holder, reply));
        return reply;
    }

    /// <summary>What a basic.get answers, as <c>m1</c> or, redelivered, <c>m1!</c>; null when the queue is empty.</summary>
    public async Task<string?> Get(bool noAck = true) => Text(await Answer(BeginGet(noAck)));

    public static string? Text(GetResult got) =>
        got.Message is null ? null : Encoding.UTF8.GetString(got.Message.Content.Body) + (got.Redelivered ? "!" : "");

    public async Task<string> GetAll()
    {
        var all = new List<string>();
        while (await Get() is { } text) all.Add(text);
        return string.Join(' ', all);
    }

    public T Ask<T>(Func<Reply<T>, QueueOperation> operation)
    {
        var reply = new Reply<T>(_loop);
        Do(operation(reply));
        // The thread pool may be running the queue just now, for the store.
        Assert.That(SpinWait.SpinUntil(() => reply.IsCompleted, Patience.Answer), Is.True);
        return reply.GetResult();
    }

    /// <summary>Waits until the store has told everything there is to tell, and the queue has heard it.</summary>
    public async Task Settled()
    {
        await Eventually.That(() => Store.Waiting, Is.Zero);
        _ = ReadyCount;
    }

    public static async Task<T> Answer<T>(Reply<T> reply)
    {
        await Eventually.True(() => reply.IsCompleted);
        return reply.GetResult();
    }

    /// <summary>The process ends and another begins, with what the store kept.</summary>
    public void Restart(bool clean)
    {
        End(clean);
        Begin();
    }

    /// <summary>Another process begins.</summary>
    public void Begin() => Queue = NewQueue();

    /// <summary>The process ends.</summary>
    public void End(bool clean)
    {
        if (clean)
        {
            var count = new StopCount(1);
            Do(QueueOperation.Stop(count.Answered));
            var done = count.Done();
            Assert.That(SpinWait.SpinUntil(() => done.IsCompleted, Patience.Answer), Is.True);
        }
        // What is left of the process that ended has no timers and says nothing to the store.
        Do(QueueOperation.Delete(DeleteConditions.None, reply: null));
        Store.Restart(clean);
    }

    private QueueActor NewQueue()
    {
        var topology = new TopologyService(new MemoryStore(), _ => { }, Logs.CreateLogger<TopologyService>());
        Assert.That(topology.Start(_ => { }, CancellationToken.None).IsCompletedSuccessfully, Is.True, "this store does not wait");
        // Declared, so that its deletion is one; nothing follows this topology, so the store does not hear of it.
        TopologyResult? declared = null;
        topology.Propose(
            new DeclareQueue("/", "q", _durable, AutoDelete: false, Exclusive: false, FieldTable.Empty, Requester: null),
            result => Volatile.Write(ref declared, result));
        Assert.That(SpinWait.SpinUntil(() => Volatile.Read(ref declared) is not null, Patience.Answer), Is.True);
        var definition = declared!.Queue!;
        var memory = Memory = new MemoryBudget(limitBytes: long.MaxValue, _memoryBytes);
        var (queues, clock) = (new QueueDirectory(new NodeAlone("n")), new BrokerClock(Time));
        var tracing = new MessageTracing(new Firehose(topology, new OwnMessages(queues), "n"), new TraceLog(bytesMax: 0, ageMsMax: 0), clock);
        var queue = new QueueActor(definition, new QueueServices(topology, queues, Store, memory, new NodeMetrics(() => topology.Current), tracing, clock, Logs.CreateLogger("queues")));
        memory.BecameTight = () => queue.Post(QueueOperation.Evict);
        Store.Start(_ => { });
        queue.Start();
        Holder = new GetLink(queue);
        return queue;
    }
}
