using System.Globalization;
using System.Text.RegularExpressions;
using Amqp.Failover.Tests.Load;
using Amqp.Failover.Tests.Processes;
using Amqp.Testing;
using Amqp.Testing.Clusters;
using NUnit.Framework.Interfaces;

namespace Amqp.Failover.Tests;

/// <summary>Base of tests that do harm to a cluster of three nodes. All tests of a fixture use one cluster, which is begun anew after a test that failed.</summary>
public abstract partial class FailoverFixture
{
    private const string SeedVariable = "AMQP_TEST_SEED";

    /// <summary>A fault takes the time of a lease at most, and a restart of a node that of its recovery; a busy machine takes many times as long.</summary>
    private protected static readonly TimeSpan ToRecover = TimeSpan.FromMinutes(4);

    private static int _names;
    private ClusterProcesses? _cluster;
    private RecordsOfQueues? _records;
    private readonly List<ConfirmedLoad> _loads = [];

    private protected ClusterProcesses Cluster => _cluster ?? throw new InvalidOperationException("no cluster runs");

    /// <summary>Who has which mirrored queue.</summary>
    private protected RecordsOfQueues Records => _records ?? throw new InvalidOperationException("no cluster runs");

    private protected int Seed { get; private set; }

    /// <summary>All mirrors, of which two at least have what is confirmed.</summary>
    private protected static object Mirrored { get; } = new Dictionary<string, object> { ["ha-mode"] = "all", ["ha-min-in-sync"] = 2, ["ha-sync-mode"] = "automatic" };

    /// <summary>Mirrors on these nodes only.</summary>
    private protected object On(params string[] nodes) => new Dictionary<string, object>
    {
        ["ha-mode"] = "nodes",
        ["ha-params"] = nodes.Select(node => Cluster[node].FullName).ToArray(),
        ["ha-sync-mode"] = "automatic",
    };

    /// <summary>The queue of this test.</summary>
    private protected string Queue { get; private set; } = "";

    [SetUp]
    public async Task StartCluster()
    {
        Seed = int.TryParse(Environment.GetEnvironmentVariable(SeedVariable), CultureInfo.InvariantCulture, out var set) ? set : Random.Shared.Next();
        await TestContext.Out.WriteLineAsync($"{SeedVariable}={Seed}");
        _cluster ??= await StartProcesses();
        _records ??= new RecordsOfQueues(_cluster);
        Queue = string.Create(CultureInfo.InvariantCulture, $"queue{Interlocked.Increment(ref _names)}");
    }

    /// <summary>Nodes on one host, unless a fixture needs others.</summary>
    private protected virtual Task<ClusterProcesses> StartProcesses() => ClusterProcesses.Start();

    [TearDown]
    public async Task EndTest()
    {
        var logs = Repository.PathOf("tests", "results", "failover", NotWord().Replace(TestContext.CurrentContext.Test.Name, "-"));
        Directory.CreateDirectory(logs);
        var hasFailed = TestContext.CurrentContext.Result.Outcome.Status == TestStatus.Failed;
        foreach (var load in _loads)
        {
            if (hasFailed)
            {
                load.History.Save(Path.Combine(logs, $"{load.Queue}.csv"));
                await TestContext.Out.WriteLineAsync(string.Join('\n', load.Troubles.TakeLast(40)));
            }
            await load.DisposeAsync();
        }
        _loads.Clear();
        if (_cluster is null) return;
        _cluster.SaveLogs(logs);
        string[] defects = [.. _cluster.Nodes.SelectMany(node => DefectsOf(node))];
        if (hasFailed || defects.Length > 0)
        {
            foreach (var node in _cluster.Nodes) await TestContext.Out.WriteLineAsync($"--- {node.Name}, all of it in {logs}\n{string.Join('\n', node.Broker.Log.Lines.TakeLast(40))}");
            await TestContext.Out.WriteLineAsync(await Standing());
            await EndCluster();
        }
        Assert.That(defects, Is.Empty, "what nodes logged of defects");
    }

    [OneTimeTearDown]
    public async Task EndCluster()
    {
        _records?.Dispose();
        _records = null;
        var cluster = _cluster;
        _cluster = null;
        if (cluster is not null) await cluster.DisposeAsync();
    }

    /// <summary>Load at all nodes on this test's queue, which has its home at a node.</summary>
    /// <param name="policy">Of the queue; null: it is not mirrored.</param>
    private protected async Task<ConfirmedLoad> BeginLoad(string home, object? policy, params string[] consumersAt)
    {
        if (policy is not null) await Cluster.SetPolicy(Queue, policy);
        var load = await ConfirmedLoad.Begin(Cluster, Cluster[home], Queue, Seed, [.. consumersAt.Select(name => Cluster[name])]);
        _loads.Add(load);
        if (policy is not null)
        {
            await InSync(Cluster.Nodes.Count);
            Assert.That((await LeaderOf(Queue)).Name, Is.EqualTo(home), "it leads where it was declared");
        }
        return load;
    }

    /// <summary>How often a node has doubted its lease.</summary>
    private protected static int Doubts(ClusterNode node) => node.Broker.Log.Lines.Count(line => line.Contains("was not renewed for", StringComparison.Ordinal));

    private protected async Task<ClusterNode> LeaderOf(string queue) => Cluster[(await Records.Of(await Cluster.NumberOf(queue))).Leader.Node];

    /// <summary>Waits until so many copies are in sync, by the record that decides it.</summary>
    private protected async Task InSync(int copies)
    {
        var number = await Cluster.NumberOf(Queue);
        await Eventually.That(
            async () => (await Records.Find(number))?.InSync.Length ?? 0, Is.EqualTo(copies), ToRecover, $"copies of {Queue} in sync");
    }

    /// <summary>Waits until so many copies are in sync, and have the same messages at the same positions. Nothing may be published or settled meanwhile.</summary>
    private protected async Task<CopyState> AllTheSame(int copies)
    {
        await InSync(copies);
        CopyState[] states = [];
        await Eventually.That(
            async () => states = [.. (await Task.WhenAll(Cluster.Nodes.Where(node => node.IsUp).Select(node => node.CopyOf(Queue)))).OfType<CopyState>()],
            Has.Length.EqualTo(copies).And.Matches<CopyState[]>(all => all!.Distinct().Count() == 1),
            ToRecover,
            $"what the copies of {Queue} have");
        return states[0];
    }

    /// <summary>
    /// Ends the load, waits until all copies are in sync and have the same messages, drains the queue and judges: nothing confirmed is lost, nothing is there that was never
    /// published, and the order is right.
    /// </summary>
    /// <param name="copies">That there are to be.</param>
    private protected async Task<Verdict> Judge(ConfirmedLoad load, int copies, int stay = 300)
    {
        await load.End(stay);
        return await JudgeAtRest(load, copies, stay);
    }

    /// <summary>The same when the load has ended already.</summary>
    private protected async Task<Verdict> JudgeAtRest(ConfirmedLoad load, int copies, int stay = 0)
    {
        if (copies > 1) Assert.That((await AllTheSame(copies)).Messages, Is.GreaterThanOrEqualTo(stay), "messages that stay in the queue");
        var verdict = await load.Drain();
        await TestContext.Out.WriteLineAsync(verdict.ToString());
        await Record(verdict.ToString());
        string[] crashed = [.. (await Task.WhenAll(Cluster.Nodes.Select(node => node.Crashed()))).SelectMany(queues => queues)];
        Assert.Multiple(() =>
        {
            Assert.That(verdict.Lost, Is.Empty, $"confirmed and lost; {verdict}");
            Assert.That(verdict.Impossible, Is.Empty, $"never published; {verdict}");
            Assert.That(verdict.OutOfOrder, Is.Empty, $"out of order; {verdict}");
            Assert.That(crashed, Is.Empty);
        });
        return verdict;
    }

    /// <summary>A line for the table of results.</summary>
    private protected async Task Record(string what)
    {
        var results = Repository.PathOf("tests", "results");
        Directory.CreateDirectory(results);
        await File.AppendAllTextAsync(
            Path.Combine(results, "failover.md"), string.Create(CultureInfo.InvariantCulture, $"| {DateTime.UtcNow:yyyy-MM-dd HH:mm} | {TestContext.CurrentContext.Test.Name} | {Seed} | {what} |\n"));
    }

    /// <summary>Who has the queue of a test that fails, and how many messages each of them.</summary>
    private async Task<string> Standing()
    {
        try
        {
            var record = await Records.Find(await Cluster.NumberOf(Queue));
            var up = Cluster.Nodes.Where(node => node.IsUp).ToList();
            var counts = await Task.WhenAll(up.Select(async node => $"{node.Name}: {await node.CopyOf(Queue)}"));
            return $"{Queue}: {record}; copies {string.Join(", ", counts)}";
        }
        catch (Exception exception)
        {
            return $"{Queue}: nothing can be said, {exception.Message}";
        }
    }

    private static IEnumerable<string> DefectsOf(ClusterNode node) =>
        node.Broker.Log.TakeTrouble().Where(line => Defect().IsMatch(line)).Select(line => $"{node.Name}: {line}");

    [GeneratedRegex(@"crit: |report this|because of a defect|Unhandled exception", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Defect();

    [GeneratedRegex("[^A-Za-z0-9_]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NotWord();
}
