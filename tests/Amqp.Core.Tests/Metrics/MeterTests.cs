using Amqp.Core.Metrics;

namespace Amqp.Core.Tests.Metrics;

/// <summary>Rates, by what was counted in passes that a test makes.</summary>
internal sealed class MeterTests
{
    private const long Seconds = 1_000;
    private const long Minutes = 60 * Seconds;
    private const long Hours = 60 * Minutes;

    private readonly SampleClock _clock = new();
    private readonly long[] _values = new long[Counters.Size];
    private readonly long[] _changes = new long[Counters.Size];
    private long _now = 1_000_000;

    [SetUp]
    public void Begin() => _clock.Begin(_now);

    [Test]
    public void The_rate_is_that_of_the_last_interval()
    {
        var meter = new Meter(_clock);
        Pass(meter, published: 100);
        Assert.That((meter[Measure.Published], meter.Rate(Measure.Published)), Is.EqualTo((100, 20)));
        Pass(meter, published: 0);
        Assert.That((meter[Measure.Published], meter.Rate(Measure.Published)), Is.EqualTo((100, 0)));
        Pass(meter, published: 10, intervalMs: 10 * Seconds);
        Assert.That(meter.Rate(Measure.Published), Is.EqualTo(1), "a pass that came late is no burst");
        Assert.That(meter.Rate(Measure.Acknowledged), Is.Zero);
    }

    [Test]
    public void It_is_idle_since_it_did_something_or_came_to_life()
    {
        var meter = new Meter(_clock);
        Assert.That(meter.IdleSinceMs, Is.Null);
        Pass(meter, published: 0);
        var born = _now - SampleClock.IntervalMs;
        Assert.That(meter.IdleSinceMs, Is.EqualTo(born));
        Pass(meter, published: 0);
        Assert.That(meter.IdleSinceMs, Is.EqualTo(born));
        Pass(meter, published: 1);
        Assert.That(meter.IdleSinceMs, Is.Null);
        var active = _now;
        Pass(meter, published: 0);
        Pass(meter, published: 0);
        Assert.That(meter.IdleSinceMs, Is.EqualTo(active));
    }

    [Test]
    public void What_is_not_sampled_did_nothing()
    {
        var meter = new Meter(_clock);
        Pass(meter, published: 100, keepsHistory: false);
        _clock.Begin(_now += SampleClock.IntervalMs);
        Assert.That(meter.Rate(Measure.Published), Is.EqualTo(20), "its turn may still come");
        _clock.End();
        Assert.That((meter[Measure.Published], meter.Rate(Measure.Published)), Is.EqualTo((100, 0)));
    }

    [Test]
    public void What_was_never_active_costs_nothing_and_has_no_rates()
    {
        var meter = new Meter(_clock);
        Assert.That(Pass(meter, published: 0), Is.False);
        Assert.That((meter.HistoryBytes, meter.Rate(Measure.Published, 1 * Minutes)), Is.EqualTo((0, default(double?))));
    }

    [TestCase(5 * Seconds)]
    [TestCase(1 * Minutes)]
    [TestCase(10 * Minutes)]
    [TestCase(1 * Hours)]
    [TestCase(8 * Hours)]
    [TestCase(24 * Hours)]
    public void A_steady_rate_is_the_same_over_every_window(long windowMs)
    {
        var meter = new Meter(_clock);
        for (var pass = 0; pass < 20_000; pass++) Pass(meter, published: 50);
        Assert.That(meter.Rate(Measure.Published, windowMs), Is.EqualTo(10).Within(1e-9));
    }

    [TestCase(1 * Minutes, 10 * Minutes)]
    [TestCase(10 * Minutes, 1 * Hours)]
    [TestCase(1 * Hours, 8 * Hours)]
    [TestCase(8 * Hours, 24 * Hours)]
    public void What_happened_in_a_window_counts_there_and_in_longer_ones(long windowMs, long longerMs)
    {
        var meter = new Meter(_clock);
        Pass(meter, published: 1);
        for (var pass = 0; pass < 20_000; pass++) Pass(meter, published: 0);
        Pass(meter, published: 36_000);
        for (var pass = 1; pass < windowMs / SampleClock.IntervalMs; pass++) Pass(meter, published: 0);
        Assert.That(meter.Rate(Measure.Published, windowMs), Is.EqualTo(36_000_000.0 / windowMs).Within(5).Percent);
        // The rows for longer windows are coarser: the event is let out when it is older than the window by one step of them at most.
        for (var pass = 0; pass < 400 && pass <= windowMs / SampleClock.IntervalMs; pass++) Pass(meter, published: 0);
        Assert.That(meter.Rate(Measure.Published, windowMs), Is.Zero);
        Assert.That(meter.Rate(Measure.Published, longerMs), Is.EqualTo(36_000_000.0 / longerMs).Within(10).Percent);
    }

    [Test]
    public void What_came_to_life_lately_has_a_rate_over_its_life()
    {
        var meter = new Meter(_clock);
        for (var pass = 0; pass < 1_000; pass++) Pass(meter, published: 0);
        for (var pass = 0; pass < 4; pass++) Pass(meter, published: 50);
        foreach (var window in new[] { 1 * Minutes, 10 * Minutes, 24 * Hours })
            Assert.That(meter.Rate(Measure.Published, window), Is.EqualTo(10).Within(1e-9));
    }

    [Test]
    public void A_measure_that_begins_later_was_at_its_first_value_before()
    {
        var meter = new Meter(_clock);
        for (var pass = 0; pass < 100; pass++) Pass(meter, published: 1);
        _values[(int)Measure.Acknowledged] = 600;
        Pass(meter, published: 1);
        Assert.That(meter.Rate(Measure.Acknowledged, 1 * Minutes), Is.EqualTo(10));
        Assert.That(meter.HistoryBytes, Is.LessThan(6_000), "the other measures cost nothing");
    }

    [Test]
    public void Without_leave_there_is_no_history_but_a_rate()
    {
        var meter = new Meter(_clock);
        Pass(meter, published: 100, keepsHistory: false);
        Assert.That((meter.Rate(Measure.Published), meter.Rate(Measure.Published, 1 * Minutes)), Is.EqualTo((20, default(double?))));
        Pass(meter, published: 100);
        Assert.That(meter.Rate(Measure.Published, 1 * Minutes), Is.EqualTo(20));
        meter.DropHistory();
        Assert.That(meter.Rate(Measure.Published, 1 * Minutes), Is.Null);
    }

    [Test]
    public void Heartbeats_begin_no_history()
    {
        var meter = new Meter(_clock);
        _values[(int)Measure.BytesReceived] = 8;
        Assert.That(Pass(meter, published: 0), Is.True, "the bytes count");
        Assert.That((meter.HistoryBytes, meter.ActiveInPass, meter.Rate(Measure.BytesReceived)), Is.EqualTo((0, 0, 1.6)));
    }

    [Test]
    public void Changes_are_told_from_one_pass_to_the_next()
    {
        var meter = new Meter(_clock);
        Assert.That(Pass(meter, published: 7), Is.True);
        Assert.That(_changes[(int)Measure.Published], Is.EqualTo(7));
        Assert.That(Pass(meter, published: 0), Is.False);
        Assert.That(_changes, Is.All.Zero);
    }

    private bool Pass(Meter meter, long published, long intervalMs = SampleClock.IntervalMs, bool keepsHistory = true)
    {
        _now += intervalMs;
        _clock.Begin(_now);
        _values[(int)Measure.Published] += published;
        var isActive = meter.Take(_values, _changes, keepsHistory);
        _clock.End();
        return isActive;
    }
}
