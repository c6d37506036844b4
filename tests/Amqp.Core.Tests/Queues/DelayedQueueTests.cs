using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Core.Tests.Queues;

/// <summary>The queue of an exchange in which messages wait.</summary>
public class DelayedQueueTests
{
    [Test]
    public void Messages_leave_when_they_are_due_and_in_that_order()
    {
        var story = Delays();
        story.PublishDelayed(("late", 300), ("early", 100), ("also early", 100));
        Assert.That((story.State.DelayedCount, story.State.ReadyCount, story.State.NextDue), Is.EqualTo((3, 0, (long?)(story.Now + 100))));
        story.Now += 99;
        story.State.ReleaseDue(story.Now);
        Assert.That(story.DeadLetters(), Is.Empty);
        story.Now += 1;
        story.State.ReleaseDue(story.Now);
        Assert.That(story.DeadLetters(), Is.EqualTo("early: also early:"));
        story.Now += 200;
        story.State.ReleaseDue(story.Now);
        Assert.That(story.DeadLetters(), Is.EqualTo("late:"));
        Assert.That((story.State.DelayedCount, story.State.UnackedCount, story.State.NextDue), Is.EqualTo((0, 3, (long?)null)), "in transit");
        story.Arrive();
        Assert.That(story.State.UnackedCount, Is.Zero);
    }

    [Test]
    public void They_are_stored_transient_or_not_and_gone_when_they_have_arrived()
    {
        var story = Delays(durable: true);
        story.PublishDelayed(("m", 100));
        Assert.That(story.Records(), Is.EqualTo("+0:m"));
        story.Now += 100;
        story.State.ReleaseDue(story.Now);
        Assert.That((story.DeadLetters(), story.Records()), Is.EqualTo(("m:", "")));
        story.Arrive();
        Assert.That(story.Records(), Is.EqualTo("-0"));
    }

    [Test]
    public void They_wait_on_over_a_restart_and_those_that_were_due_meanwhile_leave()
    {
        var story = Delays(durable: true);
        story.PublishDelayed(("late", 300), ("early", 100));
        story.Write();
        var again = new QueueStory(durable: true, settings: QueueSettings.OfDelays, store: story.Store) { Now = story.Now };
        again.State.Restore(new RecoveredQueue(2, story.Store.Messages.Values.Select(record => new RecoveredMessage(record.Position, 200, 72, record.Attributes, Redelivered: false))), again.Now);
        again.Now += 150;
        again.State.ReleaseDue(again.Now);
        Assert.That((again.DeadLetters(), again.State.DelayedCount), Is.EqualTo(("early:", 1)));
        again.Now += 150;
        again.State.ReleaseDue(again.Now);
        Assert.That(again.DeadLetters(), Is.EqualTo("late:"));
    }

    [Test]
    public void One_can_be_taken_out_as_long_as_it_waits()
    {
        var story = Delays(durable: true);
        story.PublishDelayed(("m", 100), ("n", 100));
        Assert.That((story.State.Cancel(0), story.State.Cancel(0), story.State.Cancel(7)), Is.EqualTo((true, false, false)));
        Assert.That(story.Records(), Is.EqualTo("+0:m +1:n -0"));
        story.Now += 100;
        story.State.ReleaseDue(story.Now);
        Assert.That((story.DeadLetters(), story.State.Cancel(1)), Is.EqualTo(("n:", false)));
    }

    [Test]
    public void What_is_taken_out_again_and_again_is_not_remembered_until_it_would_be_due()
    {
        var story = Delays();
        story.PublishDelayed(("stays", 1_000));
        for (var round = 1; round <= 5_000; round++)
        {
            story.PublishDelayed(("goes", 500));
            Assert.That(story.State.Cancel(round), Is.True);
        }
        Assert.That((story.State.NextDue, story.State.DelayedCount), Is.EqualTo(((long?)story.Now + 500, 1)).Or.EqualTo(((long?)story.Now + 1_000, 1)));
        story.Now += 1_000;
        story.State.ReleaseDue(story.Now);
        Assert.That(story.DeadLetters(), Is.EqualTo("stays:"));
    }

    [Test]
    public void Very_many_that_are_due_at_once_leave_in_their_order()
    {
        const int Many = 100_000;
        var story = Delays();
        for (var number = 0; number < Many; number++) story.PublishDelayed(($"{number}", 10 + (number % 7)));
        story.Now += 20;
        var arrived = new List<string>();
        while (story.State.UnackedCount > 0)
        {
            story.State.ReleaseDue(story.Now);
            arrived.AddRange(story.DeadLetters().Split(' ', StringSplitOptions.RemoveEmptyEntries));
            story.Arrive();
        }
        Assert.That(arrived, Is.EqualTo(Enumerable.Range(0, Many).OrderBy(number => number % 7).Select(number => $"{number}:")));
    }

    private static QueueStory Delays(bool durable = false) => new(durable: durable, settings: QueueSettings.OfDelays);
}
