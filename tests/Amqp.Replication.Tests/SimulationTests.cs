using System.Globalization;
using Amqp.Replication.Tests.Simulation;

namespace Amqp.Replication.Tests;

/// <summary>Random runs of a cluster in which everything fails: see <see cref="SimCluster"/>.</summary>
[Parallelizable(ParallelScope.All)]
public class SimulationTests
{
    [Test]
    public void Nothing_confirmed_is_lost([Range(0, 19)] int hundred) => Run(first: (hundred * 100) + 1, count: 100);

    [Test]
    [Category("Long")]
    public void Nothing_confirmed_is_lost_in_very_many_runs([Range(0, 198)] int thousand) => Run(first: (thousand * 1_000) + 2_001, count: 1_000);

    /// <summary><c>make sim</c>.</summary>
    [Test]
    [Category("Long")]
    public void Nothing_confirmed_is_lost_in_the_runs_that_were_asked_for() => Run(Asked("SIM_SEED", 1), Asked("SIM_RUNS", 500));

    /// <summary>Planted bugs are found within so many seeds.</summary>
    [TestCase(Bug.AckBeforeFlush, 100)]
    [TestCase(Bug.ConfirmBeforeCompareAndSwap, 100)]
    [TestCase(Bug.MinimalSet, 100)]
    [TestCase(Bug.LeaderOutsideTheSet, 100)]
    [TestCase(Bug.EpochUsedTwice, 100)]
    [TestCase(Bug.SettleLostInReconciliation, 100)]
    [TestCase(Bug.ResendStoredTwice, 100)]
    [TestCase(Bug.ReconciliationKeepsSurplus, 100)]
    [TestCase(Bug.EmptyDiskIsAMember, 100)]
    [TestCase(Bug.RestartedLeadsWhileABetterOneLives, 100)]
    public void A_planted_bug_is_found(object bug, int seeds)
    {
        for (var seed = 1; seed <= seeds; seed++)
        {
            try
            {
                new SimCluster(seed, (Bug)bug).Run();
            }
            catch (AssertionException found)
            {
                if (found.Message.Contains("does not come to rest", StringComparison.Ordinal)) continue; // the planting itself may do that
                TestContext.Out.WriteLine($"| {bug} | {seed} | {found.Message.Split('\n')[0]}");
                return;
            }
        }
        Assert.Fail($"not found within {seeds} seeds");
    }

    private static void Run(int first, int count)
    {
        for (var seed = first; seed < first + count; seed++) new SimCluster(seed).Run();
    }

    private static int Asked(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var asked) ? asked : otherwise;
}
