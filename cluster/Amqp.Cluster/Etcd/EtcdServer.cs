using System.ComponentModel;
using Amqp.Cluster.Security;
using Etcdserverpb;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Etcd;

/// <summary>
/// The member of etcd that runs on this node, as a child of the broker: started, started again when it ends, and gone when the broker is gone. A client or another member that wants to talk
/// to it has to be a node of the cluster by <see cref="ClusterCertificates"/>.
/// </summary>
public sealed partial class EtcdServer(EtcdServerOptions options, ClusterCertificates certificates, TimeProvider time, ILogger<EtcdServer> logger) : IAsyncDisposable
{
    /// <summary>Before it is started again: at once if it ends for the first time, then with more and more patience.</summary>
    private static readonly int[] PausesMs = [0, 500, 1_000, 2_000, 5_000, 10_000];

    /// <summary>One that ran for so long was well, and its next end counts as the first.</summary>
    private static readonly TimeSpan Well = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan LookAtItsLog = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan PatienceToEnd = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PauseBetweenQuestions = TimeSpan.FromMilliseconds(50);

    private readonly EtcdLog _log = new(options.LogFile);
    private readonly CancellationTokenSource _ending = new();
    private readonly TaskCompletionSource _removed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _supervising = Task.CompletedTask;

    /// <summary>How to talk to it.</summary>
    public EtcdOptions ClientOptions => new() { Endpoints = [options.Endpoint], Certificate = certificates.Node, Authorities = certificates.Authorities };

    /// <summary>Completes when it has heard that the others have removed it. It is not started again after that.</summary>
    public Task Removed => _removed.Task;

    /// <summary>Starts it, and waits until it answers: until it has found a majority of the members, if they are many. Called once.</summary>
    /// <exception cref="OperationCanceledException">It did not answer until that was cancelled; the message has the last lines of its log. It goes on trying until this is disposed.</exception>
    /// <exception cref="IOException">Its folder cannot be used.</exception>
    public async Task Start(CancellationToken cancellation)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(options.Folder);
        else Directory.CreateDirectory(options.Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        certificates.WriteFiles(options.CertificatesFolder);
        var began = time.GetTimestamp();
        _supervising = Supervise();
        using var client = new EtcdClient(ClientOptions, time);
        try
        {
            while (!await Answers(client, cancellation)) await Task.Delay(PauseBetweenQuestions, time, cancellation);
        }
        catch (OperationCanceledException exception)
        {
            var message = $"etcd does not answer on {options.Endpoint} after {time.GetElapsedTime(began).TotalSeconds:F0} s. {_log.Explain(code: 0)} Its log {options.LogFile} ends with:\n{_log.Tail()}";
            throw new OperationCanceledException(message, exception, cancellation);
        }
        LogAnswers(options.Self.Name, (long)time.GetElapsedTime(began).TotalMilliseconds);
    }

    /// <summary>Ends it: it is asked to, and killed after five seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _supervising;
        _ending.Dispose();
    }

    private static async Task<bool> Answers(EtcdClient client, CancellationToken cancellation)
    {
        try
        {
            await client.Once((channel, call) => new Maintenance.MaintenanceClient(channel).StatusAsync(new StatusRequest(), call).ResponseAsync, cancellation);
            return true;
        }
        catch (RpcException)
        {
            cancellation.ThrowIfCancellationRequested();
            return false;
        }
    }

    private async Task Supervise()
    {
        var ends = 0;
        while (!_ending.IsCancellationRequested)
        {
            var began = time.GetTimestamp();
            var what = await RunOnce();
            if (_ending.IsCancellationRequested) return;
            if (_log.TellsRemoval)
            {
                LogRemoved(options.Self.Name, options.LogFile);
                _removed.TrySetResult();
                return;
            }
            var ran = time.GetElapsedTime(began);
            if (ran > Well) ends = 0;
            var pauseMs = PausesMs[Math.Min(ends++, PausesMs.Length - 1)];
            LogEnded(options.Self.Name, what, ran.TotalSeconds, ends, pauseMs, options.LogFile, _log.Tail());
            await Task.Delay(TimeSpan.FromMilliseconds(pauseMs), time, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <returns>How it ended, and why.</returns>
    private async Task<string> RunOnce()
    {
        try
        {
            _log.Begin();
            using var process = EtcdProcess.Start(options.Program, options.Arguments(), options.LogFile);
            var code = await ToItsEnd(process);
            return $"has ended with code {code}. {_log.Explain(code)}";
        }
        catch (Exception exception) when (exception is Win32Exception or IOException or UnauthorizedAccessException)
        {
            return $"cannot be started: {exception.Message}";
        }
    }

    private async Task<int> ToItsEnd(EtcdProcess process)
    {
        var ended = process.Ended();
        while (!ended.IsCompleted && !_ending.IsCancellationRequested)
        {
            await ((Task)ended).WaitAsync(LookAtItsLog, time, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _log.Cut();
        }
        if (!ended.IsCompleted)
        {
            process.AskToEnd();
            await ((Task)ended).WaitAsync(PatienceToEnd, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            process.Kill();
        }
        return await ended;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "etcd of {Name} answers, {Ms} ms after it was started")]
    private partial void LogAnswers(string name, long ms);

    [LoggerMessage(Level = LogLevel.Error, Message = "etcd of {Name} has ended. The other nodes have removed this one from the cluster. It is not started again ({LogFile})")]
    private partial void LogRemoved(string name, string logFile);

    [LoggerMessage(Level = LogLevel.Error, Message = "etcd of {Name} {What} It ran for {Seconds:F1} s; this is end {Ends} in a row, and it is started again in {PauseMs} ms. "
        + "Until it answers this node can change nothing that the cluster shares, and when most nodes are like that, no node can. {LogFile} ends with:\n{Tail}")]
    private partial void LogEnded(string name, string what, double seconds, int ends, int pauseMs, string logFile, string tail);
}
