using Amqp.Failover.Tests.Processes;
using Amqp.Testing;
using Amqp.Testing.Clusters;

namespace Amqp.Failover.Tests;

/// <summary>The procedure of <c>cluster/rolling-restart.md</c>, command by command as it stands there, under load.</summary>
[Ours, NonParallelizable]
public sealed class RollingRestartTests : FailoverFixture
{
    private const int Some = 500;

    [Test]
    public async Task Nothing_is_lost_when_each_node_is_restarted_as_it_is_written()
    {
        var (each, atTheEnd) = Procedure();
        var load = await BeginLoad("n1", Mirrored, "n1", "n2", "n3");
        await load.MoreConfirms(Some);
        foreach (var node in Cluster.Nodes)
        {
            foreach (var command in each) await Do(node, command);
            await load.MoreConfirms(Some);
        }
        foreach (var command in atTheEnd) await Do(Cluster["n1"], command);
        await Judge(load, copies: 3);
    }

    [Test]
    public async Task A_node_that_others_cannot_do_without_says_so()
    {
        const string Check = "rabbitmq-diagnostics check_if_node_is_mirror_sync_critical";
        var load = await BeginLoad("n1", Mirrored);
        await load.MoreConfirms(Some);
        await Eventually.That(async () => (await Cluster["n2"].Run(Check)).ExitCode, Is.Zero, ToRecover);
        await Cluster["n3"].Stop();
        // One of two that are left: the other one leads it, and alone would have to refuse publishes.
        await Eventually.That(
            async () => (await Cluster["n2"].Run(Check)).Text,
            Does.Contain($"queue '{Queue}' in vhost '/' would refuse publishes if node n2@127.0.0.1 is stopped: 1 synchronised replicas would be left, fewer than its ha-min-in-sync"),
            ToRecover);
        var (code, text) = await Cluster["n2"].Run("rabbitmq-upgrade await_online_synchronized_mirror -t 10");
        Assert.That((code, text), Is.EqualTo((69, text)).And.Matches<(int, string Text)>(result => result.Text.Contains("no synchronised mirror came online", StringComparison.Ordinal)));
        await Cluster["n3"].Start();
        await Eventually.That(async () => (await Cluster["n2"].Run(Check)).ExitCode, Is.Zero, ToRecover);
        await Judge(load, copies: 3);
    }

    private static async Task Do(ClusterNode node, string command)
    {
        switch (command)
        {
            case "systemctl stop amqpd":
                await node.Stop();
                break;
            case "systemctl start amqpd":
                await node.Start();
                break;
            default:
                var (code, text) = await node.Run(command);
                await TestContext.Out.WriteLineAsync($"{node.Name}: {command}\n{text}");
                Assert.That(code, Is.Zero, $"{node.Name}: {command}: {text}");
                break;
        }
    }

    /// <summary>The commands of the page: for each node, and after the last one.</summary>
    private static (string[] Each, string[] AtTheEnd) Procedure()
    {
        var blocks = File.ReadAllText(Repository.PathOf("cluster", "rolling-restart.md")).Split("```sh\n")[1..].Select(block => block[..block.IndexOf("```", StringComparison.Ordinal)]);
        string[][] commands = [.. blocks.Select(block => block.Split('\n').Where(line => line.Length > 0 && line[0] != '#').ToArray())];
        Assert.That(commands, Has.Length.EqualTo(2));
        return (commands[0], commands[1]);
    }
}
