using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Amqp.Testing;

/// <summary>Our broker as its users run it: the built <c>amqpd</c> in a process of its own, on a free port and a fresh directory.</summary>
public sealed partial class TestBroker : BrokerProcess
{
    private const int SigTerm = 15;

    private static int _number;

    private readonly string[] _launcher;
    private string[] _options;
    private readonly string _name = $"test{Environment.ProcessId}-{Interlocked.Increment(ref _number)}";
    private Process? _process;
    private TimeSpan _startsWithin;

    private TestBroker(BrokerPlace place, string[] options)
    {
        _launcher = place.Launcher;
        Host = place.Address;
        _options = options;
        Port = Ports.Free();
        Directory = Path.Combine(Path.GetTempPath(), "amqp-tests", _name);
        // A process left behind by a killed test run keeps nothing: its number in the name belongs to the run.
        if (System.IO.Directory.Exists(Directory)) System.IO.Directory.Delete(Directory, recursive: true);
        System.IO.Directory.CreateDirectory(Directory);
        AppDomain.CurrentDomain.ProcessExit += KillNow;
    }

    /// <summary>Where the broker stores its data. Fresh at the start, kept over <see cref="Restart"/>, deleted in the end.</summary>
    public string Directory { get; }

    public BrokerLog Log { get; } = new();

    /// <summary>Of the HTTP API, since the last start.</summary>
    public int ManagementPort { get; private set; }

    /// <summary>Of the metrics, likewise.</summary>
    public int MetricsPort { get; private set; }

    /// <summary>The process id, for tests that look at the process from outside.</summary>
    public int ProcessId => (_process ?? throw new InvalidOperationException("the broker does not run")).Id;

    public bool HasExited => _process?.HasExited ?? true;

    /// <summary>The storage engine that brokers are to use, so that the same tests run over another: <c>AMQP_TEST_ENGINE</c>.</summary>
    private static readonly string? Engine = Environment.GetEnvironmentVariable("AMQP_TEST_ENGINE");

    /// <summary>How long it took the last time from the first word about the directory until it was ready.</summary>
    public TimeSpan OpeningTook { get; private set; }

    /// <summary>The built broker.</summary>
    public static string Executable { get; } =
        Repository.PathOf("broker", "Amqp.Host", "bin", Repository.Configuration, "net10.0", "amqpd.dll");

    /// <summary>Starts a broker; returns when it has said that it is ready.</summary>
    /// <param name="options">Further options of the command line, such as <c>--Limits:MessageSizeMax=1000</c>.</param>
    public static Task<TestBroker> Start(params string[] options) => Start(_ => { }, options);

    /// <summary>Starts a broker that finds something in its directory.</summary>
    /// <param name="prepare">Puts it there.</param>
    public static Task<TestBroker> Start(Action<string> prepare, params string[] options) => Start(BrokerPlace.Here, prepare, options);

    /// <summary>Starts a broker that waits for others before it is ready, so that its start takes longer.</summary>
    /// <param name="place">Where it runs.</param>
    public static Task<TestBroker> StartWithin(TimeSpan within, BrokerPlace place, params string[] options) => Start(place, _ => { }, options, within);

    /// <summary>Starts a broker that may open only so many files and sockets.</summary>
    public static Task<TestBroker> StartWithFiles(int files, params string[] options) => Start(BrokerPlace.Here with { Launcher = ["prlimit", $"--nofile={files}", "dotnet"] }, _ => { }, options);

    private static async Task<TestBroker> Start(BrokerPlace place, Action<string> prepare, string[] options, TimeSpan? within = null)
    {
        if (!File.Exists(Executable))
            Assert.Fail($"The broker is not built: {Executable} is missing. Run `make build` (the tests are {Repository.Configuration}).");
        var broker = new TestBroker(place, options) { _startsWithin = within ?? Patience.Start };
        try
        {
            prepare(broker.Directory);
            await broker.StartProcess();
        }
        catch
        {
            await broker.DisposeAsync();
            throw;
        }
        return broker;
    }

    public override async Task Kill()
    {
        if (_process is not { } process) return;
        process.Kill();
        await WaitForExit(process, Patience.Stop);
        _process = null;
        process.Dispose();
    }

    public override async Task<int> Stop()
    {
        var process = _process ?? throw new InvalidOperationException("the broker does not run");
        // A process that is gone already shows in its exit code.
        if (!process.HasExited && NativeKill(process.Id, SigTerm) != 0) throw new Win32Exception(Marshal.GetLastPInvokeError());
        if (!await WaitForExit(process, Patience.Stop))
        {
            await Kill();
            Assert.Fail($"The broker did not end within {Patience.Stop.TotalSeconds} s of SIGTERM. Its output:\n{Tail()}");
        }
        _process = null;
        var exitCode = process.ExitCode;
        process.Dispose();
        return exitCode;
    }

    public override async Task Restart()
    {
        if (_process is not null) await Stop();
        await StartProcess();
    }

    /// <summary>Options that count from the next start on, and before those that were given earlier.</summary>
    public void Give(params string[] options) => _options = [.. _options, .. options];

    /// <summary>Starts a process again that has ended, and does not wait for it: it is not to be ready.</summary>
    public void Begin() => Launch();

    /// <summary>Waits until it ends by itself.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> End(TimeSpan within)
    {
        if (!await WaitForExit(_process ?? throw new InvalidOperationException("the broker does not run"), within)) Assert.Fail($"The broker did not end within {within.TotalSeconds} s. Its output:\n{Tail()}");
        return await Stop();
    }

    /// <summary>Starts a process again that has ended, and kills it so long after its first word about the directory.</summary>
    /// <returns>False: it was ready earlier, and was killed when it was.</returns>
    public async Task<bool> KillWhileOpening(TimeSpan after)
    {
        var start = Launch();
        await Task.WhenAny(start.Opening.Task, start.Ready.Task).WaitAsync(Patience.Start);
        // Nothing but the time tells one moment of an opening from another.
        var isReady = await Task.WhenAny(start.Ready.Task, Task.Delay(after)) == start.Ready.Task;
        if (start.Process.HasExited) Assert.Fail($"The broker ended with code {start.Process.ExitCode}. Its output:\n{Tail()}");
        await Kill();
        return !isReady;
    }

    public override async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= KillNow;
        await Kill();
        try
        {
            System.IO.Directory.Delete(Directory, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // A test may delete it itself.
        }
    }

    private async Task StartProcess()
    {
        var start = Launch();
        if (await Task.WhenAny(start.Ready.Task, Task.Delay(_startsWithin)) != start.Ready.Task || !await start.Ready.Task)
        {
            if (start.Process.HasExited) await start.Process.WaitForExitAsync(); // until its last words were read
            var state = start.Process.HasExited ? $"ended with code {start.Process.ExitCode}" : $"was not ready within {_startsWithin.TotalSeconds} s";
            Assert.Fail($"The broker {state}. Its output:\n{Tail()}");
        }
        if (start.Port != Port) Assert.Fail($"The broker started without the line \"AMQP listening on {Host}:{Port}\". Its output:\n{Tail()}");
        OpeningTook = Stopwatch.GetElapsedTime(await start.Opening.Task);
    }

    private ProcessStart Launch()
    {
        var info = new ProcessStartInfo(_launcher[0]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments =
        [
            .. _launcher[1..],
            Executable,
            $"--Listeners:Amqp:Port={Port}",
            $"--Listeners:Amqp:Address={Host}",
            "--Listeners:Management:Port=0",
            "--Listeners:Prometheus:Port=0",
            $"--Listeners:Prometheus:Address={Host}",
            $"--Listeners:Management:Address={Host}",
            $"--Storage:Directory={Directory}",
            $"--Node:Name={_name}@localhost",
            .. Engine is null ? (string[])[] : [$"--Storage:Engine={Engine}"],
            .. _options,
        ];
        foreach (var argument in arguments) info.ArgumentList.Add(argument);

        var start = new ProcessStart(new Process { StartInfo = info, EnableRaisingEvents = true });
        var process = start.Process;
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is not { } text) return;
            Log.AddOutput(text);
            if (text.Contains("data directory", StringComparison.Ordinal)) start.Opening.TrySetResult(Stopwatch.GetTimestamp());
            if (ListeningLine().Match(text) is { Success: true } match) start.Port = int.Parse(match.Groups["port"].Value, CultureInfo.InvariantCulture);
            if (ManagementLine().Match(text) is { Success: true } http) ManagementPort = int.Parse(http.Groups["port"].Value, CultureInfo.InvariantCulture);
            if (MetricsLine().Match(text) is { Success: true } metrics) MetricsPort = int.Parse(metrics.Groups["port"].Value, CultureInfo.InvariantCulture);
            if (text.Contains("Server startup complete", StringComparison.Ordinal)) start.Ready.TrySetResult(true);
        };
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is { } text) Log.AddError(text);
        };
        process.Exited += (_, _) => start.Ready.TrySetResult(false);
        process.Start();
        _process = process;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return start;
    }

    private string Tail() => string.Join('\n', Log.Lines.TakeLast(40));

    private void KillNow(object? sender, EventArgs e) => _process?.Kill();

    private static async Task<bool> WaitForExit(Process process, TimeSpan within)
    {
        using var deadline = new CancellationTokenSource(within);
        try
        {
            await process.WaitForExitAsync(deadline.Token); // also waits for the end of both streams
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"HTTPS? listening on [\d.]+:(?<port>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ManagementLine();

    [GeneratedRegex(@"HTTPS?/PROMETHEUS listening on [\d.]+:(?<port>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MetricsLine();

    [GeneratedRegex(@"AMQP listening on [\d.]+:(?<port>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ListeningLine();

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int processId, int signal);

    /// <summary>A process that starts, and what it has said of that.</summary>
    private sealed class ProcessStart(Process process)
    {
        public Process Process { get; } = process;

        /// <summary>When it spoke of its data directory first, which it then opens.</summary>
        public TaskCompletionSource<long> Opening { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>False: it has ended.</summary>
        public TaskCompletionSource<bool> Ready { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>The port it listens on.</summary>
        public volatile int Port;
    }
}
