using System.Text;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Records;
using Amqp.Core.Topology;
using AMQP.Net;
using Amqp.Storage.Files;
using Amqp.Storage.Journal;
using Amqp.Storage.Messages;
using Amqp.Storage.Messages.Recovering;
using Amqp.Storage.Segments;
using Amqp.Storage.Tests.Journal;
using Amqp.Testing;
using Microsoft.Extensions.Logging;

namespace Amqp.Storage.Tests.Messages;

/// <summary>
/// A message store on a simulated disk, with queues that keep books: what was handed over, what the store said was durable,
/// what was settled. It can be closed in order, lose power, and be opened again; the books then say what must be there.
/// </summary>
internal sealed class TestStore : IDisposable
{
    public const string Directory = "/messages";

    private readonly Dictionary<QueueId, TestQueue> _queues = [];
    private readonly TestEngine _engine;
    private readonly IFileLayer _layer;
    private readonly string _directory;
    private long _opening;
    private MessageStore? _store;

    /// <param name="segmentBytes">For the journal; larger for engines that need more.</param>
    /// <param name="files">A disk on which there is a store already.</param>
    /// <param name="opening">The number of the last opening of that.</param>
    public TestStore(TestEngine engine, int segmentBytes = 16 << 10, MemoryFiles? files = null, long opening = 0)
        : this(engine, segmentBytes, files ?? new MemoryFiles(), Directory, opening)
    {
    }

    /// <summary>A store on any disk.</summary>
    public TestStore(TestEngine engine, int segmentBytes, IFileLayer layer, string directory, long opening = 0)
    {
        _engine = engine;
        SegmentBytes = segmentBytes * engine.SegmentScale;
        _layer = layer;
        _directory = directory;
        _opening = opening;
        Open();
    }

    public int SegmentBytes { get; }

    /// <summary>The simulated disk.</summary>
    public MemoryFiles Files => (MemoryFiles)_layer;

    /// <summary>The number of the last opening.</summary>
    public long Opening => _opening;

    public RecordingLogger<MessageStore> Log { get; } = new();

    public MessageStore Store => _store ?? throw new InvalidOperationException("the store is closed");

    /// <summary>What ended the store, if something did.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>How often it said so.</summary>
    public int FailureCount { get; private set; }

    /// <summary>Called when it says so.</summary>
    public Action WhenFailed { get; set; } = () => { };

    public bool IsFull { get; private set; }

    /// <summary>What the store has said of the disk's room.</summary>
    public List<bool> FullChanges { get; } = [];

    /// <summary>What was found of each queue on the last opening.</summary>
    public Dictionary<QueueId, (long NextPosition, List<RecoveredMessage> Messages)> Recovered { get; } = [];

    public JournalEngine Engine { get; private set; } = null!;

    public static Message MessageOf(string text, long bodyId = 0)
    {
        var properties = new MutableProperties { DeliveryMode = 2 };
        return new Message("exchange", "key", new Content([], 0).With(properties) is var head
            ? new Content([.. head.Properties.Bytes.Span, .. Encoding.UTF8.GetBytes(text)], head.PropertiesLength)
            : default) { BodyId = bodyId };
    }

    /// <summary>Waits for what threads of the store do.</summary>
    public static void Until(Func<bool> condition, string what) => Assert.That(SpinWait.SpinUntil(condition, Patience.Answer), Is.True, what);

    public static string TextOf(Message message) => Encoding.UTF8.GetString(message.Content.Body);

    public TestQueue Queue(int id)
    {
        if (_queues.TryGetValue(new QueueId(id), out var queue)) return queue;
        queue = new TestQueue(new QueueId(id));
        _queues.Add(queue.Id, queue);
        if (Store.Open(queue.Id, queue) is { } found) Recovered[queue.Id] = (found.NextPosition, [.. found.Messages]);
        return queue;
    }

    /// <summary>The last ticket that the queue was told of; 0 when it was not used.</summary>
    public long CommittedTicket(int id) => _queues.TryGetValue(new QueueId(id), out var queue) ? queue.CommittedTicket : 0;

    public void Commit(TestQueue queue, long ticket, params ReadOnlySpan<StoreRecord> records) => Store.Commit(queue.Id, records, ticket);

    /// <summary>Commits and waits until it is durable.</summary>
    public void CommitAndWait(TestQueue queue, long ticket, params ReadOnlySpan<StoreRecord> records)
    {
        Store.Commit(queue.Id, records, ticket);
        WaitFor(queue, ticket);
    }

    public void WaitFor(TestQueue queue, long ticket) =>
        Until(() => Failure is not null || queue.CommittedTicket >= ticket, $"ticket {ticket} is durable");

    /// <summary>Above every position that an earlier opening has given, whatever is left of it.</summary>
    public long FirstPosition => Positions.First((uint)_opening);

    /// <summary>The queue is given up; returns when that is done, or the store has failed.</summary>
    public void CloseQueue(TestQueue queue)
    {
        var closed = false;
        Store.Close(queue.Id, () => Volatile.Write(ref closed, true));
        Until(() => Volatile.Read(ref closed) || Failure is not null, "the queue is closed");
        if (Volatile.Read(ref closed)) _queues.Remove(queue.Id);
    }

    /// <summary>The queue is deleted; its definition is gone before the next opening.</summary>
    public void Remove(TestQueue queue)
    {
        Store.Forget(queue.Id);
        _queues.Remove(queue.Id);
    }

    /// <summary>The bodies at these positions; null where there is none. Nothing when the store has failed.</summary>
    public string?[]? Read(TestQueue queue, params long[] positions)
    {
        Store.Read(queue.Id, positions, queue);
        (long[] Positions, Message?[] Messages)? loaded = null;
        Until(() => (loaded = queue.TakeLoaded()) is not null || Failure is not null, "the messages are read");
        if (loaded is null) return null;
        Assert.That(loaded.Value.Positions, Is.EqualTo(positions));
        return [.. loaded.Value.Messages.Select(message => message is null ? null : TextOf(message))];
    }

    public void Close()
    {
        _store?.Dispose();
        _store = null;
    }

    /// <summary>Opens what is on the disk, with the queues that there were.</summary>
    public void Reopen()
    {
        Open();
        var ids = _queues.Keys.ToList();
        _queues.Clear();
        Recovered.Clear();
        foreach (var id in ids) Queue((int)id.Value);
        Start();
    }

    public void Start() => Store.Start(isFull =>
    {
        FullChanges.Add(isFull);
        IsFull = isFull;
    });

    /// <summary>Power fails now; then the store is opened again.</summary>
    public void LosePowerAndReopen(Random random)
    {
        Files.Break();
        Close();
        Files.LosePower(random);
        Reopen();
    }

    public void Dispose() => Close();

    private void Fail(Exception exception)
    {
        WhenFailed();
        FailureCount++;
        Failure = exception;
    }

    private void Open()
    {
        Failure = null;
        FailureCount = 0;
        IsFull = false;
        FullChanges.Clear();
        var damages = new Damages(_layer, _directory, Log);
        Engine = _engine.Engine.Open(new SegmentDirectory(_layer, _directory, ++_opening, damages.FoundFile) { SegmentBytes = SegmentBytes, Cut = damages.FoundTornEnd });
        _store = MessageStore.Open(Engine, damages, new MessageStoreOptions { Opening = _opening }, Log, Fail);
    }
}
