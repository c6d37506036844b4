using Amqp.Failover.Tests.Load;

namespace Amqp.Failover.Tests;

/// <summary>The checker finds what is planted.</summary>
public sealed class HistoryCheckerTests
{
    private History _history = new();

    [SetUp]
    public void Publish()
    {
        _history = new History();
        for (var number = 1; number <= 3; number++) _history.Add(What.Published, Of(number));
        for (var number = 1; number <= 3; number++) _history.Add(What.Confirmed, Of(number));
    }

    [Test]
    public void What_came_once_and_in_order_is_right()
    {
        foreach (var number in (int[])[1, 2, 3]) Come(number);
        var verdict = HistoryChecker.Check(_history.Events);
        Assert.Multiple(() =>
        {
            Assert.That(verdict.Lost, Is.Empty);
            Assert.That(verdict.Impossible, Is.Empty);
            Assert.That(verdict.OutOfOrder, Is.Empty);
            Assert.That((verdict.Duplicates, verdict.AckedAgain.Count, verdict.Confirmed), Is.EqualTo((0, 0, 3)));
        });
    }

    [Test]
    public void A_confirmed_message_that_never_came_is_lost()
    {
        Come(1);
        Come(3);
        Assert.That(HistoryChecker.Check(_history.Events).Lost, Is.EqualTo(new[] { Of(2) }));
    }

    [Test]
    public void A_message_that_came_and_was_not_acknowledged_has_to_come_again()
    {
        Come(1);
        _history.Add(What.Delivered, Of(2), session: 1);
        Come(3);
        Assert.That(HistoryChecker.Check(_history.Events).Lost, Is.EqualTo(new[] { Of(2) }));
    }

    [Test]
    public void A_message_that_was_never_published_is_impossible()
    {
        Come(4);
        Assert.That(HistoryChecker.Check(_history.Events).Impossible, Is.EqualTo(new[] { Of(4), Of(4) }), "its delivery and its acknowledgement");
    }

    [Test]
    public void A_message_behind_a_later_one_is_out_of_order()
    {
        foreach (var number in (int[])[2, 1, 3]) Come(number);
        Assert.That(HistoryChecker.Check(_history.Events).OutOfOrder, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_message_that_was_sent_again_may_come_anywhere()
    {
        _history.Add(What.Published, Of(1));
        foreach (var number in (int[])[2, 3, 1]) Come(number);
        Assert.That(HistoryChecker.Check(_history.Events).OutOfOrder, Is.Empty);
    }

    [Test]
    public void A_message_that_comes_twice_is_counted_by_its_flag()
    {
        foreach (var number in (int[])[1, 2, 3, 3]) Come(number);
        Come(2, redelivered: true);
        var verdict = HistoryChecker.Check(_history.Events);
        Assert.That((verdict.Duplicates, verdict.Redelivered, verdict.AckedAgain.Count), Is.EqualTo((1, 1, 2)));
    }

    [Test]
    public void A_message_that_was_sent_again_may_come_twice()
    {
        _history.Add(What.Published, Of(2));
        foreach (var number in (int[])[1, 2, 3, 2]) Come(number);
        var verdict = HistoryChecker.Check(_history.Events);
        Assert.That((verdict.Doubled, verdict.Duplicates, verdict.AckedAgain.Count), Is.EqualTo((1, 0, 0)));
    }

    private static MessageKey Of(int number) => new(1, number);

    private void Come(int number, bool redelivered = false)
    {
        _history.Add(What.Delivered, Of(number), session: 1, redelivered);
        _history.Add(What.Acked, Of(number), session: 1);
    }
}
