using System.Diagnostics;
using Amqp.Testing;
using Amqp.Testing.Clusters;

namespace Amqp.Failover.Tests;

/// <summary>Nothing is left behind by a test run that is killed.</summary>
public sealed class OrphanGuardTests
{
    [Test]
    public async Task Processes_of_a_run_that_is_gone_are_ended_and_others_are_not()
    {
        var directories = Path.Combine(Path.GetTempPath(), $"amqp-guard-{Guid.NewGuid():N}-");
        using var own = Sleeper($"{directories}1");
        using var other = Sleeper(Path.Combine(Path.GetTempPath(), "amqp-guard-of-another"));
        try
        {
            using var guard = OrphanGuard.Watch(directories, namespaces: $"none-{Guid.NewGuid():N}");
            guard.StandardInput.Close();
            await own.WaitForExitAsync().WaitAsync(Patience.Stop);
            await guard.WaitForExitAsync().WaitAsync(Patience.Stop);
            Assert.That(other.HasExited, Is.False);
        }
        finally
        {
            own.Kill();
            other.Kill();
        }
    }

    /// <summary>Looks like a broker, as far as the guard can tell.</summary>
    private static Process Sleeper(string directory) =>
        Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "read -r line", "sleeper", $"--Storage:Directory={directory}"]) { UseShellExecute = false, RedirectStandardInput = true })!;
}
