using AMQP.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Flow;

/// <summary>The disk is looked at, the more often the less it has.</summary>
internal sealed class DiskWatchTests
{
    private const long Limit = 50_000_000;

    private readonly TestNode _node = new(new Limits { DiskFreeBytes = Limit });

    [Test]
    public void With_much_room_it_is_looked_at_every_ten_seconds_and_near_the_limit_ten_times_a_second()
    {
        Assert.That(AlarmAfter(10_000, free: Limit - 1), Is.True);
        Assert.That(ClearAfter(10_000, free: Limit), Is.True, "as much as the limit is enough");
        Assert.That(AlarmAfter(100, free: 0), Is.True);
        Assert.That(ClearAfter(10_000, free: Limit + 125_000_000), Is.True);
        // A fast disk fills 125 MB in half a second, and so is looked at after one.
        Assert.That(AlarmAfter(1_000, free: Limit - 1), Is.True);
    }

    [Test]
    public void A_system_that_does_not_say_raises_no_alarm_and_is_told_of_once()
    {
        _node.Resources.DiskFree = -1;
        for (var look = 0; look < 5; look++) _node.Time.Advance(10_000);
        Assert.That((_node.Broker.Status().DiskAlarm, _node.Broker.Status().DiskFreeBytes), Is.EqualTo((false, default(long?))));
        Assert.That(_node.Logs.Complaints, Has.One.Contains("Free disk space cannot be told"));
    }

    [Test]
    public async Task Publishers_are_told_what_runs_short_and_go_on_when_nothing_does()
    {
        var publisher = await Open();
        Assert.That(AlarmAfter(10_000, free: 0), Is.True);
        await publisher.Publish(1, "q", "one");
        Assert.That((await publisher.Expect<ConnectionBlocked>(0)).Reason, Is.EqualTo("low on disk"));
        _node.Broker.SetMemoryHighWatermark(Watermark.Absolute(0));
        var other = await Open();
        await other.Publish(1, "q", "two");
        Assert.That((await other.Expect<ConnectionBlocked>(0)).Reason, Is.EqualTo("low on memory & disk"));

        Assert.That(ClearAfter(10_000, free: Limit), Is.True);
        Assert.That(_node.Broker.Services.Alarms.AreOn, Is.True, "memory runs short still");
        _node.Broker.SetMemoryHighWatermark(Watermark.Relative(0.4));
        foreach (var client in (TestClient[])[publisher, other]) await client.Expect<ConnectionUnblocked>(0);
        await Eventually.That(() => publisher.ReadyCount(1, "q"), Is.EqualTo(2));
    }

    [Test]
    public void That_a_write_found_it_full_and_that_it_has_little_left_is_one_alarm()
    {
        var alarms = _node.Broker.Services.Alarms;
        AlarmAfter(10_000, free: 0);
        alarms.Set(Amqp.Broker.Flow.Shortage.DiskFull, isOn: true);
        ClearAfter(10_000, free: Limit);
        Assert.That((_node.Broker.Status().DiskAlarm, alarms.Reason), Is.EqualTo((true, "low on disk")));
        alarms.Set(Amqp.Broker.Flow.Shortage.DiskFull, isOn: false);
        Assert.That(_node.Broker.Status().DiskAlarm, Is.False);
        Assert.That(_node.Logs.Complaints.Where(line => line.Contains("Disk resource limit alarm", StringComparison.Ordinal)).Count(), Is.EqualTo(2), "set and cleared");
    }

    private bool AlarmAfter(int milliseconds, long free) => IsAlarm(milliseconds - 1, free) is false && IsAlarm(1, free);

    private bool ClearAfter(int milliseconds, long free) => IsAlarm(milliseconds - 1, free) && IsAlarm(1, free) is false;

    private bool IsAlarm(int milliseconds, long free)
    {
        _node.Resources.DiskFree = free;
        _node.Time.Advance(milliseconds);
        return _node.Broker.Status().DiskAlarm;
    }

    private async Task<TestClient> Open()
    {
        var client = _node.Dial();
        await client.Handshake(wantsBlocked: true);
        await client.OpenChannel(1);
        await client.Declare(1, "q");
        return client;
    }
}
