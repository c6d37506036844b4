using System.Diagnostics;
using System.Text;

namespace Amqp.Testing;

/// <summary>Runs a program to its end, with a deadline, and keeps what it printed on both streams.</summary>
public static class Command
{
    /// <summary>The program can be found.</summary>
    public static bool Exists(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(directory => File.Exists(Path.Combine(directory, program)));

    /// <summary>Where a program is that <c>make test</c> has unpacked if this machine has none.</summary>
    /// <param name="unpackedIn">Of tests/.tools.</param>
    /// <returns>Null: there is none.</returns>
    public static string? Find(string program, string unpackedIn)
    {
        string[] directories = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator), Repository.PathOf("tests", ".tools", unpackedIn, "usr", "bin")];
        return directories.Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists);
    }

    public static async Task<(int ExitCode, string Text)> Run(
        string program, IEnumerable<string> arguments, TimeSpan within,
        string? directory = null, Dictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = directory ?? Repository.Root,
        };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment ?? []) start.Environment[name] = value;

        var text = new StringBuilder();
        void Keep(object sender, DataReceivedEventArgs line)
        {
            lock (text) text.AppendLine(line.Data);
        }

        using var process = new Process { StartInfo = start };
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var deadline = new CancellationTokenSource(within);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            lock (text) Assert.Fail($"{program} did not end within {within.TotalSeconds} s:\n{text}");
        }
        lock (text) return (process.ExitCode, text.ToString());
    }
}
