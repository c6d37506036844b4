using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Amqp.Bench;

/// <summary>The broker beside this program, on a free port and a given directory.</summary>
internal sealed partial class BrokerProcess : IDisposable
{
    private readonly Process _process;
    private readonly BlockingCollection<string> _log = [];

    private BrokerProcess(Process process, int port, int managementPort, TimeSpan startTime)
    {
        _process = process;
        Port = port;
        ManagementPort = managementPort;
        StartTime = startTime;
    }

    public int Port { get; }

    /// <summary>0: it was started without that.</summary>
    public int ManagementPort { get; }

    /// <summary>It, as something to measure.</summary>
    public Target Target => new("this broker", string.Create(CultureInfo.InvariantCulture, $"amqp://guest:guest@127.0.0.1:{Port}"), _process.Id) { ManagementPort = ManagementPort };

    /// <summary>From the start of the process until clients can connect.</summary>
    public TimeSpan StartTime { get; }

    /// <summary>Bytes of memory that the process has from the system.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    public static BrokerProcess Start(string directory, params string[] options)
    {
        var took = Stopwatch.StartNew();
        var process = Begin("amqpd", ["--Listeners:Amqp:Port=0", "--Listeners:Amqp:Address=127.0.0.1", "--Listeners:Management:Enabled=false", "--Listeners:Prometheus:Enabled=false", $"--Storage:Directory={directory}", .. options]);
        var (port, managementPort) = (0, 0);
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (ListeningLine().Match(line) is { Success: true } match)
            {
                var number = int.Parse(match.Groups["port"].Value, CultureInfo.InvariantCulture);
                if (match.Groups["protocol"].Value == "AMQP") port = number;
                else managementPort = number;
            }
            if (!line.Contains("Server startup complete", StringComparison.Ordinal)) continue;
            var broker = new BrokerProcess(process, port, managementPort, took.Elapsed);
            new Thread(broker.ReadLog) { IsBackground = true }.Start();
            return broker;
        }
        throw new InvalidOperationException("the broker did not come up");
    }

    /// <summary>Returns when it has logged a line with that text; lines before it are passed over.</summary>
    public void WaitForLog(string text)
    {
        foreach (var line in _log.GetConsumingEnumerable())
            if (line.Contains(text, StringComparison.Ordinal)) return;
        throw new InvalidOperationException($"the broker ended and did not log '{text}'");
    }

    /// <summary>Starts a program of this directory; the caller ends it.</summary>
    public static Process StartBeside(string program, params string[] arguments)
    {
        var process = Begin(program, arguments);
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>Runs a program of this directory to its end; returns how long it took.</summary>
    public static TimeSpan Run(string program, params string[] arguments)
    {
        var took = Stopwatch.StartNew();
        Output(program, arguments);
        return took.Elapsed;
    }

    /// <summary>Runs a load with <c>amqpperf</c>; returns its delivery latencies, p99 and maximum in milliseconds.</summary>
    public static string DeliveryLatencies(params string[] arguments)
    {
        using var report = JsonDocument.Parse(Output("amqpperf", [.. arguments, "--json"]));
        var delivery = report.RootElement.GetProperty("deliveryLatencyMs");
        return string.Create(CultureInfo.InvariantCulture, $"{delivery.GetProperty("p99").GetDouble():0.0}, {delivery.GetProperty("max").GetDouble():0.0}");
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    /// <summary>So that it never waits for a reader.</summary>
    private void ReadLog()
    {
        while (_process.StandardOutput.ReadLine() is { } line) _log.Add(line);
        _log.CompleteAdding();
    }

    /// <summary>Runs a program of this directory to its end; returns what it printed.</summary>
    public static string Output(string program, params string[] arguments)
    {
        using var process = Begin(program, arguments);
        var lastError = "";
        process.ErrorDataReceived += (_, line) => lastError = line.Data ?? lastError; // progress, and behind it what went wrong
        process.BeginErrorReadLine();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 || program == "amqpbench" // which kills itself
            ? output
            : throw new InvalidOperationException($"{lastError} ({program} {string.Join(' ', arguments)})");
    }

    /// <summary>Starts a program of this directory; the caller reads what it prints, and ends it.</summary>
    public static Process Begin(string program, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, program), arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = program != "amqpd" })
        ?? throw new InvalidOperationException($"{program} cannot be started");

    [GeneratedRegex(@" (?<protocol>AMQP|HTTP) listening on 127\.0\.0\.1:(?<port>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ListeningLine();
}
