using Amqp.Failover.Tests.Processes;
using Amqp.Testing;
using Amqp.Testing.Clusters;

namespace Amqp.Failover.Tests;

/// <summary>The demo of a failover, as it is run by hand.</summary>
[Ours, NonParallelizable]
public sealed class DemoTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    [Test]
    public async Task The_demo_of_a_failover_shows_what_it_says()
    {
        var program = Repository.PathOf("out", "amqpdemos");
        Assert.That(File.Exists(program), $"{program} is missing: run `make build`");
        var path = $"{Environment.GetEnvironmentVariable("PATH")}:{Path.GetDirectoryName(ClusterProcesses.NeedEtcd())}";
        var (code, text) = await Command.Run(program, ["failover"], Limit, environment: new Dictionary<string, string> { ["PATH"] = path });
        await TestContext.Out.WriteLineAsync(text);
        Assert.That(code, Is.Zero, text);
        Assert.That(text, Does.Match("confirmed, and never read[^0-9]+0[^0-9]+0 ").And.Contain("is down or inaccessible"));
    }
}
