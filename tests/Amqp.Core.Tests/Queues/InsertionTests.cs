using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Core.Tests.Queues;

/// <summary>
/// Messages that come to a queue at any position, as a mirror's do, against a sorted dictionary: in chunks that are there, in ones that were there, and before, between and
/// behind them; in the order of positions and against it.
/// </summary>
public class InsertionTests
{
    [Test]
    public void Whatever_comes_and_goes_at_whatever_position_is_there_in_order([Range(1, 200)] int seed)
    {
        var random = new Random(seed);
        var (queue, model) = (new QueueStory(), new SortedDictionary<long, string>());
        // From a few chunks, which fill up, to some thousand, nearly all of which have one message.
        var span = 200L << random.Next(12);
        for (var step = 0; step < 600; step++)
        {
            switch (random.Next(6))
            {
                case < 3:
                    Enqueue(random.NextInt64(span), count: 1);
                    break;
                case 3:
                    Enqueue(random.Next(2) == 0 ? queue.State.End + random.Next(200) : random.NextInt64(span), random.Next(100));
                    break;
                case 4:
                    Settle(random.NextInt64(span), random.Next(100));
                    break;
                case 5:
                    Settle(random.NextInt64(span), random.NextInt64(span / 4));
                    break;
            }
            Assert.That(queue.State.ReadyCount, Is.EqualTo(model.Count));
            var probe = random.NextInt64(span);
            Assert.That(queue.State.Contains(probe), Is.EqualTo(model.ContainsKey(probe)));
        }
        Assert.That(queue.Described().Select(message => (message.Position, QueueStory.NameOf(queue.State.MessageAt(message.Position)!))), Is.EqualTo(model.Select(each => (each.Key, each.Value))));
        queue.State.Lead(epoch: 0, mayHaveBeenHandedOut: false, queue.Now);
        queue.Publish("last");
        Assert.That(queue.GetAll(), Is.EqualTo(string.Join(' ', model.Values.Append("last"))));

        void Enqueue(long first, int count)
        {
            for (var position = first; position < first + count; position++)
            {
                var name = $"{position}.{random.Next(1_000)}";
                queue.State.Replay(StoreRecord.Enqueue(queue.State.Id, position, QueueStory.NewMessage(name), expiresAt: 0), queue.Now);
                model.TryAdd(position, name);
            }
        }

        void Settle(long first, long count)
        {
            queue.State.Replay(StoreRecord.Settle(queue.State.Id, first, count), queue.Now);
            foreach (var position in model.Keys.Where(position => position >= first && position < first + count).ToArray()) model.Remove(position);
        }
    }

    [Test]
    public void A_mirror_that_has_nothing_takes_no_more_memory_than_a_queue_that_has_nothing()
    {
        var queue = new QueueStory();
        var before = queue.State.MemoryBytes;
        long[] positions = [.. Enumerable.Range(0, 20_000).Select(number => number * 37L)];
        new Random(1).Shuffle(positions);
        foreach (var position in positions) queue.State.Replay(StoreRecord.Enqueue(queue.State.Id, position, QueueStory.NewMessage("m"), expiresAt: 0), queue.Now);
        Assert.That(queue.State.ReadyCount, Is.EqualTo(20_000));
        queue.State.Replay(StoreRecord.Settle(queue.State.Id, 0, count: 1_000_000), queue.Now);
        Assert.That((queue.State.ReadyCount, queue.State.BodyBytes, queue.State.MemoryBytes), Is.EqualTo((0, 0L, before)));
    }
}
