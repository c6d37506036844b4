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
        var again = Restarted(story);
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
    public void Their_bodies_are_on_the_disk_only_when_memory_is_tight()
    {
        var story = Delays(durable: true);
        for (var number = 0; number < 100; number++) story.PublishDelayed(($"{number}", 1_000));
        story.Write();
        story.Evict(keptBytes: 1_000);
        Assert.That((story.State.AbsentCount, story.State.DelayedCount), Is.EqualTo((100, 100)));
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

    /// <summary>Whatever is published, taken out, evicted and restarted in between: each message leaves when it is due and not before, and again only if the
    /// restart came before it had arrived.</summary>
    [Test]
    public void At_random_every_message_leaves_once_it_is_due([Range(1, 100)] int seed)
    {
        var random = new Random(seed);
        var story = Delays(durable: true);
        var waiting = new SortedSet<(long Due, int Number)>();
        var inTransit = new HashSet<int>();
        var positions = new Dictionary<int, long>();
        for (var (step, number) = (0, 0); step < 500 || waiting.Count + inTransit.Count > 0; step++)
        {
            Assert.That(step, Is.LessThan(5_000), "it goes on");
            switch (step < 500 ? random.Next(9) : 8)
            {
                case < 4:
                    var due = story.Now + random.Next(100);
                    positions[number] = story.State.End;
                    waiting.Add((due, number));
                    story.PublishDelayed(($"{number++}", due - story.Now));
                    break;
                case 4 when waiting.Count > 0:
                    var cancelled = waiting.ElementAt(random.Next(waiting.Count));
                    waiting.Remove(cancelled);
                    Assert.That(story.State.Cancel(positions[cancelled.Number]), Is.True);
                    break;
                case 5:
                    story.Write();
                    story.Evict(keptBytes: 0);
                    break;
                case 6:
                    inTransit.Clear();
                    story.Arrive();
                    break;
                case 7 when random.Next(5) == 0:
                    story.Write();
                    waiting.UnionWith(inTransit.Select(each => (0L, each)));
                    inTransit.Clear();
                    story = Restarted(story);
                    break;
                case 8:
                    story.Now += random.Next(20);
                    break;
            }
            story.State.ReleaseDue(story.Now);
            var left = story.DeadLetters().Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(name => int.Parse(name.TrimEnd(':'), System.Globalization.CultureInfo.InvariantCulture)).ToArray();
            var expected = waiting.TakeWhile(each => each.Due <= story.Now).ToArray();
            Assert.That(left, Is.EquivalentTo(expected.Select(each => each.Number)));
            waiting.ExceptWith(expected);
            inTransit.UnionWith(left);
            if (step >= 500)
            {
                inTransit.Clear();
                story.Arrive();
            }
            Assert.That((story.State.DelayedCount, story.State.UnackedCount, story.State.ReadyCount), Is.EqualTo((waiting.Count, waiting.Count + inTransit.Count, 0)));
        }
        Assert.That(story.Store.Messages, Is.Empty);
    }

    private static QueueStory Restarted(QueueStory before)
    {
        var again = new QueueStory(durable: true, settings: QueueSettings.OfDelays, store: before.Store) { Now = before.Now };
        again.State.Restore(
            new RecoveredQueue(before.State.End, before.Store.Messages.Values.Select(record => new RecoveredMessage(record.Position, 200, 72, record.Attributes, Redelivered: false))), again.Now);
        return again;
    }

    private static QueueStory Delays(bool durable = false) => new(durable: durable, settings: QueueSettings.OfDelays);
}
