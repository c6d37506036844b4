using AMQP.Net;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Topology;

/// <summary>A change shares all but a few nodes with what was there before, so its cost grows with the logarithm of the size.</summary>
public class BindCostTests
{
    private const int Few = 100;
    private const int Many = 100_000;
    private const int Measured = 100;

    [TestCase("direct")]
    [TestCase("fanout")]
    [TestCase("topic")]
    [TestCase("headers")]
    public void A_bind_among_many_bindings_costs_little_more_than_among_few(string type)
    {
        var (few, many) = (BytesPerBind(type, Few), BytesPerBind(type, Many));
        TestContext.Out.WriteLine($"{few} bytes a bind at {Few}, {many} at {Many}");
        Assert.That(many, Is.LessThan(few * 5));
    }

    private static long BytesPerBind(string type, int bindings)
    {
        var story = new TopologyStory().Exchange("x", type);
        for (var i = 0; i < bindings + Measured; i++) story.Queue($"q{i}");
        for (var i = 0; i < bindings; i++) Bind(i);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = bindings; i < bindings + Measured; i++) Bind(i);
        return (GC.GetAllocatedBytesForCurrentThread() - before) / Measured;

        void Bind(int i) => story.Apply(new Bind(TopologyStory.Vhost, TopologyStory.Binding("x", $"q{i}", $"k{i}.*", FieldTable.Empty)));
    }
}
