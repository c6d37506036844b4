using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Amqp.Perf;
using AMQP.Net;

namespace Amqp.Bench;

/// <summary>
/// A broker under a load that it can carry, for as long as wanted: messages that flow, messages that pile up and are drained, and
/// clients that come, do a little of everything and go, half of them without a word. What it takes must not grow with time, and
/// when all are gone nothing may be left.
/// </summary>
internal sealed class Soak(string directory, TimeSpan duration)
{
    private const int ShiftSeconds = 60;
    private const int ClientsPerRound = 10;
    private const int ChannelsPerClient = 5;
    private const double GrowthMax = 1.1;
    private const long GrowthBytesMax = 20_000_000;

    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Leaving = TimeSpan.FromSeconds(60);

    private readonly List<(double Minutes, Sample Sample)> _samples = [];
    private volatile bool _isEnding;
    private long _clients;

    /// <summary>True: memory was flat, every load ended well and nothing was left.</summary>
    public bool Run()
    {
        using var broker = BrokerProcess.Start(directory);
        var uri = broker.Target.Uri;
        using var control = new Control(Path.Combine(directory, "control.sock"));
        var failures = new System.Collections.Concurrent.ConcurrentQueue<string>();
        Thread[] workers =
        [
            Worker("churn", () => Churn(AmqpUri.Parse(uri)), failures),
            Worker("transient", () => Shift(uri, "-x 4 -y 4 -q 4 -s 100 -r 4000 --prefetch 100"), failures),
            Worker("persistent", () => Shift(uri, "-s 1024 --persistent --durable -r 1000 -c 100 --prefetch 100 --ack-batch 10"), failures),
            Worker("backlog", () => Backlog(uri), failures),
        ];
        var time = Stopwatch.StartNew();
        while (time.Elapsed < duration && failures.IsEmpty)
        {
            Thread.Sleep(Look);
            var sample = new Sample(broker.ResidentBytes, control.Ask());
            if (_samples.Count == 0 || (int)_samples[^1].Minutes != (int)time.Elapsed.TotalMinutes) Print(time.Elapsed, sample);
            _samples.Add((time.Elapsed.TotalMinutes, sample));
        }
        _isEnding = true;
        foreach (var worker in workers) worker.Join();
        foreach (var failure in failures) Console.WriteLine(failure);
        return IsFlat() & IsEmptied(broker, control) & failures.IsEmpty;
    }

    private Thread Worker(string name, Action work, System.Collections.Concurrent.ConcurrentQueue<string> failures)
    {
        var thread = new Thread(() =>
        {
            try
            {
                while (!_isEnding) work();
            }
            catch (Exception exception) when (exception is PerfException or InvalidOperationException)
            {
                failures.Enqueue($"{name}: {exception.Message}");
            }
        });
        thread.Start();
        return thread;
    }

    private static void Shift(string uri, string load) =>
        BrokerProcess.Run("amqpperf", ["--uri", uri, "-d", $"{ShiftSeconds}", .. load.Split(' ')]);

    /// <summary>Piles up, then drains.</summary>
    private static void Backlog(string uri)
    {
        string[] queue = ["--uri", uri, "--prefix", "backlog", "--durable", "--keep", "-n", "100000"];
        BrokerProcess.Run("amqpperf", [.. queue, "-y", "0", "-s", "1024", "--persistent", "-c", "500", "-r", "5000"]);
        BrokerProcess.Run("amqpperf", [.. queue, "-x", "0", "--prefetch", "500", "--ack-batch", "50"]);
    }

    /// <summary>Clients come, do a little of everything, and go.</summary>
    private void Churn(AmqpUri uri)
    {
        for (var client = 0; client < ClientsPerRound; client++)
        {
            using var connection = PerfConnection.Open(uri, "soak");
            for (ushort channel = 2; channel <= ChannelsPerClient; channel++) connection.Call<ChannelOpen, ChannelOpenOk>(default, channel);
            UseAll(connection, $"soak.{Interlocked.Increment(ref _clients).ToString(CultureInfo.InvariantCulture)}");
            if (client % 2 == 0) connection.Close();
        }
    }

    private static void UseAll(PerfConnection connection, string name)
    {
        var brief = FieldTable.From(("x-expires", FieldValue.From(5_000)), ("x-message-ttl", FieldValue.From(1_000)));
        connection.Call<QueueDeclare, QueueDeclareOk>(new QueueDeclare(name, false, Durable: true, Exclusive: false, AutoDelete: false, false, brief));
        connection.Call<QueueBind, QueueBindOk>(new QueueBind(name, "amq.topic", $"{name}.*", false, FieldTable.Empty));
        connection.Call<QueueDeclare, QueueDeclareOk>(new QueueDeclare($"{name}.own", false, false, Exclusive: true, AutoDelete: true, false, FieldTable.Empty), 2);
        for (var message = 0; message < 20; message++) Publish(connection, message % 2 == 0 ? "amq.topic" : "", message % 2 == 0 ? $"{name}.x" : $"{name}.own");
        connection.Call<TxSelect, TxSelectOk>(default, 3);
        Publish(connection, "", name, channel: 3);
        connection.Call<TxCommit, TxCommitOk>(default, 3);
        Publish(connection, "", name, channel: 3);
        connection.Call<ConfirmSelect, ConfirmSelectOk>(new ConfirmSelect(NoWait: false), 4);
        connection.Call<QueuePurge, QueuePurgeOk>(new QueuePurge(name, NoWait: false), 5);
    }

    private static void Publish(PerfConnection connection, string exchange, string routingKey, ushort channel = PerfConnection.Channel)
    {
        var message = new SendBuffer(2_048);
        FrameWriter.WriteMethod(message, channel, new BasicPublish(exchange, routingKey, Mandatory: false, Immediate: false));
        FrameWriter.WriteContent(message, channel, [0x10, 0, 2], new byte[1_000], connection.FrameMax);
        connection.Send(message.Written);
    }

    private void Print(TimeSpan time, Sample sample) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{time.TotalMinutes,5:0.0} min: {sample.Resident / 1_000_000} MB resident, {sample.Node.MemoryUsed / 1_000_000} MB of messages, {sample.Node.Files} files, {sample.Node.Connections} connections, {sample.Node.Queues} queues, {Interlocked.Read(ref _clients)} clients so far"));

    /// <summary>The last quarter of the time beside the second: the first is for growing.</summary>
    private bool IsFlat()
    {
        var (second, last) = (Median(0.25, 0.5), Median(0.75, 1));
        var isFlat = last <= Math.Max(second * GrowthMax, second + GrowthBytesMax);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"resident, median of the second quarter {second / 1_000_000} MB, of the last {last / 1_000_000} MB: {(isFlat ? "flat" : "NOT FLAT")}"));
        return isFlat;
    }

    private long Median(double from, double to)
    {
        var end = _samples[^1].Minutes;
        var part = _samples.Where(each => each.Minutes >= from * end && each.Minutes <= to * end).Select(each => each.Sample.Resident).Order().ToList();
        return part[part.Count / 2];
    }

    private static bool IsEmptied(BrokerProcess broker, Control control)
    {
        var waiting = Stopwatch.StartNew();
        var left = control.Ask();
        while ((left.Connections, left.MemoryUsed, left.Messages) != (0, 0, 0) && waiting.Elapsed < Leaving)
        {
            Thread.Sleep(Look);
            left = control.Ask();
        }
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"afterwards: {left.Connections} connections, {left.Queues} queues, {left.Messages} messages, {left.MemoryUsed} bytes of messages counted, {broker.ResidentBytes / 1_000_000} MB resident"));
        return (left.Connections, left.MemoryUsed, left.Messages) == (0, 0, 0);
    }

    private sealed record Sample(long Resident, NodeFigures Node);

    private sealed record NodeFigures(long MemoryUsed, int Files, int Connections, int Queues, long Messages);

    /// <summary>What the broker says of itself on its control socket.</summary>
    private sealed class Control(string socket) : IDisposable
    {
        private readonly HttpClient _http = new(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var connection = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
                await connection.ConnectAsync(new System.Net.Sockets.UnixDomainSocketEndPoint(socket), cancel);
                return new System.Net.Sockets.NetworkStream(connection, ownsSocket: true);
            },
        });

        public NodeFigures Ask()
        {
            using var overview = Get("overview");
            using var nodes = Get("nodes");
            var (totals, node) = (overview.RootElement.GetProperty("object_totals"), nodes.RootElement[0]);
            return new NodeFigures(
                node.GetProperty("mem_used").GetInt64(),
                node.GetProperty("fd_used").GetInt32(),
                totals.GetProperty("connections").GetInt32(),
                totals.GetProperty("queues").GetInt32(),
                overview.RootElement.GetProperty("queue_totals").GetProperty("messages").GetInt64());
        }

        public void Dispose() => _http.Dispose();

        private JsonDocument Get(string path)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://localhost/api/{path}"));
            using var response = _http.Send(request);
            return JsonDocument.Parse(response.Content.ReadAsStream());
        }
    }
}
