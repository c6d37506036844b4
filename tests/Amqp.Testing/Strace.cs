using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Amqp.Testing;

/// <summary>A system call: between which lines of the record it ran, and what it was given. Both lines are the same unless others came between.</summary>
/// <param name="File">What its first argument, a descriptor, stands for.</param>
public sealed record SystemCall(string Name, string File, byte[] Data, int Began, int Ended, bool Succeeded)
{
    public override string ToString() => $"{Began}-{Ended} {Name} {File} {Data.Length} bytes{(Succeeded ? "" : ", failed")}";

    public bool Carries(ReadOnlySpan<byte> bytes) => Data.AsSpan().IndexOf(bytes) >= 0;
}

/// <summary>strace on a process that runs: which calls it makes to the system, in which order. Debian has it in the package of that name.</summary>
public sealed partial class Strace : IAsyncDisposable
{
    private const int SigInt = 2;
    private const string Calls = "pwrite64,pwritev,pwritev2,write,writev,fdatasync,fsync,sendto,sendmsg";
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly string _record = Path.Combine(Path.GetTempPath(), $"amqp-strace-{Guid.NewGuid():N}");
    private readonly TaskCompletionSource _attached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<string> _said = [];

    private Strace(int id, params string[] arguments)
    {
        arguments = [.. arguments, "-o", _record, "-p", id.ToString(CultureInfo.InvariantCulture)];
        _process = new Process { StartInfo = new ProcessStartInfo("strace", arguments) { UseShellExecute = false, RedirectStandardError = true } };
        _process.EnableRaisingEvents = true;
        _process.Exited += (_, _) => _attached.TrySetException(new InvalidOperationException("strace ended"));
        _process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is not { } text) return;
            lock (_said) _said.Add(text);
            if (text.Contains("attached", StringComparison.Ordinal)) _attached.TrySetResult();
        };
    }

    /// <summary>Returns when every thread of the process is watched; skips the test, with the reason, where that is not possible.</summary>
    // -xx: all strings in hexadecimal; -y: descriptors with their files; -s: enough of every string.
    public static Task<Strace> Attach(int processId) =>
        Begin(new Strace(processId, "-f", "-y", "-xx", "-s", "65536", "-e", $"trace={Calls}"));

    /// <summary>Lets every flush of a broker's messages take that much longer, until this is disposed of.</summary>
    public static Task<Strace> DelayFlushes(TestBroker broker, int milliseconds) => Delay("fdatasync", milliseconds, StoreThread(broker.ProcessId));

    /// <summary>Lets every such call of one thread take that much longer, until this is disposed of.</summary>
    private static Task<Strace> Delay(string call, int milliseconds, int threadId) => Begin(new Strace(
        threadId, "-e", $"trace={call}", "-e", string.Create(CultureInfo.InvariantCulture, $"inject={call}:delay_enter={1_000 * milliseconds}")));

    private static async Task<Strace> Begin(Strace strace)
    {
        try
        {
            strace._process.Start();
            strace._process.BeginErrorReadLine();
            await strace._attached.Task.WaitAsync(Within);
        }
        catch (Exception exception) when (exception is Win32Exception or InvalidOperationException)
        {
            Assert.Ignore($"strace cannot be used here (Debian's package strace): {exception.Message} {string.Join(' ', strace.Said())}");
        }
        return strace;
    }

    /// <summary>Lets the process go, and tells what was seen.</summary>
    public async Task<List<SystemCall>> Detach()
    {
        _ = Kill(_process.Id, SigInt);
        await _process.WaitForExitAsync().WaitAsync(Within);
        return Parse(await File.ReadAllLinesAsync(_record));
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _ = Kill(_process.Id, SigInt); // killed, it would leave the process stopped
            await _process.WaitForExitAsync().WaitAsync(Within);
        }
        _process.Dispose();
        File.Delete(_record);
    }

    /// <summary>
    /// Reads a record: <code>
    /// 71 pwrite64(45&lt;/data/x&gt;, "\x41"..., 1, 0) = 1
    /// 72 fdatasync(45&lt;/data/x&gt; &lt;unfinished ...&gt;
    /// 71 sendmsg(50&lt;socket:[7]&gt;, {msg_iov=[{iov_base="\x42", iov_len=1}]}, 0) = 1
    /// 72 &lt;... fdatasync resumed&gt;) = 0
    /// </code>
    /// </summary>
    public static List<SystemCall> Parse(IReadOnlyList<string> lines)
    {
        var calls = new List<SystemCall>();
        var open = new Dictionary<string, (string Text, int Began)>();
        for (var number = 0; number < lines.Count; number++)
        {
            if (Line().Match(lines[number]) is not { Success: true } line) continue;
            var (thread, text, began) = (line.Groups["thread"].Value, line.Groups["text"].Value, number);
            if (text.EndsWith("<unfinished ...>", StringComparison.Ordinal))
            {
                open[thread] = (text[..^"<unfinished ...>".Length], number);
                continue;
            }
            if (Resumed().Match(text) is { Success: true } resumed)
            {
                if (!open.Remove(thread, out var first)) continue;
                (text, began) = (first.Text + text[resumed.Length..], first.Began);
            }
            if (Call().Match(text) is not { Success: true } call) continue;
            calls.Add(new SystemCall(call.Groups["name"].Value, Hex(call.Groups["file"].Value), Data(text), began, number, Succeeded().IsMatch(text)));
        }
        return calls;
    }

    private static int StoreThread(int processId)
    {
        var task = Directory.GetDirectories($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/task")
            .Single(thread => File.ReadAllText(Path.Combine(thread, "comm")).Trim() == "store");
        return int.Parse(Path.GetFileName(task), CultureInfo.InvariantCulture);
    }

    private IReadOnlyList<string> Said()
    {
        lock (_said) return [.. _said];
    }

    private static byte[] Data(string text) => [.. Strings().Matches(text).SelectMany(match => Octets(match.Groups["octets"].Value))];

    private static IEnumerable<byte> Octets(string escaped) =>
        escaped.Split(@"\x", StringSplitOptions.RemoveEmptyEntries).Select(octet => byte.Parse(octet, NumberStyles.HexNumber, CultureInfo.InvariantCulture));

    /// <summary>Newer versions of strace write even the names of files in hexadecimal.</summary>
    private static string Hex(string name) =>
        name.StartsWith(@"\x", StringComparison.Ordinal) ? System.Text.Encoding.UTF8.GetString([.. Octets(name)]) : name;

    [GeneratedRegex(@"^(?<thread>\d+)\s+(?<text>.*)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Line();

    [GeneratedRegex(@"^<\.\.\. \w+ resumed>,? ?", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Resumed();

    [GeneratedRegex(@"^(?<name>\w+)\(\d+<(?<file>[^>]*)>", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Call();

    [GeneratedRegex("\"(?<octets>(\\\\x[0-9a-f]{2})*)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Strings();

    [GeneratedRegex(@"\)\s+= \d+$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Succeeded();

    [System.Runtime.InteropServices.DllImport("libc", EntryPoint = "kill")]
    [System.Runtime.InteropServices.DefaultDllImportSearchPaths(System.Runtime.InteropServices.DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
