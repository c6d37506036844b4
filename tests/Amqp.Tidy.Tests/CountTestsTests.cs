using System.Diagnostics;

namespace Amqp.Tidy.Tests;

/// <summary>The script behind the last line of <c>make test</c>: whatever it miscounts goes unseen.</summary>
public class CountTestsTests
{
    private const string Passed = """<UnitTestResult testName="a" outcome="Passed">""";
    private const string Failed = """<UnitTestResult testName="b" outcome="Failed">""";
    private const string Skipped = """<UnitTestResult testName="c" outcome="NotExecuted">""";
    private const string Completed = """<ResultSummary outcome="Completed">""";
    private const string BrokenOff = """<ResultSummary outcome="Failed">""";

    private DirectoryInfo _results = null!;

    [SetUp]
    public void Create() => _results = Directory.CreateTempSubdirectory("amqp-count-tests-");

    [TearDown]
    public void Delete() => _results.Delete(recursive: true);

    [Test]
    public async Task Results_of_all_files_are_added_up()
    {
        Write("a.trx", Passed, Passed, Skipped, Completed);
        Write("sub/b.trx", Passed, Completed);
        Assert.That(await Count(), Is.EqualTo((0, "3 passed, 0 failed, 1 skipped")));
    }

    [Test]
    public async Task A_failed_test_fails_the_run()
    {
        Write("a.trx", Passed, Failed, BrokenOff);
        Write("b.trx", Passed, Completed);
        Assert.That(await Count(), Is.EqualTo((1, "2 passed, 1 failed, 0 skipped")));
    }

    [Test]
    public async Task A_run_that_broke_off_counts_as_a_failure()
    {
        Write("a.trx", Passed, BrokenOff);
        Write("b.trx", Passed, Completed);
        Assert.That(await Count(), Is.EqualTo((1, "2 passed, 1 failed, 0 skipped")));
    }

    [Test]
    public async Task A_run_without_tests_fails()
    {
        Write("a.trx", Skipped, Completed);
        Assert.That(await Count(), Is.EqualTo((1, "0 passed, 0 failed, 1 skipped")));
    }

    [Test]
    public async Task A_run_without_results_fails() => Assert.That(await Count(), Is.EqualTo((1, "0 passed, 0 failed, 0 skipped")));

    private void Write(string name, params string[] lines)
    {
        var path = Path.Combine(_results.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllLines(path, lines);
    }

    private async Task<(int ExitCode, string LastLine)> Count()
    {
        var start = new ProcessStartInfo(Path.Combine(Repository.Root, "tools/scripts/count-tests.sh"), [_results.FullName])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output.TrimEnd('\n').Split('\n')[^1]);
    }
}
