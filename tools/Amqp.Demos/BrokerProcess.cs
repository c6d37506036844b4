using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using RabbitMQ.Client;

namespace Amqp.Demos;

/// <summary>
/// A broker of the demo's own: the <c>amqpd</c> beside this program, on a free port and a directory that goes with it. Or one that
/// runs already.
/// </summary>
internal sealed partial class BrokerProcess : IAsyncDisposable
{
    private const int SigTerm = 15;

    // A node of a cluster waits for the others.
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    private readonly DirectoryInfo? _directory;
    private readonly string[] _options;
    private readonly List<string> _output = [];
    private Process? _process;

    private BrokerProcess(DirectoryInfo? directory, IPEndPoint address, string[] options)
    {
        _directory = directory;
        Address = address;
        _options = options;
    }

    public IPEndPoint Address { get; private set; }

    /// <summary>The broker that listens there, which a demo cannot kill.</summary>
    public static BrokerProcess At(IPEndPoint address) => new(null, address, []);

    /// <summary>Starts the broker and returns when it takes connections.</summary>
    /// <param name="options">Of its command line, besides port and directory.</param>
    /// <exception cref="DemoException">It is not built, or it ends, or it is not ready in time.</exception>
    public static async Task<BrokerProcess> Start(string[] options, CancellationToken cancel)
    {
        var broker = new BrokerProcess(Directory.CreateTempSubdirectory("amqp-demo-"), new IPEndPoint(IPAddress.Loopback, 0), options);
        try
        {
            await broker.StartProcess(cancel);
            return broker;
        }
        catch
        {
            await broker.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends the process as a power failure would (SIGKILL).</summary>
    /// <exception cref="DemoException">It is not a broker of the demo's own.</exception>
    public async Task Kill()
    {
        if (_process is not { } process) throw NotOurs();
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        _process = null;
    }

    /// <summary>Starts it again after <see cref="Kill()"/>, on the same directory and port.</summary>
    public Task Restart(CancellationToken cancel) => StartProcess(cancel);

    /// <summary>A demo that kills its broker asks first, so that it does not begin in vain.</summary>
    /// <exception cref="DemoException">It is not a broker of the demo's own.</exception>
    public void MustBeOurs()
    {
        if (_directory is null) throw NotOurs();
    }

    /// <summary>What the command line tools say of it.</summary>
    /// <returns>What they print.</returns>
    /// <exception cref="DemoException">They fail.</exception>
    public async Task<string> Rabbitmqctl(string[] words, CancellationToken cancel)
    {
        MustBeOurs();
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "rabbitmqctl"), ["--data-directory", _directory!.FullName, "--quiet", .. words])
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(cancel), process.StandardError.ReadToEndAsync(cancel));
        await process.WaitForExitAsync(cancel);
        return process.ExitCode == 0 ? await output : throw new DemoException($"rabbitmqctl {string.Join(' ', words)}: {await error}");
    }

    /// <summary>A connection that does not come back by itself: what breaks is part of the lesson.</summary>
    public Task<IConnection> Connect(string name, CancellationToken cancel) =>
        new ConnectionFactory { HostName = Address.Address.ToString(), Port = Address.Port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync(name, cancel);

    /// <summary>Ends the process as an operator would, and removes its data.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            if (!process.HasExited) _ = NativeKill(process.Id, SigTerm);
            using var limit = new CancellationTokenSource(StopLimit);
            try
            {
                await process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
            }
            process.Dispose();
        }
        _directory?.Delete(recursive: true);
    }

    private async Task StartProcess(CancellationToken cancel)
    {
        var executable = Path.Combine(AppContext.BaseDirectory, "amqpd");
        if (!File.Exists(executable)) throw new DemoException($"The broker is not at {executable}: run `make build`, or name a running one with --broker.");

        MustBeOurs();
        string[] options = [$"--Listeners:Amqp:Port={Address.Port}", "--Listeners:Amqp:Address=127.0.0.1", "--Listeners:Management:Enabled=false", "--Listeners:Prometheus:Enabled=false", $"--Storage:Directory={_directory!.FullName}", .. _options];
        var start = new ProcessStartInfo(executable, options)
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        var process = _process = new Process { StartInfo = start };
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        process.OutputDataReceived += (_, line) => Read(line.Data, ready);
        process.ErrorDataReceived += (_, line) => Read(line.Data, ready);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();

        await Task.WhenAny(ready.Task, process.WaitForExitAsync(cancel), Task.Delay(StartLimit, cancel));
        cancel.ThrowIfCancellationRequested();
        if (!ready.Task.IsCompleted || Address.Port == 0) throw new DemoException($"The broker did not come up. It said:\n{Output()}");
    }

    private static DemoException NotOurs() => new("This demo kills its broker, so it needs one of its own: leave out --broker.");

    private void Read(string? line, TaskCompletionSource ready)
    {
        if (line is null) return;
        lock (_output) _output.Add(line);
        if (ListeningLine().Match(line) is { Success: true } match) Address = new(IPAddress.Loopback, int.Parse(match.Groups["port"].Value, CultureInfo.InvariantCulture));
        if (line.Contains("Server startup complete", StringComparison.Ordinal)) ready.TrySetResult();
    }

    private string Output()
    {
        lock (_output) return string.Join('\n', _output);
    }

    [GeneratedRegex(@"AMQP listening on 127\.0\.0\.1:(?<port>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ListeningLine();

    [LibraryImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int NativeKill(int process, int signal);
}
