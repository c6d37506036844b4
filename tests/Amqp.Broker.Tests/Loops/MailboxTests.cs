using Amqp.Broker.Loops;

namespace Amqp.Broker.Tests.Loops;

internal sealed class MailboxTests
{
    [Test]
    public void The_poster_to_an_idle_owner_has_to_run_it()
    {
        var mailbox = new Mailbox<int>();
        Assert.That(mailbox.Post(1), Is.True);
        Assert.That(mailbox.Post([2, 3]), Is.False);
        Assert.That(mailbox.TryDrain(out var batch), Is.True);
        Assert.That(batch.Items.ToArray(), Is.EqualTo([1, 2, 3]));
        Assert.That(mailbox.Post(4), Is.False, "the owner is still draining");
        Assert.That(mailbox.TryDrain(out batch), Is.True);
        Assert.That(batch.Items.ToArray(), Is.EqualTo([4]));
        Assert.That(mailbox.TryDrain(out _), Is.False);
        Assert.That(mailbox.Post(5), Is.True);
    }

    [Test]
    public void An_owner_rests_only_when_nothing_waits()
    {
        var mailbox = new Mailbox<int>();
        mailbox.Post(1);
        mailbox.TryDrain(out _);
        mailbox.Post(2);
        Assert.That(mailbox.TryRest(), Is.False);
        Assert.That(mailbox.Post(3), Is.False, "the owner has to be run all the same");
        Assert.That(mailbox.TryDrain(out var batch), Is.True);
        Assert.That(batch.Items.ToArray(), Is.EqualTo([2, 3]));
        Assert.That(mailbox.TryRest(), Is.True);
        Assert.That(mailbox.IsIdle, Is.True);
        Assert.That(mailbox.Post(4), Is.True);
    }

    [Test]
    public async Task One_owner_gets_everything_in_each_posters_order()
    {
        const int Posters = 4;
        const int Each = 50_000;
        var mailbox = new Mailbox<(int Poster, int Number)>();
        var next = new int[Posters];
        var owners = 0;
        var received = 0;

        void Run()
        {
            Assert.That(Interlocked.Increment(ref owners), Is.EqualTo(1), "two owners at once");
            while (true)
            {
                // The count goes down before the mailbox can say that no owner is there.
                Interlocked.Decrement(ref owners);
                if (!mailbox.TryDrain(out var batch)) return;
                Interlocked.Increment(ref owners);
                foreach (var (poster, number) in batch.Items)
                {
                    Assert.That(number, Is.EqualTo(next[poster]++));
                    received++;
                }
            }
        }

        await Task.WhenAll(Enumerable.Range(0, Posters).Select(poster => Task.Run(() =>
        {
            for (var number = 0; number < Each; number++)
                if (mailbox.Post((poster, number))) Run();
        })));
        Assert.That(received, Is.EqualTo(Posters * Each));
    }
}
