using Amqp.Cluster.Operations;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Tests.Operations;

public class ReportCodecTests
{
    private static readonly LeaderReport Full = new()
    {
        Queue = new QueueId(1L << 40),
        Epoch = 7,
        HasCrashed = true,
        Figures = new QueueFigures(1, 2, 3, 4, 5, 6, 7, 8, 9, Head: null, 10),
        HeadTimestamp = ulong.MaxValue,
        Consumers = 11,
        ConsumerCapacity = 0.25,
        ExclusiveConsumer = new ConsumerId(new ConnectionId("n2", 3, 4), 5, "tag"),
        SingleActiveConsumer = new ConsumerId(new ConnectionId("n1", 1, 2), 3, ""),
        MessagesRead = 12,
        MessagesWritten = 13,
        Reading = new Reading([new(Measure.Published, 100, 2.5), new(Measure.Acknowledged, 1, 0)]),
        Mirrors = new MirrorProgressList([new("n3", IsComplete: false, 14, 15, 16)]),
    };

    private static readonly NodeCard Card = new(1_796_034_318, IsDrained: true, "{}"u8.ToArray());

    [Test]
    public void What_was_written_is_read()
    {
        var empty = new LeaderReport { Queue = new QueueId(2) };
        var read = ReportCodec.Read(ReportCodec.Write(Card, [Full, empty]))!;
        Assert.That(read.Reports, Is.EqualTo(new[] { Full, empty }));
        Assert.That((read.Card.StartedAt, read.Card.IsDrained, read.Card.Json.ToArray()), Is.EqualTo((Card.StartedAt, true, "{}"u8.ToArray())));
    }

    [Test]
    public void What_is_cut_off_is_not_understood()
    {
        var whole = ReportCodec.Write(Card, [Full]);
        for (var length = 0; length < whole.Length; length++) Assert.That(ReportCodec.Read(whole[..length]), Is.Null, $"{length} bytes");
    }

    [Test]
    public void Another_version_is_not_understood()
    {
        var bytes = ReportCodec.Write(Card, []);
        bytes[0]++;
        Assert.That(ReportCodec.Read(bytes), Is.Null);
    }
}
