using System.Diagnostics;
using System.Globalization;
using Amqp.Core.Records;
using Amqp.Core.Topology;
using Amqp.Storage;
using Amqp.Storage.Messages;
using Amqp.Storage.Metadata;
using Amqp.Storage.Segments;
using Microsoft.Extensions.Logging.Abstractions;
using Spectre.Console;

namespace Amqp.Bench;

/// <summary>What the message store costs: beside the disk alone, on opening, in memory, and while it merges.</summary>
internal sealed class StorageBench(string directory, IReadOnlyList<StoreEngine> engines, IAnsiConsole console) : IDisposable
{
    public const int BodyBytes = 1_024;

    /// <summary>What the store writes of one such message, about: its body, its properties and the record around them.</summary>
    public const int RecordBytes = BodyBytes + 70;

    private readonly string _root = Path.Combine(directory, $"amqpbench-{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}");

    public void Run(int messages, int queues)
    {
        Directory.CreateDirectory(_root);
        Flushes();
        foreach (var engine in engines)
        {
            Merging(engine);
            Opening(engine, $"{engine.Name}: {queues:N0} durable queues, a message each", queues, queues, drain: false);
            Opening(engine, $"{engine.Name}: 1 queue, {messages:N0} messages of 100 bytes", 1, messages, drain: true);
        }
        MemoryAlarm();
    }

    public void Dispose()
    {
        if (Directory.Exists(_root)) Directory.Delete(_root, recursive: true);
    }

    /// <summary>Commits of one size one after the other, each waited for; and the same bytes written and flushed without a store.</summary>
    private void Flushes()
    {
        var table = new Table().AddColumns("messages of 1 KiB a commit", "engine", "store, us a commit", "write + fdatasync alone, us", "store / alone", "store, messages/s");
        foreach (var (size, engine) in ((int[])[1, 50, 500]).SelectMany(size => engines.Select(engine => (size, engine))))
        {
            var rounds = size == 500 ? 300 : 1_000;
            var raw = Raw.WriteAndFlush(Path.Combine(_root, "raw"), size * RecordBytes, rounds);
            var stored = InStore(engine, Path.Combine(_root, $"flush-{size}-{engine.Name}"), (store, listener, queue) =>
            {
                var message = Filling.MessageOf(BodyBytes);
                var records = new StoreRecord[size];
                var took = Stopwatch.StartNew();
                for (var round = 0; round < rounds; round++)
                {
                    for (var index = 0; index < size; index++)
                        records[index] = StoreRecord.Enqueue(queue, ((long)round * size) + index, message, expiresAt: 0);
                    store.Commit(queue, records, round + 1);
                    listener.WaitFor(round + 1);
                }
                return took.Elapsed / rounds;
            });
            table.AddRow(
                Number(size), engine.Name, Number(stored.TotalMicroseconds), Number(raw.TotalMicroseconds), Ratio(stored / raw), Number(size / stored.TotalSeconds));
        }
        console.Write(table);
    }

    /// <summary>The longest that one commit waits while nine of ten messages of many segments go and the rest is merged.</summary>
    private void Merging(StoreEngine engine)
    {
        const int Messages = 400_000;
        var name = $"merge-{engine.Name}";
        var (quiet, merging, before, after) = InStore(engine, Path.Combine(_root, name), (store, listener, queue) =>
        {
            var message = Filling.MessageOf(BodyBytes);
            var records = new StoreRecord[1_000];
            var ticket = 0L;
            var position = 0L;
            for (; position < Messages; position += records.Length)
            {
                for (var index = 0; index < records.Length; index++) records[index] = StoreRecord.Enqueue(queue, position + index, message, expiresAt: 0);
                store.Commit(queue, records, ++ticket);
                listener.WaitFor(ticket);
            }
            var worstQuiet = Worst(2_000, _ => { });
            var sizeBefore = SizeOf(name);
            var worst = Worst(Messages / 10, round => store.Commit(queue, [StoreRecord.Settle(queue, (10L * round) + 1, count: 9)], ticket: 0));
            SpinWait.SpinUntil(() => SizeOf(name) < sizeBefore / 2, TimeSpan.FromSeconds(20));
            return (worstQuiet, worst, sizeBefore, SizeOf(name));

            TimeSpan Worst(int rounds, Action<int> each)
            {
                var longest = TimeSpan.Zero;
                for (var round = 0; round < rounds; round++)
                {
                    each(round);
                    var start = Stopwatch.GetTimestamp();
                    store.Commit(queue, [StoreRecord.Enqueue(queue, position++, message, expiresAt: 0)], ++ticket);
                    listener.WaitFor(ticket);
                    store.Commit(queue, [StoreRecord.Settle(queue, position - 1)], ticket: 0);
                    var took = Stopwatch.GetElapsedTime(start);
                    if (took > longest) longest = took;
                }
                return longest;
            }
        });
        console.Write(new Table().AddColumns($"{engine.Name}: merging 400,000 messages of 1 KiB down to a tenth", "")
            .AddRow("longest commit before", Milliseconds(quiet)).AddRow("longest commit while merging", Milliseconds(merging))
            .AddRow("on disk before, after", $"{Megabytes(before)}, {Megabytes(after)}"));
    }

    private void Opening(StoreEngine engine, string what, int queues, int messages, bool drain)
    {
        var data = Path.Combine(_root, "opening");
        var filled = BrokerProcess.Run("amqpbench", "fill", "--directory", data, "--engine", engine.Name, "--queues", Number(queues), "--messages", Number(messages));
        using var empty = BrokerProcess.Start(Path.Combine(_root, "empty"));
        var bare = empty.ResidentBytes;
        var table = new Table().AddColumns(what, "");
        table.AddRow("filled and killed, s", Seconds(filled));
        using (var broker = BrokerProcess.Start(data))
        {
            table.AddRow("start to \"Server startup complete\", s", Seconds(broker.StartTime));
            var resident = broker.ResidentBytes - bare;
            table.AddRow("resident beyond an empty broker", $"{Megabytes(resident)}, {Number((double)resident / messages)} bytes a message");
            table.AddRow("on disk", Megabytes(SizeOf("opening")));
            if (drain) Drain(broker, table, messages);
        }
        console.Write(table);
        Directory.Delete(data, recursive: true);
    }

    /// <summary>Consumes everything, with other traffic beside it whose longest delay shows what pauses there were.</summary>
    private void Drain(BrokerProcess broker, Table table, int messages)
    {
        var uri = UriOf(broker);
        var beside = BrokerProcess.DeliveryLatencies("--uri", uri, "-r", "2000", "-s", "100", "--auto-ack", "-d", "10");
        table.AddRow("2,000 transient messages/s beside it, delivery p99 and max, ms", beside);
        var drained = BrokerProcess.Run("amqpperf", "--uri", uri, "-x", "0", "-n", Number(messages), "--prefix", "q", "--durable", "--keep", "--prefetch", "1000", "--ack-batch", "100");
        table.AddRow("drained by one consumer, messages/s", Number(messages / drained.TotalSeconds));
        SpinWait.SpinUntil(() => SizeOf("opening") < 200_000_000, TimeSpan.FromSeconds(10));
        table.AddRow("on disk afterwards", Megabytes(SizeOf("opening")));
        table.AddRow("resident afterwards", Megabytes(broker.ResidentBytes));
    }

    /// <summary>Publishers without a consumer, until what queues know of messages fills the memory; then a consumer.</summary>
    private void MemoryAlarm()
    {
        const long MemoryBytes = 100_000_000;
        using var broker = BrokerProcess.Start(Path.Combine(_root, "alarm"), $"--Limits:MemoryBytes={Number(MemoryBytes)}");
        string[] load = ["--uri", UriOf(broker), "--prefix", "alarm", "--keep", "-d", "600"];
        using var publisher = BrokerProcess.StartBeside("amqpperf", [.. load, "-y", "0", "-s", "100"]);
        broker.WaitForLog("Memory resource limit alarm set");
        var resident = broker.ResidentBytes;
        using var consumer = BrokerProcess.StartBeside("amqpperf", [.. load, "-x", "0", "--prefetch", "1000", "--ack-batch", "100"]);
        var took = Stopwatch.StartNew();
        broker.WaitForLog("Memory resource limit alarm cleared");
        console.Write(new Table().AddColumns($"transient messages of 100 bytes, Limits:MemoryBytes={Number(MemoryBytes)}", "")
            .AddRow("resident when the alarm is set", Megabytes(resident))
            .AddRow("alarm cleared after the start of a consumer, s", Seconds(took.Elapsed)));
        consumer.Kill();
        publisher.Kill();
    }

    /// <summary>Uses a store that has one queue.</summary>
    public static T InStore<T>(StoreEngine engine, string path, Func<MessageStore, TicketListener, QueueId, T> use)
    {
        using var data = DataDirectory.Open(path, engine.Name);
        using var definitions = LocalMetadataStore.Open(data, TimeProvider.System, NullLogger<LocalMetadataStore>.Instance, Filling.Fail);
        using var store = MessageStore.Open(data, engine, definitions, NullLogger<MessageStore>.Instance, Filling.Fail);
        var listener = new TicketListener();
        var queue = new QueueId(1);
        store.Open(queue, listener);
        store.Start(_ => { });
        return use(store, listener, queue);
    }

    private long SizeOf(string name) =>
        new DirectoryInfo(Path.Combine(_root, name)).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);

    private static string Number(double value) => Math.Round(value).ToString(CultureInfo.InvariantCulture);

    private static string Ratio(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);

    private static string Seconds(TimeSpan value) => value.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);

    private static string Milliseconds(TimeSpan value) => $"{value.TotalMilliseconds.ToString("0.0", CultureInfo.InvariantCulture)} ms";

    private static string UriOf(BrokerProcess broker) => $"amqp://guest:guest@127.0.0.1:{broker.Port.ToString(CultureInfo.InvariantCulture)}/%2f";

    private static string Megabytes(long bytes) => $"{Number(bytes / 1e6)} MB";
}
