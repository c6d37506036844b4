using System.Globalization;
using Amqp.Perf;
using Amqp.Storage.Lite;
using Spectre.Console;

namespace Amqp.Bench;

/// <summary>Each part of the broker alone, the sockets alone, the load generator alone, and then the broker: how near it comes to each.</summary>
internal sealed class LimitsBench(string directory, int seconds, IAnsiConsole console) : IDisposable
{
    private const int LatencyRate = 5_000;
    private const int LatencyBodyBytes = 100;
    private const int LoadWarmUpSeconds = 1;

    private static readonly int[] BodySizes = [.. Work.All.Select(work => work.BodyBytes).Distinct()];

    private readonly string _root = Path.Combine(directory, $"amqpbench-{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}");
    private readonly string _load = string.Create(CultureInfo.InvariantCulture, $"-d {seconds} --warm-up {LoadWarmUpSeconds}");
    private readonly Dictionary<int, (Limit Read, Limit Written)> _codec = [];
    private readonly Dictionary<(bool AutoAck, bool IsPersistent), Limit> _queue = [];
    private readonly Dictionary<int, Limit> _store = [];
    private readonly Dictionary<int, Limit> _sockets = [];
    private readonly Dictionary<int, (double Sent, double Received)> _loads = [];
    private Limit _ack = null!;

    public void Run()
    {
        Directory.CreateDirectory(_root);
        console.Profile.Width = 240;
        Codec();
        Queue();
        Store();
        Sockets();
        LoadGenerator();
        Broker();
    }

    public void Dispose()
    {
        if (Directory.Exists(_root)) Directory.Delete(_root, recursive: true);
    }

    private void Codec()
    {
        var table = NewTable("codec, one thread", "publishes read/s", "MB/s", "deliveries written/s", "MB/s");
        foreach (var size in BodySizes)
        {
            Say($"codec, {size} B");
            var (read, written) = _codec[size] = (CodecLimit.PublishesRead(size, seconds), CodecLimit.DeliveriesWritten(size, seconds));
            table.AddRow(
                $"{Number(size)} B", Number(read.PerSecond), Megabytes(read, Traffic.Publishes(size)), Number(written.PerSecond), Megabytes(written, Traffic.Deliveries(size)));
        }
        _ack = CodecLimit.AcksRead(seconds);
        table.AddRow("acks, each of one delivery", Number(_ack.PerSecond), Megabytes(_ack, Traffic.Acks(Traffic.WriteBytes)), "", "");
        console.Write(table);
    }

    private void Queue()
    {
        var table = NewTable("one queue, one thread", "messages/s");
        foreach (var work in Work.All.DistinctBy(work => work.Queue))
        {
            Say("queue");
            var limit = _queue[work.Queue] = QueueLimit.Measure(work.Queue.AutoAck, work.Queue.IsPersistent, seconds);
            var what = work.Queue.AutoAck ? "published and delivered, auto-ack" : $"published, delivered and acknowledged, prefetch {Work.Prefetch}";
            table.AddRow(work.Queue.IsPersistent ? $"{what}, durable, with its records" : what, Number(limit.PerSecond));
        }
        console.Write(table);
    }

    private void Store()
    {
        var engine = StoreEngines.All[0]; // which a broker takes for a new directory
        var table = NewTable($"1 KiB messages a commit, {engine.Name}", "store, messages/s", "write + fdatasync alone, messages/s", "store, us a commit", "alone, us");
        foreach (var group in Work.All.Select(work => work.ConfirmWindow).Where(window => window > 0))
        {
            Say($"store, {group} a commit");
            var limit = _store[group] = StoreLimit.Measure(engine, Path.Combine(_root, $"store-{Number(group)}"), group, seconds);
            // As many flushes as the store had time for.
            var flush = Raw.WriteAndFlush(Path.Combine(_root, "raw"), group * StorageBench.RecordBytes, (int)Math.Max(1, limit.PerSecond * seconds / group));
            table.AddRow(
                Number(group), Number(limit.PerSecond), Number(group / flush.TotalSeconds), Number(group / limit.PerSecond * 1e6), Number(flush.TotalMicroseconds));
        }
        console.Write(table);
    }

    private void Sockets()
    {
        var table = NewTable("sockets, relayed by another process", "messages/s", "MB/s in, and as many out");
        foreach (var size in BodySizes)
        {
            Say($"sockets, {size} B");
            using var sockets = new SocketLimit();
            var limit = _sockets[size] = sockets.Throughput(size, seconds);
            table.AddRow($"publishes of {Number(size)} B", Number(limit.PerSecond), Megabytes(limit, Traffic.Publishes(size)));
        }
        console.Write(table);
    }

    private void LoadGenerator()
    {
        var table = NewTable("amqpperf", "sent/s, to who swallows them", "received/s, from who pours them");
        foreach (var size in BodySizes)
        {
            Say($"load generator, {size} B");
            using var peer = Companion.Start("peer", "--size", size.ToString(CultureInfo.InvariantCulture));
            var load = string.Create(CultureInfo.InvariantCulture, $"-s {size} {_load}");
            var (sent, received) = _loads[size] = (
                Load.Run(peer.Target, $"-y 0 {load}").SentPerSecond,
                Load.Run(peer.Target, $"-x 0 --auto-ack --prefix peer --keep {load}").ReceivedPerSecond);
            table.AddRow($"{Number(size)} B", Number(sent), Number(received));
        }
        console.Write(table);
    }

    private void Broker()
    {
        using var broker = BrokerProcess.Start(Path.Combine(_root, "data"));
        Latency(broker.Target);
        var shares = new LimitTable();
        foreach (var work in Work.All)
        {
            Say($"broker, {work.Name}");
            var result = Load.Run(broker.Target, $"{work.LoadArguments} {_load} --drain 300");
            shares.Add(work, new Limit(result.ReceivedPerSecond, result.CpuSecondsPerMillion * 1e3), LimitsOf(work));
        }
        shares.Print(console);
    }

    /// <summary>Beside the sockets alone. First of all, and what the broker compiles meanwhile is compiled.</summary>
    private void Latency(Target broker)
    {
        Say("latency");
        using var sockets = new SocketLimit();
        var alone = sockets.Latency(LatencyBodyBytes, LatencyRate, seconds);
        var load = string.Create(CultureInfo.InvariantCulture, $"-s {LatencyBodyBytes} --auto-ack {_load}");
        Load.Run(broker, load);
        var result = Load.Run(broker, string.Create(CultureInfo.InvariantCulture, $"{load} -r {LatencyRate}"));
        console.Write(NewTable($"delivery at {Number(LatencyRate)}/s, transient {LatencyBodyBytes} B", "p50, us", "p99, us")
            .AddRow("sockets, relayed by another process", Microseconds(alone, 0.5), Microseconds(alone, 0.99))
            .AddRow("broker", Number(result.DeliveryP50Ms!.Value * 1e3), Number(result.DeliveryP99Ms!.Value * 1e3)));
    }

    private WorkLimits LimitsOf(Work work)
    {
        var (read, written) = _codec[work.BodyBytes];
        var (sent, received) = _loads[work.BodyBytes];
        return new WorkLimits(
            work.AckBatch == 1 ? read + _ack : read,
            _queue[work.Queue],
            written,
            work.ConfirmWindow > 0 ? _store[work.ConfirmWindow] : null,
            _sockets[work.BodyBytes],
            sent,
            received);
    }

    private static void Say(string what) => Console.Error.WriteLine(what);

    private static Table NewTable(params string[] columns) => new Table { Border = TableBorder.Markdown }.AddColumns(columns);

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Megabytes(Limit limit, (byte[] Frames, int Count) stream) => Number(limit.PerSecond * stream.Frames.Length / stream.Count / 1e6);

    private static string Microseconds(Histogram latency, double share) => Number((double)latency.Percentile(share) / 1_000);
}
