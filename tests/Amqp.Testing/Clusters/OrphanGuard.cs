using System.Diagnostics;

namespace Amqp.Testing.Clusters;

/// <summary>
/// Ends the brokers of this test run, and their networks, when the run itself is killed: a shell that waits for the end of a pipe, which only this process holds. Each broker ends its own
/// etcd in the same way, so that nothing is left behind.
/// </summary>
public static class OrphanGuard
{
    // Brokers are known by their data directory, which has the number of this test run in its name. A broker that was stopped by SIGSTOP can be killed too.
    private const string Script = """
        trap '' HUP INT TERM
        read -r line
        for process in /proc/[0-9]*; do
          if tr '\0' '\n' <"$process/cmdline" 2>/dev/null | grep -q -- "^--Storage:Directory=$1"; then kill -KILL "${process#/proc/}"; fi
        done
        rm -rf "$1"*
        for namespace in /run/netns/"$2"*; do
          if [ -e "$namespace" ]; then ip netns del "${namespace#/run/netns/}"; fi
        done
        """;

    private static readonly Lazy<Process> Shell = new(() => Watch(Path.Combine(Path.GetTempPath(), "amqp-tests", $"test{Environment.ProcessId}-"), NodeNetwork.NamesOfRun));

    /// <summary>Begins, if it has not begun.</summary>
    public static void Begin() => _ = Shell.Value;

    /// <summary>When the standard input of what it returns ends, brokers whose directory begins with that end too, and network namespaces whose names begin with that.</summary>
    public static Process Watch(string directories, string namespaces) =>
        Process.Start(new ProcessStartInfo("/bin/sh", ["-c", Script, "guard of a test run", directories, namespaces]) { UseShellExecute = false, RedirectStandardInput = true })!;
}
