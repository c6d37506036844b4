using System.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Cluster.Links;
using Amqp.Cluster.Tests.Etcd;

namespace Amqp.Cluster.Tests.Links;

/// <summary>What operators are told of a node that is away.</summary>
public class AbsenceReportTests
{
    [Test]
    public void It_is_told_once_then_more_and_more_rarely_and_when_the_node_is_back()
    {
        var (time, log) = (new ManualTime(), new LogLines());
        var report = new AbsenceReport("rabbit@two", new IPEndPoint(IPAddress.Loopback, 1), time, log);
        report.Connected();
        for (var second = 0; second < 600; second++)
        {
            report.Failed("Connection refused");
            time.Advance(milliseconds: 1_000);
        }
        Assert.That(log.All, Has.Count.EqualTo(4), "at once, and after 1, 3 and 7 minutes");
        Assert.That(log.All[0], Does.Contain("rabbit@two at 127.0.0.1:1 cannot be reached: Connection refused"));
        Assert.That(log.All[^1], Does.Contain("for 7 minutes now"));
        report.Connected();
        report.Connected();
        Assert.That(log.All.Skip(4), Is.EqualTo(new[] { "Node rabbit@two is reached again, after 600 s" }));
    }
}
