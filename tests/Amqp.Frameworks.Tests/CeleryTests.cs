using Amqp.Testing;

namespace Amqp.Frameworks.Tests;

/// <summary>Celery, in Python: runs <c>tests/celery/program.py</c> with Debian's python3-celery.</summary>
[Same]
public sealed class CeleryTests : BrokerFixture
{
    /// <summary>Debian's; another one would not find its packages.</summary>
    private const string Python = "/usr/bin/python3";

    [OneTimeSetUp]
    public async Task IsInstalled()
    {
        if (!File.Exists(Python)) Assert.Ignore($"{Python} is missing");
        var found = await Command.Run(Python, ["-c", "import celery"], Patience.Start);
        if (found.ExitCode != 0) Assert.Ignore("python3-celery is missing: apt-get install python3-celery");
    }

    [Test]
    public async Task An_application_of_Celery_works()
    {
        var result = await Command.Run(
            Python, ["program.py"], TimeSpan.FromMinutes(2), Repository.PathOf("tests", "celery"),
            new()
            {
                ["AMQP_URL"] = $"amqp://guest:guest@{Broker.Address}:{Broker.Port}//",
                ["CELERY_QUEUE"] = Name("tasks"),
                ["PYTHONDONTWRITEBYTECODE"] = "1",
            });
        Assert.That(result.ExitCode, Is.Zero, result.Text);
        Assert.That(result.Text, Does.Contain("task 101 behind 100 that are due later: 5").And.Contain("a task that fails twice: 2").And.Contain("a chord: 90").And.Contain("done"));
    }
}
