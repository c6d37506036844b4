using AMQP.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Flow;

/// <summary>Watermarks that an operator sets while the node runs, and what it then says of itself.</summary>
internal sealed class WatermarkTests
{
    private const int MessageBytes = 10_000;

    private readonly TestNode _node = new(new Limits { MemoryBytes = 1_000_000, PageOutBytes = 250_000, DiskFreeBytes = 1_000 });

    private BrokerNode Broker => _node.Broker;

    [Test]
    public async Task A_memory_limit_below_what_is_used_blocks_publishers_at_once_and_one_above_it_lets_them_go_on()
    {
        const int large = 4_000_000;
        // Nothing is paged out, which would end the alarm before the publisher meets it.
        var node = new TestNode(new Limits { MemoryBytes = 1_000_000_000, PageOutBytes = 2_000_000_000 });
        var publisher = await Publish(20, node, large);
        var used = node.Broker.Status().MemoryUsedBytes;
        Assert.That(used, Is.InRange(20 * large, 21 * large));

        node.Broker.SetMemoryHighWatermark(Watermark.Absolute(used - 1));
        Assert.That(node.Broker.Status().MemoryAlarm, Is.True);
        await publisher.Publish(1, "q", "held back");
        Assert.That((await publisher.Expect<ConnectionBlocked>(0)).Reason, Is.EqualTo("low on memory"));

        // Less than a tenth above: what would keep an alarm on that a publisher has raised.
        node.Broker.SetMemoryHighWatermark(Watermark.Absolute(used + (large / 10)));
        Assert.That(node.Broker.Status().MemoryAlarm, Is.False);
        await publisher.Expect<ConnectionUnblocked>(0);
        await Eventually.That(() => publisher.ReadyCount(1, "q"), Is.EqualTo(21));
    }

    [TestCase(0)]
    [TestCase(0.0001)]
    [TestCase(0.0067)]
    public void A_limit_below_what_a_node_takes_without_messages_blocks_publishers_though_nothing_is_used(double share)
    {
        Broker.SetMemoryHighWatermark(Watermark.Relative(share));
        Assert.That(Broker.Status().MemoryAlarm, Is.True);
        Broker.SetMemoryHighWatermark(Watermark.Relative(0.5));
        Assert.That(Broker.Status().MemoryAlarm, Is.False);
    }

    [Test]
    public void Paging_follows_at_the_share_of_the_limit_that_was_configured()
    {
        Broker.SetMemoryHighWatermark(Watermark.Relative(0.4));
        var status = Broker.Status();
        Assert.That((status.MemoryLimitBytes, status.PageOutBytes), Is.EqualTo((4_000_000_000, 1_000_000_000)));
        Assert.That((status.MemoryHighWatermark.OfMemory, status.MemoryHighWatermark.Bytes), Is.EqualTo((0.4, default(long?))));

        Broker.SetMemoryHighWatermark(Watermark.Absolute(20_000_000_000));
        Assert.That(Broker.Status().MemoryLimitBytes, Is.EqualTo(10_000_000_000), "all there is");
        Broker.SetMemoryHighWatermark(Watermark.Absolute(100));
        Assert.That(Broker.Status().PageOutBytes, Is.EqualTo(1_048_576), "consumers are not to suffer from it");
        Assert.That(() => Broker.SetMemoryHighWatermark(Watermark.Relative(1.1)), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public async Task Queues_page_out_at_once_when_a_new_limit_makes_memory_tight()
    {
        var node = new TestNode(new Limits { MemoryBytes = 100_000_000, PageOutBytes = 25_000_000 });
        await Publish(200, node);
        Assert.That(node.Messages.PagesWritten, Is.Zero);
        node.Broker.SetMemoryHighWatermark(Watermark.Absolute(5_000_000));
        await Eventually.That(() => node.Messages.PagesWritten, Is.GreaterThan(0));
    }

    [Test]
    public void A_disk_limit_above_what_is_free_raises_the_alarm_at_once_and_one_below_clears_it()
    {
        _node.Resources.DiskFree = 5_000;
        Assert.That(Broker.Status().DiskAlarm, Is.False);
        Broker.SetDiskFreeLimit(Watermark.Absolute(5_001));
        var status = Broker.Status();
        Assert.That((status.DiskAlarm, status.DiskFreeBytes, status.DiskFreeLimitBytes), Is.EqualTo((true, (long?)5_000, 5_001L)));
        Broker.SetDiskFreeLimit(Watermark.Absolute(5_000));
        Assert.That(Broker.Status().DiskAlarm, Is.False, "as much as the limit is enough");
        Broker.SetDiskFreeLimit(Watermark.Relative(1.5));
        Assert.That((Broker.Status().DiskAlarm, Broker.Status().DiskFreeLimitBytes), Is.EqualTo((true, 15_000_000_000L)));
        Broker.SetDiskFreeLimit(Watermark.Absolute(0));
        Assert.That(Broker.Status().DiskAlarm, Is.False, "it is not watched");
        Assert.That(_node.Logs.Complaints, Has.Some.Contains("Free disk space is insufficient: 5000 bytes, and the limit is 5001").And.Some.Contains("Disk resource limit alarm cleared"));
    }

    [Test]
    public void The_node_says_how_it_is()
    {
        _node.Time.Advance(5_000);
        var status = Broker.Status();
        Assert.That(
            (status.UptimeMs, status.ResidentBytes, status.TotalMemoryBytes, status.OpenFiles, status.OpenFilesMax),
            Is.EqualTo((5_000, 123_456_789, 10_000_000_000, (int?)321, (long?)1_000)));
        Assert.That((status.MemoryHighWatermark.Bytes, status.PageOutBytes, status.DiskFreeLimit.Bytes), Is.EqualTo(((long?)1_000_000, 250_000, (long?)1_000)));
    }

    private async Task<TestClient> Publish(int messages, TestNode? node = null, int bytes = MessageBytes)
    {
        var publisher = (node ?? _node).Dial();
        await publisher.Handshake(wantsBlocked: true);
        await publisher.OpenChannel(1);
        await publisher.Declare(1, "q");
        for (var message = 0; message < messages; message++) await publisher.Publish(1, "q", new string('x', bytes));
        await publisher.ReadyCount(1, "q");
        return publisher;
    }
}
