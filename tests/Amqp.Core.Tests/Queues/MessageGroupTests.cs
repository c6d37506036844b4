using Amqp.Core.Queues;

namespace Amqp.Core.Tests.Queues;

/// <summary>x-message-groups and x-dispatch: which consumer gets which message.</summary>
public class MessageGroupTests
{
    [Test]
    public void A_group_stays_with_its_consumer_and_groups_are_spread()
    {
        var queue = Grouped();
        queue.Consume("x", prefetch: 9);
        queue.Consume("y", prefetch: 9);
        queue.PublishGrouped("a1", "b1", "a2", "a3", "b2", "c1", "a4", "c2");
        Assert.That(queue.Deliveries(), Is.EqualTo("x:a1 y:b1 x:a2 x:a3 y:b2 x:c1 x:a4 x:c2"));
    }

    [Test]
    public void Others_pass_a_message_whose_consumer_can_take_no_more()
    {
        var queue = Grouped();
        var x = queue.Consume("x", prefetch: 1);
        var y = queue.Consume("y", prefetch: 1);
        queue.PublishGrouped("a1", "a2", "a3", "b1", "a4", "b2");
        Assert.That((queue.Deliveries(), queue.State.ReadyCount, queue.State.UnackedCount), Is.EqualTo(("x:a1 y:b1", 4, 2)));
        queue.Ack(y, "b1");
        Assert.That(queue.Deliveries(), Is.EqualTo("y:b2"));
        queue.Ack(x, "a1");
        queue.Ack(x, "a2");
        queue.PublishGrouped("a5");
        queue.Ack(x, "a3");
        queue.Ack(x, "a4");
        Assert.That(queue.Deliveries(), Is.EqualTo("x:a2 x:a3 x:a4 x:a5"));
    }

    [Test]
    public void The_groups_of_a_consumer_that_goes_are_handed_over_in_order()
    {
        var queue = Grouped();
        var x = queue.Consume("x", prefetch: 2);
        var y = queue.Consume("y", prefetch: 9);
        queue.PublishGrouped("a1", "b1", "a2", "a3", "a4");
        Assert.That(queue.Deliveries(), Is.EqualTo("x:a1 y:b1 x:a2"));
        queue.Release(x);
        Assert.That(queue.Deliveries(), Is.EqualTo("y:a1! y:a2! y:a3 y:a4"));
        queue.Ack(y, "b1");
    }

    [Test]
    public void Messages_that_come_back_go_to_the_same_consumer()
    {
        var queue = Grouped();
        var x = queue.Consume("x", prefetch: 1);
        queue.Consume("y", prefetch: 1);
        queue.PublishGrouped("a1", "a2");
        queue.Requeue(x, "a1");
        Assert.That(queue.Deliveries(), Is.EqualTo("x:a1 x:a1!"));
    }

    [Test]
    public void A_new_consumer_gets_its_share_of_groups_at_rest()
    {
        var queue = Grouped();
        var x = queue.Consume("x", prefetch: 9);
        queue.PublishGrouped("a1", "b1");
        queue.Ack(x, "b1");
        queue.Consume("y", prefetch: 9);
        queue.PublishGrouped("a2", "b2", "c1", "b3");
        Assert.That(queue.Deliveries(), Is.EqualTo("x:a1 x:b1 x:a2 x:b2 y:c1 x:b3").Or.EqualTo("x:a1 x:b1 x:a2 y:b2 x:c1 y:b3"));
    }

    [Test]
    public void Messages_without_a_group_go_to_anyone()
    {
        var queue = Grouped();
        queue.Consume("x", prefetch: 1);
        queue.Consume("y", prefetch: 9);
        queue.PublishGrouped("a1", "a2");
        queue.Publish("n", "m");
        Assert.That(queue.Deliveries(), Is.EqualTo("x:a1 y:n y:m"));
    }

    [Test]
    public void What_is_set_aside_counts_as_ready_and_goes_with_a_purge_or_beyond_the_length()
    {
        var queue = new QueueStory(settings: new QueueSettings { MessageGroups = true, LengthMax = 3 });
        queue.Consume("x", prefetch: 1);
        queue.Consume("y", prefetch: 2);
        queue.PublishGrouped("a1", "a2", "a3", "b1", "a4", "a5");
        Assert.That((queue.Deliveries(), queue.State.ReadyCount), Is.EqualTo(("x:a1 y:b1", 3)));
        Assert.That((queue.State.Purge(), queue.State.ReadyCount, queue.State.UnackedCount), Is.EqualTo((3, 0, 2)));
    }

    [Test]
    public void With_one_active_consumer_it_has_all_groups()
    {
        var queue = new QueueStory(settings: new QueueSettings { MessageGroups = true, SingleActiveConsumer = true });
        var x = queue.Consume("x", prefetch: 1);
        queue.Consume("y", prefetch: 1);
        queue.PublishGrouped("a1", "b1");
        Assert.That(queue.Deliveries(), Is.EqualTo("x:a1"));
        queue.Ack(x, "a1");
        Assert.That(queue.Deliveries(), Is.EqualTo("x:b1"));
        queue.Release(x);
        Assert.That(queue.Deliveries(), Is.EqualTo("y:b1!"));
    }

    [Test]
    public void What_expires_when_it_is_its_turn_again_holds_up_none_of_its_group()
    {
        var queue = new QueueStory(settings: new QueueSettings { MessageGroups = true, MessageTtlMs = 100 });
        var x = queue.Consume("x", prefetch: 1);
        queue.PublishGrouped("a1", "a2");
        queue.Now += 50;
        queue.PublishGrouped("a3");
        Assert.That(queue.Deliveries(), Is.EqualTo("x:a1"));
        queue.Now += 60;
        queue.Ack(x, "a1");
        Assert.That(queue.Deliveries(), Is.EqualTo("x:a3"));
    }

    [Test]
    public void Groups_that_are_no_more_are_forgotten()
    {
        var queue = Grouped();
        var x = queue.Consume("x", autoAck: true);
        var before = queue.State.MemoryBytes;
        for (var number = 0; number < 300_000; number++)
            queue.State.Publish(QueueStory.NewMessage("m").WithHeader("x-group-id", AMQP.Net.FieldValue.From(number)), queue.Now);
        Assert.That(queue.State.MemoryBytes - before, Is.LessThan(8_000_000));
        queue.Release(x);
    }

    [Test]
    public void Least_loaded_is_who_holds_the_fewest()
    {
        var queue = new QueueStory(settings: new QueueSettings { DispatchesToLeastLoaded = true });
        var x = queue.Consume("x", prefetch: 9);
        queue.Consume("y", prefetch: 9);
        queue.Publish("1", "2", "3", "4");
        Assert.That(queue.Deliveries(), Is.EqualTo("x:1 y:2 x:3 y:4"));
        queue.Ack(x, "1", "3");
        queue.Publish("5", "6", "7", "8");
        Assert.That(queue.Deliveries(), Is.EqualTo("x:5 x:6 x:7 y:8").Or.EqualTo("x:5 x:6 y:7 x:8"));
    }

    /// <summary>Whatever consumers do: no group is with two of them at a time, within it no message is handed out for the first time before an older one, and
    /// every message is acknowledged in the end; also when bodies are evicted and read back all the time.</summary>
    [Test]
    public void Random_consumers_keep_groups_together_and_in_order([Range(1, 40)] int seed, [Values] bool isMemoryTight)
    {
        var random = new Random(seed);
        var queue = new QueueStory(durable: true, settings: new QueueSettings { MessageGroups = true });
        var held = new Dictionary<StoryConsumer, List<string>>();
        var (lastOf, left) = (new Dictionary<char, int>(), new HashSet<string>());
        for (var step = 0; step < 400 || left.Count > 0; step++)
        {
            var isOver = step >= 400;
            var choice = random.Next(10);
            if (held.Count == 0 || (!isOver && choice == 0 && held.Count < 5)) held.Add(queue.Consume($"c{step}", prefetch: random.Next(1, 4)), []);
            else if (!isOver && choice < 4)
            {
                var name = $"{(char)('a' + random.Next(6))}{step}";
                queue.PublishGrouped(persistent: true, name);
                left.Add(name);
            }
            else if (!isOver && choice == 4 && held.Count > 1)
            {
                var gone = held.Keys.ElementAt(random.Next(held.Count));
                held.Remove(gone);
                queue.Release(gone);
            }
            else if (held.Where(each => each.Value.Count > 0).ToArray() is { Length: > 0 } busy)
            {
                var (consumer, names) = busy[random.Next(busy.Length)];
                var name = names[random.Next(names.Count)];
                names.Remove(name);
                if (!isOver && choice == 5) queue.Requeue(consumer, name);
                else
                {
                    left.Remove(name);
                    queue.Ack(consumer, name);
                }
            }
            if (isMemoryTight)
            {
                queue.Write();
                queue.Evict(keptBytes: 0);
                queue.Load(windowBytes: 1_000);
                var figures = queue.State.Figures();
                Assert.That(figures is { ReadyInMemory: >= 0, UnackedInMemory: >= 0 } && figures.ReadyInMemory + figures.UnackedInMemory + queue.State.AbsentCount == figures.Ready + figures.Unacked);
            }
            foreach (var delivery in queue.Deliveries().Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                var (tag, name) = (delivery.Split(':')[0], delivery.Split(':')[1].TrimEnd('!'));
                var (consumer, names) = held.Single(each => each.Key.Tag == tag);
                names.Add(name);
                Assert.That(held.Where(other => other.Key != consumer).SelectMany(other => other.Value).Where(other => other[0] == name[0]), Is.Empty, $"{name} is beside others of its group");
                if (delivery.EndsWith('!')) continue;
                var number = int.Parse(name[1..], System.Globalization.CultureInfo.InvariantCulture);
                Assert.That(number, Is.GreaterThan(lastOf.GetValueOrDefault(name[0], -1)));
                lastOf[name[0]] = number;
            }
            Assert.That(step, Is.LessThan(5_000), "it goes on");
        }
        Assert.That((queue.State.ReadyCount, queue.State.UnackedCount), Is.EqualTo((0, 0)));
    }

    private static QueueStory Grouped() => new(settings: new QueueSettings { MessageGroups = true });
}
