using FsCheck;
using FsCheck.Fluent;

namespace Amqp.Core.Tests.Queues;

/// <summary>
/// The queue against a model that is obviously right: a sorted list of ready messages and a set of held ones. Whatever is
/// asked in whatever order, both hold the same messages, and the queue hands them out in the model's order.
/// </summary>
internal sealed class QueueStateProperties
{
    private enum Step
    {
        Publish,
        PublishMany,
        Get,
        AckOldest,
        AckNewest,
        RequeueOldest,
        RequeueNewest,
        Release,
        Purge,
    }

    [Test]
    public void A_queue_behaves_as_a_sorted_list()
    {
        var steps = Gen.Elements(Enum.GetValues<Step>()).ListOf().ToArbitrary();
        Prop.ForAll(steps, run => Behaves(run.ToList())).Check(Config.QuickThrowOnFailure.WithMaxTest(400).WithEndSize(300));
    }

    private static bool Behaves(List<Step> steps)
    {
        var story = new QueueStory();
        var holder = new StoryHolder();
        var ready = new SortedSet<int>();
        var held = new SortedSet<int>();
        var returned = new HashSet<int>();
        var published = 0;

        foreach (var step in steps)
        {
            switch (step)
            {
                case Step.Publish: Publish(1); break;
                case Step.PublishMany: Publish(700); break; // crosses the chunks of the message log
                case Step.Get: Get(); break;
                case Step.AckOldest when held.Count > 0: Ack(held.Min); break;
                case Step.AckNewest when held.Count > 0: Ack(held.Max); break;
                case Step.RequeueOldest when held.Count > 0: Requeue(held.Min); break;
                case Step.RequeueNewest when held.Count > 0: Requeue(held.Max); break;
                case Step.Release:
                    story.State.Release(holder, story.Now);
                    returned.UnionWith(held);
                    ready.UnionWith(held);
                    held.Clear();
                    break;
                case Step.Purge:
                    if (story.State.Purge() != ready.Count) return false;
                    ready.Clear();
                    break;
            }
            if (story.State.ReadyCount != ready.Count || story.State.UnackedCount != held.Count || holder.UnackedCount != held.Count)
                return false;
        }
        while (ready.Count > 0)
        {
            if (!Get()) return false;
        }
        return story.Get(holder) is null;

        void Publish(int count)
        {
            for (; count > 0; count--)
            {
                ready.Add(published);
                story.Publish($"{published++}");
            }
        }

        bool Get()
        {
            var got = story.Get(holder);
            if (ready.Count == 0) return got is null;
            var first = ready.Min;
            ready.Remove(first);
            held.Add(first);
            return got == first + (returned.Contains(first) ? "!" : "");
        }

        void Ack(int message)
        {
            held.Remove(message);
            story.Ack(holder, $"{message}");
        }

        void Requeue(int message)
        {
            held.Remove(message);
            ready.Add(message);
            returned.Add(message);
            story.Requeue(holder, $"{message}");
        }
    }
}
