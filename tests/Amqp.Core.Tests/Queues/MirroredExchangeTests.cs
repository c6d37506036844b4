using Amqp.Core.Queues;

namespace Amqp.Core.Tests.Queues;

/// <summary>Mirrors of the queues in which exchanges keep messages and keys.</summary>
public class MirroredExchangeTests
{
    [Test]
    public void Delayed_messages_leave_the_next_leader_when_they_are_due()
    {
        var leader = QueueStory.Mirrored(QueueSettings.OfDelays);
        leader.PublishDelayed(("late", 300), ("early", 100), ("cancelled", 100), ("earlier", 50));
        leader.State.Cancel(2);
        var mirror = new QueueStory(settings: QueueSettings.OfDelays) { Now = leader.Now + 150 };
        mirror.Replay(leader);
        Assert.That(mirror.DeadLetters(), Is.Empty);
        mirror.State.Lead(epoch: 1, mayHaveBeenHandedOut: true, mirror.Now);
        Assert.That(mirror.DeadLetters(), Is.EqualTo("earlier: early:"));
        mirror.State.Follow();
        Assert.That(mirror.State.DelayedCount, Is.EqualTo(3));
        Assert.That(mirror.Described().Select(message => message.Position), Is.EqualTo((long[])[0, 1, 3]));
        mirror.Arrive();
        mirror.Now += 150;
        mirror.State.Lead(epoch: 2, mayHaveBeenHandedOut: true, mirror.Now);
        Assert.That(mirror.DeadLetters(), Is.EqualTo("earlier: early: late:"));
    }

    [Test]
    public void The_next_leader_of_an_exchange_remembers_keys_and_goes_on_with_what_was_on_its_way()
    {
        var settings = new QueueSettings { Role = QueueRole.Deduplication, MaxPriority = 1 };
        var leader = QueueStory.Mirrored(settings);
        leader.PublishKeyed("m1", "a");
        leader.DeadLetters();
        leader.Arrive();
        leader.PublishKeyed("m2", "b");
        leader.PublishKeyed("m3", "b");
        Assert.That(leader.DeadLetters(), Is.EqualTo("m2:"));
        leader.PublishKeyed("m4", "c");
        var mirror = new QueueStory(settings: settings);
        mirror.Replay(leader);
        Assert.That(mirror.DeadLetters(), Is.Empty);
        mirror.State.Lead(epoch: 1, mayHaveBeenHandedOut: true, mirror.Now);
        mirror.PublishKeyed("m5", "a");
        Assert.That(mirror.DeadLetters(), Is.EqualTo("m2: m4:"));
        mirror.State.Follow();
        Assert.That(mirror.DeadLetters(), Is.Empty);
        mirror.State.Lead(epoch: 2, mayHaveBeenHandedOut: true, mirror.Now);
        Assert.That(mirror.DeadLetters(), Is.EqualTo("m2: m4:"), "each key passes again, since its message may not have arrived");
    }

    [Test]
    public void An_exchange_that_is_mirrored_from_now_on_sends_nothing_twice()
    {
        var queue = QueueStory.Mirrored(new QueueSettings { Role = QueueRole.Deduplication, MaxPriority = 1 });
        queue.PublishKeyed("m", "a");
        Assert.That(queue.DeadLetters(), Is.EqualTo("m:"));
        queue.State.Lead(epoch: 1, mayHaveBeenHandedOut: false, queue.Now);
        Assert.That(queue.DeadLetters(), Is.Empty);
    }

    /// <summary>Messages that wait in exchanges, with mirrors that join, follow and lead: none is lost, and the next leader sends what this one would.</summary>
    [Test]
    public void At_random_the_mirror_of_an_exchange_has_what_waits([Values(QueueRole.Delays, QueueRole.Deduplication)] QueueRole role, [Range(1, 50)] int seed)
    {
        var random = new Random(seed);
        var leader = QueueStory.Mirrored(new QueueSettings { Role = role, MaxPriority = (byte)(role == QueueRole.Deduplication ? 1 : 0), MessageTtlMs = 100 }, durable: true);
        var mirror = new StoryMirror(leader, random, isMemoryTight: seed % 2 == 0);
        for (var step = 0; step < 300; step++)
        {
            switch (random.Next(7))
            {
                case < 2: leader.PublishDelayed(($"{step}", random.Next(100))); break;
                case 2: leader.PublishKeyed($"{step}", $"{random.Next(20)}", persistent: random.Next(2) == 0); break;
                case 3: leader.State.Cancel(random.NextInt64(leader.State.End + 1)); break;
                case 4: leader.Now += random.Next(20); break;
                case 5: leader.Arrive(random.Next(5)); break;
                case 6: leader.Write(); break;
            }
            if (seed % 2 == 0) leader.Evict(keptBytes: 0);
            leader.State.ReleaseDue(leader.Now);
            leader.DeadLetters();
            mirror.Follow(leader.TakeStream());
            if (random.Next(50) == 0) mirror = new StoryMirror(leader, random, isMemoryTight: seed % 2 == 0);
        }
        var next = mirror.Lead();
        Assert.That(SendAll(next), Is.SupersetOf(SendAll(leader)));
        Assert.That((next.State.UnackedCount, leader.State.UnackedCount), Is.EqualTo((0, 0)));
    }

    private static string[] SendAll(QueueStory queue)
    {
        queue.Write();
        var letters = queue.DeadLetters();
        queue.Now += 100;
        queue.Arrive();
        queue.State.ReleaseDue(queue.Now);
        letters += " " + queue.DeadLetters();
        queue.Arrive();
        return letters.Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }
}
