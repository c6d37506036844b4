using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Amqp.Perf;

/// <summary>The result of a run. The README says what each figure means.</summary>
internal sealed class Report
{
    private static readonly (string Name, double Share)[] Percentiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1)];
    private static readonly JsonSerializerOptions CamelCase = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private readonly PerfOptions _options;
    private readonly Figures _measured;
    private readonly double _publishSeconds;
    private readonly double _receiveSeconds;
    private readonly double _cpuSeconds;
    private readonly long _brokerResident;

    /// <param name="baseline">At the end of the warm-up.</param>
    /// <param name="published">When publishing ended.</param>
    /// <param name="received">When all confirms and messages had come.</param>
    public Report(PerfOptions options, Figures baseline, Figures published, Figures received)
    {
        _options = options;
        _measured = received.Since(baseline);
        _publishSeconds = Seconds(published.At - baseline.At);
        _receiveSeconds = Math.Max(Seconds(received.LastReceivedAt - baseline.At), options.Publishers == 0 ? 0 : _publishSeconds);
        _cpuSeconds = (published.Cpu - baseline.Cpu).TotalSeconds;
        _brokerResident = published.BrokerResident;
    }

    /// <summary>How long it took to declare and bind everything.</summary>
    public required double DeclareSeconds { get; init; }

    private double PublishesPerWrite => _measured.Writes == 0 ? 0 : (double)_measured.Sent / _measured.Writes;

    public void Print(IAnsiConsole console)
    {
        var table = new Table { Border = TableBorder.None, ShowHeaders = false };
        table.AddColumn("").AddColumn(new TableColumn("") { Alignment = Justify.Right }).AddColumn("");
        if (_options.Publishers > 0) AddRate(table, "sent", _measured.Sent, _publishSeconds);
        if (_options.ConfirmWindow + _options.Transaction > 0) AddRate(table, _options.Transaction > 0 ? "committed" : "confirmed", _measured.Confirmed, _publishSeconds);
        if (_measured.Rejected > 0) AddRate(table, "rejected (basic.nack)", _measured.Rejected, _publishSeconds);
        if (_options.Consumers > 0) AddRate(table, "received", _measured.Received, _receiveSeconds);
        if (_options.Publishers > 0) table.AddRow("publishes per socket write", Number(PublishesPerWrite, "0.0"), Limit());
        table.AddRow("amqpperf's own CPU", Number(_cpuSeconds, "0.00") + " s", $"of {Number(_publishSeconds, "0.00")} s");
        table.AddRow("amqpperf's own heap", Number(_measured.Allocated / 1024.0, "N0") + " KiB", "allocated while measuring");
        if (_options.BrokerPid > 0)
        {
            table.AddRow("the broker's CPU", Number(_measured.BrokerCpu.TotalSeconds, "0.00") + " s", "until all was received");
            table.AddRow("the broker's memory", Number(_brokerResident / 1024.0 / 1024.0, "N0") + " MiB", "resident when publishing ended");
        }
        console.WriteLine();
        console.Write(table);

        if (_measured.Confirm.Count + _measured.Delivery.Count == 0) return;
        var latency = new Table { Border = TableBorder.Simple };
        latency.AddColumn("latency, ms");
        foreach (var (name, _) in Percentiles) latency.AddColumn(new TableColumn(name) { Alignment = Justify.Right });
        AddLatency(latency, "publish to confirm", _measured.Confirm);
        AddLatency(latency, "publish to delivery", _measured.Delivery);
        console.Write(latency);
    }

    public string ToJson() => JsonSerializer.Serialize(
        new
        {
            options = new
            {
                uri = _options.Uri.ToString(),
                _options.Publishers,
                _options.Consumers,
                _options.Queues,
                bodySizeBytes = _options.BodySize,
                _options.Persistent,
                _options.Durable,
                _options.ConfirmWindow,
                publishesPerTransaction = _options.Transaction,
                publishesPerWriteMax = _options.Batch,
                _options.Prefetch,
                _options.AutoAck,
                _options.AckBatch,
                ratePerSecond = _options.Rate,
                _options.ExchangeType,
            },
            declareSeconds = DeclareSeconds,
            publishSeconds = _publishSeconds,
            receiveSeconds = _receiveSeconds,
            sent = _measured.Sent,
            confirmed = _measured.Confirmed,
            rejected = _measured.Rejected,
            received = _measured.Received,
            sentPerSecond = Rate(_measured.Sent, _publishSeconds),
            confirmedPerSecond = Rate(_measured.Confirmed, _publishSeconds),
            receivedPerSecond = Rate(_measured.Received, _receiveSeconds),
            publishesPerWrite = PublishesPerWrite,
            confirmLatencyMs = Latencies(_measured.Confirm),
            deliveryLatencyMs = Latencies(_measured.Delivery),
            cpuSeconds = _cpuSeconds,
            allocatedBytes = _measured.Allocated,
            brokerCpuSeconds = _measured.BrokerCpu.TotalSeconds,
            brokerResidentBytes = _brokerResident,
        },
        CamelCase);

    private string Limit() => _options.Batch > 0 ? $"at most {_options.Batch}" : "as many as are due, at most 64 KiB";

    private static void AddRate(Table table, string name, long count, double seconds) =>
        table.AddRow(name, Number(count, "N0"), $"{Number(Rate(count, seconds), "N0")} per second over {Number(seconds, "0.00")} s");

    private static void AddLatency(Table table, string name, Histogram latency)
    {
        if (latency.Count > 0) table.AddRow([name, .. Percentiles.Select(percentile => Number(Milliseconds(latency, percentile.Share), "0.000"))]);
    }

    private static Dictionary<string, double>? Latencies(Histogram latency) =>
        latency.Count == 0 ? null : Percentiles.ToDictionary(percentile => percentile.Name, percentile => Milliseconds(latency, percentile.Share));

    private static double Milliseconds(Histogram latency, double share) => (double)latency.Percentile(share) / Clock.Millisecond;

    private static double Rate(long count, double seconds) => seconds > 0 ? count / seconds : 0;

    private static double Seconds(long nanoseconds) => Math.Max(0, (double)nanoseconds / Clock.Second);

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
