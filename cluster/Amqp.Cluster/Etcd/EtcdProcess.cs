using System.Diagnostics;

namespace Amqp.Cluster.Etcd;

/// <summary>
/// One run of etcd, which ends when this process does, whatever ends that: a shell between the two reads from a pipe, and kills etcd when no process holds the other
/// end any more.
/// </summary>
internal sealed class EtcdProcess : IDisposable
{
    /// <summary>
    /// Runs "$2" and what follows, with its output in the file "$1". A line on standard input asks it to end, the end of standard input kills it. It is in a session of its own,
    /// and the shell ignores what would end it, so that Ctrl-C reaches only the broker, which ends them in order.
    /// </summary>
    internal const string Script = """
        exec 3<&0 </dev/null >>"$1" 2>&1
        shift
        if command -v setsid >/dev/null; then set -- setsid "$@"; fi
        "$@" 3<&- &
        child=$!
        trap '' HUP INT TERM
        { while read -r line; do kill -TERM $child; done; kill -KILL $child; } <&3 3<&- 2>/dev/null &
        watcher=$!
        exec 3<&-
        wait $child
        ended=$?
        kill -KILL $watcher 2>/dev/null
        exit $ended
        """;

    private readonly Process _shell;

    private EtcdProcess(Process shell) => _shell = shell;

    /// <exception cref="System.ComponentModel.Win32Exception">There is no shell, or no process can be started.</exception>
    public static EtcdProcess Start(string program, IEnumerable<string> arguments, string logFile)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", Script, "etcd of the broker", logFile, program, .. arguments]) { UseShellExecute = false, RedirectStandardInput = true };
        // etcd refuses to start if one of its flags stands in the environment too.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("ETCD_", StringComparison.Ordinal)).ToList()) start.Environment.Remove(name);
        return new EtcdProcess(Process.Start(start)!);
    }

    /// <summary>When it is gone: the code of its end, as a shell has it.</summary>
    public async Task<int> Ended()
    {
        await _shell.WaitForExitAsync();
        return _shell.ExitCode;
    }

    /// <summary>It hands over its leadership and ends.</summary>
    public void AskToEnd() => Quietly(() =>
    {
        _shell.StandardInput.WriteLine("end");
        _shell.StandardInput.Flush();
    });

    /// <summary>It ends now. Nothing is lost by that.</summary>
    public void Kill() => Quietly(_shell.StandardInput.Close);

    /// <summary>Kills it, if it is still there.</summary>
    public void Dispose()
    {
        Kill();
        _shell.Dispose();
    }

    private static void Quietly(Action tell)
    {
        try
        {
            tell();
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The shell is gone, and etcd with it.
        }
    }
}
