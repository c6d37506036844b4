using Amqp.Core.Metrics;

namespace Amqp.Core.Tests.Metrics;

/// <summary>RabbitMQ's formula: an average whose past counts half as much after a second.</summary>
internal sealed class ConsumerUseTests
{
    [Test]
    public void Consumers_that_always_can_are_used_to_the_full() => Assert.That(ConsumerUse.Beginning(nowMs: 50).At(nowMs: 10_000), Is.EqualTo(1));

    [Test]
    public void It_falls_by_half_in_a_second_in_which_they_cannot()
    {
        var held = ConsumerUse.Beginning(nowMs: 0).With(canTake: false, nowMs: 0);
        Assert.That((held.At(1_000), held.At(2_000)), Is.EqualTo((0.5, 0.25)));
    }

    [Test]
    public void It_comes_to_the_part_of_the_time_in_which_they_can()
    {
        var use = ConsumerUse.Beginning(nowMs: 0);
        for (var nowMs = 0; nowMs < 60_000; nowMs += 100) use = use.With(canTake: true, nowMs).With(canTake: false, nowMs + 25);
        Assert.That(use.At(60_000), Is.EqualTo(0.25).Within(0.01));
    }

    [Test]
    public void What_goes_on_is_no_change()
    {
        var use = ConsumerUse.Beginning(nowMs: 0).With(canTake: false, nowMs: 10);
        Assert.That(use.With(canTake: false, nowMs: 500), Is.EqualTo(use));
    }
}
