using System.Collections.Concurrent;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Records;
using Amqp.Core.Topology;
using Amqp.Storage.Messages;
using Amqp.Testing;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.Messages;

/// <summary>
/// One thread uses a store at random while another reads all the time, on a disk where a flush waits for some reads, and a read
/// for some writes: so that reads meet the store in the midst of everything it does. With the journal only: LiteDB reads a segment
/// under a lock that its writes need, so a read cannot wait for them.
/// </summary>
internal sealed class ReadStorms
{
    private const int Queues = 3;

    /// <summary>The storm goes on until so many messages have been read.</summary>
    private const int MessagesMin = 500;

    private Random _random = null!;
    private TestStore _store = null!;
    private Book[] _books = null!;
    private long _ticket;
    private int _number;
    private long _lastQueue;

    [Test]
    public void Reads_are_right_whatever_the_store_is_doing([Range(1, 20)] int seed) => Storm(seed, steps: 300);

    [Test]
    [Category("Long")]
    public void Reads_are_right_whatever_the_store_is_doing_in_the_long_run([Range(2_001, 2_100)] int seed) => Storm(seed, steps: 3_000);

    private void Storm(int seed, int steps)
    {
        _random = new Random(seed);
        (_ticket, _number, _lastQueue) = (0, 0, 0);
        using var store = _store = new TestStore(TestEngine.Journal, segmentBytes: 8_192 << _random.Next(3));
        store.Start();
        _books = [.. Enumerable.Range(0, Queues).Select(_ => NewQueue())];
        var reader = new Reader(store, _books, seed);
        store.Files.BeforeFlush = reader.WaitForReads;
        store.Files.BeforeRead = reader.WaitForWrites;
        reader.Start();
        try
        {
            for (; (steps > 0 || reader.Messages < MessagesMin) && reader.Fault is null; steps--) Step();
        }
        finally
        {
            store.Files.BeforeFlush = () => { };
            reader.Finish();
        }
        Assert.That(reader.Fault, Is.Null, $"seed {seed}");
        Assert.That(store.Failure, Is.Null);
        foreach (var book in _books) WaitFor(book);
        Assert.That(_books.Select(reader.Check), Is.All.Null, $"seed {seed}, in the end");

        // Nothing that was read is kept.
        foreach (var book in _books) Settle(book, _ => true);
        WaitFor(_books[0]);
        Until(NoOldSegment, "everything is given back");
        Assert.That(store.Log.Of(Microsoft.Extensions.Logging.LogLevel.Error), Is.Empty);
    }

    private bool NoOldSegment()
    {
        Publish(_books[0]); // the store looks at its segments when there is something to do
        WaitFor(_books[0]);
        Settle(_books[0], _ => true);
        return _store.Engine.Segments.Count <= 2;
    }

    private void Step()
    {
        var index = _random.Next(Queues);
        switch (_random.Next(40))
        {
            case < 14: Publish(_books[index]); break;
            case < 17: PublishShared(); break;
            case < 20: Transact(); break;
            case < 35: Settle(_books[index], position => position % 10 != 0 && _random.Next(3) > 0); break;
            case < 38: WaitFor(_books[index]); break;
            case 38: Settle(_books[index], _ => true); break;
            default:
                _books[index].IsRemoved = true;
                _store.Store.Forget(_books[index].Id);
                _books[index] = NewQueue();
                break;
        }
    }

    private Book NewQueue()
    {
        var book = new Book(new QueueId(++_lastQueue));
        _store.Store.Open(book.Id, book);
        return book;
    }

    private void Publish(Book book)
    {
        var ticket = ++_ticket;
        var records = Enumerable.Range(0, _random.Next(1, 6)).Select(_ => book.Add(NewMessage(bodyId: 0), ticket, isPage: _random.Next(4) == 0)).ToArray();
        _store.Store.Commit(book.Id, records, ticket);
    }

    private void PublishShared()
    {
        var message = NewMessage(_store.Store.NextBodyId());
        foreach (var book in _books) _store.Store.Commit(book.Id, [book.Add(message, ++_ticket)], _ticket);
    }

    /// <summary>A message moves from one queue to two others.</summary>
    private void Transact()
    {
        var (from, message) = (_books[0], NewMessage(_store.Store.NextBodyId()));
        StoreRecord[] enqueues = [.. _books[1..].Select(book => book.Add(message, Entry.InTransaction))];
        var entries = _books[1..].Select(book => book.Messages[book.Next - 1]).ToList();
        var settled = from.Readable().Take(1).ToList();
        settled.ForEach(position => from.Messages[position].IsSettled = true);
        _store.Store.CommitTransaction(
            [.. enqueues, .. settled.Select(position => StoreRecord.Settle(from.Id, position))],
            () => entries.ForEach(entry => entry.Ticket = 0));
    }

    private void Settle(Book book, Predicate<long> which)
    {
        var settled = book.Present().Where(position => which(position)).ToList();
        foreach (var position in settled) book.Messages[position].IsSettled = true;
        _store.Store.Commit(book.Id, settled.Select(position => StoreRecord.Settle(book.Id, position)).ToArray(), ticket: 0);
    }

    private void WaitFor(Book book)
    {
        _store.Store.Commit(book.Id, [book.Add(NewMessage(bodyId: 0), ++_ticket)], _ticket);
        var ticket = _ticket;
        Until(() => book.Committed >= ticket || _store.Failure is not null, "what was committed is durable");
    }

    private Message NewMessage(long bodyId) => MessageOf($"{_number++}:{new string('r', _random.Next(1_000))}", bodyId);

    /// <summary>A queue, and what is known of its messages. Written by the storm, looked at by the reader.</summary>
    private sealed class Book(QueueId id) : IStoreListener, IMessageReader
    {
        private long _committed;
        private volatile Message?[]? _answer;

        public QueueId Id { get; } = id;

        public ConcurrentDictionary<long, Entry> Messages { get; } = new();

        public long Next { get; private set; }

        public long Committed => Volatile.Read(ref _committed);

        public volatile bool IsRemoved;

        public StoreRecord Add(Message message, long ticket, bool isPage = false)
        {
            Messages[Next] = new Entry(TextOf(message)) { Ticket = ticket };
            return isPage ? StoreRecord.Page(Id, Next++, message) : StoreRecord.Enqueue(Id, Next++, message, expiresAt: 0);
        }

        /// <summary>Messages that a queue might settle.</summary>
        public IEnumerable<long> Present() => Messages.Where(message => !message.Value.IsSettled && message.Value.Ticket != Entry.InTransaction).Select(message => message.Key);

        /// <summary>Messages that a queue might ask for.</summary>
        public IEnumerable<long> Readable() => Committed is var committed ? Present().Where(position => Messages[position].Ticket <= committed) : [];

        /// <summary>Null: the queue is gone, or no answer came.</summary>
        public Message?[]? Read(MessageStore store, long[] positions)
        {
            _answer = null;
            store.Read(Id, positions, this);
            SpinWait.SpinUntil(() => _answer is not null || IsRemoved, Patience.Answer);
            return _answer;
        }

        void IStoreListener.Committed(long ticket) => Volatile.Write(ref _committed, ticket);

        void IMessageReader.Loaded(long[] positions, Message?[] messages) => _answer = messages;
    }

    private sealed class Entry(string text)
    {
        public const long InTransaction = long.MaxValue;

        private long _ticket;

        public string Text { get; } = text;

        /// <summary>Durable when this is.</summary>
        public long Ticket
        {
            get => Volatile.Read(ref _ticket);
            set => Volatile.Write(ref _ticket, value);
        }

        /// <summary>Set before the store hears of it.</summary>
        public volatile bool IsSettled;
    }

    /// <summary>Reads messages of any queue until it is told to finish, and holds them against the books.</summary>
    private sealed class Reader
    {
        private readonly TestStore _store;
        private readonly Book[] _books;
        private readonly Random _random;
        private readonly Random _diskRandom;
        private readonly Thread _thread;
        private int _reads;
        private int _messages;
        private int _flushesWaiting;
        private volatile bool _isOver;
        private volatile string? _fault;

        public Reader(TestStore store, Book[] books, int seed)
        {
            _store = store;
            _books = books;
            (_random, _diskRandom) = (new Random(seed), new Random(seed));
            _thread = new Thread(Run) { Name = "reader of the storm" };
        }

        /// <summary>What was wrong with an answer.</summary>
        public string? Fault => _fault;

        /// <summary>How many messages were read.</summary>
        public int Messages => Volatile.Read(ref _messages);

        public void Start() => _thread.Start();

        public void Finish()
        {
            _isOver = true;
            _thread.Join();
        }

        /// <summary>A flush goes on when a few reads more have been answered, or the reader has lost patience.</summary>
        public void WaitForReads()
        {
            int wanted;
            lock (_diskRandom) wanted = Volatile.Read(ref _reads) + _diskRandom.Next(3);
            Interlocked.Increment(ref _flushesWaiting);
            SpinWait.SpinUntil(() => Volatile.Read(ref _reads) >= wanted || _isOver);
            Interlocked.Decrement(ref _flushesWaiting);
        }

        /// <summary>A read by the store's reader goes on when a little more was written, or a flush waits for it.</summary>
        public void WaitForWrites()
        {
            if (Thread.CurrentThread.Name != "store reader") return;
            int wanted;
            lock (_diskRandom) wanted = _store.Files.Changes + _diskRandom.Next(5);
            SpinWait.SpinUntil(() => _store.Files.Changes >= wanted || Volatile.Read(ref _flushesWaiting) > 0 || _isOver);
        }

        /// <summary>Reads some messages of a queue. Null: they were what they should be.</summary>
        public string? Check(Book book)
        {
            long[] positions = [.. book.Readable().Order().Skip(_random.Next(10)).Take(_random.Next(1, 20))];
            var answer = book.Read(_store.Store, positions);
            if (book.IsRemoved) return null;
            if (answer is null) return $"no answer came from queue {book.Id.Value}";
            foreach (var (position, message) in positions.Zip(answer))
            {
                var entry = book.Messages[position];
                if (message is null && !entry.IsSettled) return $"message {position} of queue {book.Id.Value} is missing";
                if (message is not null && TextOf(message) != entry.Text) return $"message {position} of queue {book.Id.Value} is another";
            }
            Interlocked.Add(ref _messages, positions.Length);
            return null;
        }

        private void Run()
        {
            while (!_isOver)
            {
                _fault = Check(_books[_random.Next(Queues)]);
                _isOver |= _fault is not null;
                Interlocked.Increment(ref _reads);
            }
        }
    }
}
