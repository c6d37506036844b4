using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Amqp.Demos;

/// <summary>A <see cref="Worker"/> seen from outside: what it told about its orders until it ended or was killed.</summary>
internal sealed class WorkerProcess
{
    public List<int> Received { get; } = [];
    public List<int> Redelivered { get; } = [];
    public List<int> Charged { get; } = [];
    public List<int> Done { get; } = [];

    /// <summary>Runs a worker until it has nothing left to do.</summary>
    /// <param name="broker">Where it finds its queue.</param>
    /// <param name="queue">The queue of its orders.</param>
    /// <param name="prefetch">How many unacknowledged orders it takes at a time; null for automatic acknowledgement.</param>
    /// <param name="killAt">The order at which it is killed, between its charge and its end; null lets it finish.</param>
    /// <param name="cancel">Kills it as well.</param>
    public static async Task<WorkerProcess> Run(IPEndPoint broker, string queue, ushort? prefetch, int? killAt, CancellationToken cancel)
    {
        using var process = Process.Start(StartInfo(Worker.Arguments(broker, queue, prefetch))) ?? throw new DemoException("The consumer's process could not be started.");
        try
        {
            var worker = new WorkerProcess();
            while (await process.StandardOutput.ReadLineAsync(cancel) is { } line)
            {
                worker.Note(line);
                if (killAt is { } order && worker.Charged.Contains(order)) process.Kill(); // SIGKILL: it can say no farewell
            }
            await process.WaitForExitAsync(cancel);
            if (killAt is null && process.ExitCode != 0) throw new DemoException($"The consumer's process failed with exit code {process.ExitCode}.");
            return worker;
        }
        finally
        {
            process.Kill();
        }
    }

    private static ProcessStartInfo StartInfo(string[] arguments)
    {
        var program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardInput = true };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet") start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "amqpdemos.dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        return start;
    }

    private void Note(string line)
    {
        if (line.Split(' ') is not [var what, var number] || !int.TryParse(number, CultureInfo.InvariantCulture, out var order)) return;
        switch (what)
        {
            case "received":
                Received.Add(order);
                break;
            case "redelivered":
                Received.Add(order);
                Redelivered.Add(order);
                break;
            case "charged":
                Charged.Add(order);
                break;
            case "done":
                Done.Add(order);
                break;
        }
    }
}
