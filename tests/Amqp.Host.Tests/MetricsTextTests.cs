using System.Text;
using Amqp.Management.Prometheus;

namespace Amqp.Host.Tests;

/// <summary>Labels of metrics, for programs that want them apart.</summary>
internal sealed class MetricsTextTests
{
    [Test]
    public void Labels_that_were_written_are_read_again()
    {
        var text = MetricsText.LabelsOf(("vhost", "/"), ("queue", "a \"b\" \\ c,d=\n}"), ("empty", ""), ("word", "nn\\n"));
        Assert.That(Encoding.UTF8.GetString(text), Is.EqualTo("""{vhost="/",queue="a \"b\" \\ c,d=\n}",empty="",word="nn\\n"}"""));
        Assert.That(
            MetricsText.PairsOf(text).Select(pair => (pair.Key, (string?)pair.Value)),
            Is.EqualTo(new[] { ("vhost", "/"), ("queue", "a \"b\" \\ c,d=\n}"), ("empty", ""), ("word", "nn\\n") }));
    }

    [Test]
    public void None_are_none() => Assert.That((MetricsText.PairsOf([]), MetricsText.PairsOf(MetricsText.LabelsOf())), Is.EqualTo((Array.Empty<KeyValuePair<string, object?>>(), Array.Empty<KeyValuePair<string, object?>>())));
}
