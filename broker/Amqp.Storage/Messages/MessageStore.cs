using System.Collections.Concurrent;
using System.Diagnostics;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Records;
using Amqp.Core.Topology;
using Amqp.Storage.Files;
using Amqp.Storage.Messages.Index;
using Amqp.Storage.Messages.Reading;
using Amqp.Storage.Messages.Recovering;
using Amqp.Storage.Messages.Writing;
using Amqp.Storage.Metadata;
using Amqp.Storage.Segments;
using Microsoft.Extensions.Logging;

namespace Amqp.Storage.Messages;

/// <summary>
/// The message store of a node. Queues post records; one thread writes them in groups (<see cref="StoreWriter"/>), another
/// reads back what is not in memory (<see cref="StoreReader"/>), a third prepares space ahead. How records lie on the disk is
/// the engine's affair, what they mean is not.
/// </summary>
public sealed partial class MessageStore : IMessageStore, IDisposable
{
    /// <summary>The lower bits of a body's id count since the opening.</summary>
    private const int BodyNumberBits = 40;

    /// <summary>How often a full disk is looked at: others may have made room.</summary>
    private const int FullRetryMs = 1_000;

    private readonly StoreMailbox _mailbox = new();
    private readonly BlockingCollection<bool> _reserveWanted = [];
    private readonly StoreState _state = new();
    private readonly ISegmentEngine _engine;
    private readonly StoreWriter _writer;
    private readonly StoreReader _reader;
    private readonly QueueOpening _opening;
    private readonly Damages _damages;
    private readonly Action<Exception> _failed;
    private readonly ILogger<MessageStore> _logger;
    private readonly Thread _thread;
    private readonly Thread _preparer;
    private int _reserveIsMissing;
    private int _hasFailed;
    private long _lastBodyId;
    private Action<bool> _fullChanged = _ => { };

    // The last life of the store ended in order.
    private bool _wasClosed;
    private volatile bool _isStarted;

    private MessageStore(ISegmentEngine engine, Damages damages, MessageStoreOptions options, ILogger<MessageStore> logger, Action<Exception> failed)
    {
        _engine = engine;
        _damages = damages;
        _logger = logger;
        _failed = failed;
        _lastBodyId = options.Opening << BodyNumberBits;
        _reader = new StoreReader(engine, _state, damages, Counters, Fail);
        _writer = new StoreWriter(engine, _state, damages, Counters, Positions.KeysFrom((uint)options.Opening), () => _reserveWanted.Add(true));
        _opening = new QueueOpening(engine, _state, _writer, damages);
        _thread = new Thread(Run) { Name = "store", IsBackground = true };
        _preparer = new Thread(PrepareReserves) { Name = "store space", IsBackground = true };
    }

    /// <summary>Opens a store and finds out what is in it.</summary>
    /// <param name="engine">The store's from here on.</param>
    /// <param name="failed">Called when a write, a flush or a read failed, on a thread of the store. Nothing is durable any more from then on
    /// and nothing is answered: the process must end.</param>
    /// <exception cref="StorageException">A newer version wrote some of it.</exception>
    public static MessageStore Open(
        ISegmentEngine engine, Damages damages, MessageStoreOptions options, ILogger<MessageStore> logger, Action<Exception> failed)
    {
        var store = new MessageStore(engine, damages, options, logger, failed);
        var recovery = new Recovery(engine, store._state, damages);
        recovery.Run();
        store._wasClosed = recovery.WasClosed;
        return store;
    }

    /// <summary>Opens the store of a data directory.</summary>
    /// <param name="engine">The one that the directory belongs to.</param>
    /// <param name="definitions">The directory's definitions, opened before.</param>
    /// <param name="failed">As for the other.</param>
    /// <exception cref="StorageException">The files cannot be read and written, or a newer version wrote them.</exception>
    public static MessageStore Open(
        DataDirectory directory, StoreEngine engine, LocalMetadataStore definitions, ILogger<MessageStore> logger, Action<Exception> failed)
    {
        var path = Path.Combine(directory.FullPath, engine.DirectoryName);
        var options = new MessageStoreOptions { Opening = definitions.Opening };
        var files = new DiskFiles();
        try
        {
            Directory.CreateDirectory(path);
            DurableFiles.FlushDirectory(directory.FullPath);
            var damages = new Damages(files, path, logger);
            var segments = engine.Open(new SegmentDirectory(files, path, options.Opening, damages.FoundFile) { Cut = damages.FoundTornEnd });
            return Open(segments, damages, options, logger, failed);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StorageException($"'{path}' cannot be used: {exception.Message} The user that runs the broker must be able to read and "
                + "write it, and the file system must not be full or mounted read-only.", exception);
        }
    }

    /// <summary>Damaged places found since the opening.</summary>
    public int DamageCount => _damages.Count;

    /// <inheritdoc/>
    public StoreCounters Counters { get; } = new();

    public RecoveredQueue? Open(QueueId queue, IStoreListener listener)
    {
        var index = _state.QueueOf(queue);
        if (index.Listener is not null) throw new InvalidOperationException($"queue {queue.Value} is open already");
        if (_isStarted) _opening.FindAgain(index);
        index.Listener = listener;
        return index.LastPosition < 0 ? null : new RecoveredQueue(index.LastPosition + 1, _opening.MessagesOf(index, wereNoted: _wasClosed && !_isStarted));
    }

    public void Close(QueueId queue, Action closed) => _mailbox.Post(new StoreRequest(StoreRequestKind.Close, queue) { Done = closed });

    public void Forget(QueueId queue) => _mailbox.Post(new StoreRequest(StoreRequestKind.Forget, queue));

    public IReadOnlyList<(QueueId Queue, int Messages)> NotOpen() =>
        [.. _state.Queues.Values.Where(queue => queue.Listener is null && queue.Count > 0).Select(queue => (queue.Id, queue.Count))];

    public void Start(Action<bool> fullChanged)
    {
        _fullChanged = fullChanged;
        foreach (var (_, queue) in _state.Queues) queue.ForgetNotes();
        _isStarted = true;
        LogOpened(_logger, _state.Queues.Values.Sum(queue => (long)queue.Count), _state.Segments.Count, _state.Segments.LiveBytes);
        _reader.Start();
        _preparer.Start();
        _thread.Start();
    }

    public void Commit(QueueId queue, ReadOnlySpan<StoreRecord> records, long ticket, bool isTogether = false) =>
        _mailbox.Post(new StoreRequest(StoreRequestKind.Commit, queue) { Number = records.Length, Ticket = ticket, IsTogether = isTogether && records.Length > 1 }, records);

    public void CommitTransaction(StoreRecord[] records, Action committed) =>
        _mailbox.Post(new StoreRequest(StoreRequestKind.Transaction, default) { Transaction = records, Done = committed });

    public void Read(QueueId queue, long[] positions, IMessageReader reader) => _reader.Post(new StoreRead(queue, positions, reader));

    public long NextBodyId() => Interlocked.Increment(ref _lastBodyId);

    /// <summary>Writes what was committed, notes that the end was in order, and ends.</summary>
    public void Dispose()
    {
        _mailbox.Close();
        if (_thread.IsAlive) _thread.Join();
        _reader.Dispose();
        _reserveWanted.CompleteAdding();
        if (_preparer.IsAlive) _preparer.Join();
        _reserveWanted.Dispose();
        _engine.Dispose();
    }

    private void Run()
    {
        try
        {
            var wasFull = false;
            var lookedAt = 0L;
            _writer.Write(); // there may be something to give back
            while (_mailbox.TryTake(_writer.HasWork ? 0 : wasFull ? FullRetryMs : Timeout.Infinite, out var group)
                && Volatile.Read(ref _hasFailed) == 0)
            {
                if (Interlocked.Exchange(ref _reserveIsMissing, 0) != 0) _writer.ReserveIsMissing();
                else if (wasFull && Stopwatch.GetElapsedTime(lookedAt).TotalMilliseconds >= FullRetryMs)
                {
                    lookedAt = Stopwatch.GetTimestamp();
                    _reserveWanted.Add(true);
                }
                _writer.Process(group);
                if (_writer.IsFull == wasFull) continue;
                wasFull = _writer.IsFull;
                if (wasFull) LogFull(_logger);
                else LogRoomAgain(_logger);
                _fullChanged(wasFull);
            }
            if (Volatile.Read(ref _hasFailed) == 0) _writer.Close();
        }
#pragma warning disable CA1031 // Whatever ended the store, the process must learn of it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Fail(exception);
        }
    }

    /// <summary>Says once that the store is at its end; from any of its threads, which fail for the same reason more often than not.</summary>
    private void Fail(Exception exception)
    {
        _reader.BeSilent();
        if (Interlocked.Exchange(ref _hasFailed, 1) == 0) _failed(exception);
        _mailbox.Nudge();
    }

    private void PrepareReserves()
    {
        try
        {
            foreach (var _ in _reserveWanted.GetConsumingEnumerable())
            {
                if (_engine.TryPrepareReserve()) continue;
                Volatile.Write(ref _reserveIsMissing, 1);
                _mailbox.Nudge();
            }
        }
#pragma warning disable CA1031 // As above.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Fail(exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Message store: {Messages} messages in {Segments} segments, {Bytes} bytes")]
    private static partial void LogOpened(ILogger logger, long messages, int segments, long bytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The disk is full: publishers are held back until there is room. Consumers go on; what they settle gives space back")]
    private static partial void LogFull(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "The disk has room again: publishers go on")]
    private static partial void LogRoomAgain(ILogger logger);
}

/// <summary>What a message store has to know when it is opened.</summary>
public sealed record MessageStoreOptions
{
    /// <summary>The number of this opening of the data directory; no other has or had it.</summary>
    public required long Opening { get; init; }
}
