using Amqp.Broker.Tests.Nodes;

namespace Amqp.Broker.Tests.Flow;

/// <summary>When memory is given back to the system.</summary>
internal sealed class HeapReleaseTests
{
    private const long Peak = 800_000_000;

    private readonly TestNode _node = new();

    private IReadOnlyList<string> Collections => _node.Resources.Collections;

    [Test]
    public void After_a_large_backlog_is_drained_and_clients_are_quiet()
    {
        Fill(Peak);
        Pass(seconds: 20);
        Fill(-Peak);
        Pass(seconds: 2);
        Assert.That(Collections, Is.Empty);
        Pass(seconds: 1);
        Assert.That(Collections, Is.EqualTo((string[])["sweep"]));
        Pass(seconds: 2);
        Assert.That(Collections, Is.EqualTo((string[])["sweep", "compact"]));
        Pass(seconds: 100);
        Assert.That(Collections, Has.Count.EqualTo(2), "once");
        Assert.That(_node.Logs.Lines, Has.Some.Contains("messages took 800000000 bytes at most and take 0 now"));

        Fill(Peak);
        Pass(seconds: 1);
        Fill(-Peak);
        Pass(seconds: 5);
        Assert.That(Collections, Has.Count.EqualTo(4), "and again after the next one");
    }

    [Test]
    public void Not_while_there_is_traffic()
    {
        Fill(Peak);
        Pass(seconds: 1);
        Fill(-Peak);
        Pass(seconds: 60, reports: 20);
        Assert.That(Collections, Is.Empty);
        Pass(seconds: 4);
        Pass(seconds: 10, reports: 20);
        Assert.That(Collections, Is.EqualTo((string[])["sweep"]), "which stops no client");
        Pass(seconds: 6, reports: 10);
        Assert.That(Collections, Is.EqualTo((string[])["sweep", "sweep", "compact"]));
    }

    [TestCase(60_000_000, 0, Description = "too little to bother")]
    [TestCase(Peak, 200_000_000, Description = "a quarter is still there, and would take long to compact")]
    public void Not_when_it_is_not_worth_it(long peak, long left)
    {
        Fill(peak);
        Pass(seconds: 1);
        Fill(left - peak);
        Pass(seconds: 60);
        Assert.That(Collections, Is.Empty);
    }

    private void Fill(long bytes) => _node.Broker.Services.Memory.Add(bytes);

    private void Pass(int seconds, int reports = 0)
    {
        for (var second = 0; second < seconds; second++)
        {
            for (var report = 0; report < reports; report++) Fill(0);
            _node.Time.Advance(1_000);
        }
    }
}
