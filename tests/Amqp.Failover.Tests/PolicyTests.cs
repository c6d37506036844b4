using System.Diagnostics;
using Amqp.Failover.Tests.Load;
using Amqp.Testing;

namespace Amqp.Failover.Tests;

/// <summary>A queue gets mirrors, others, and none, under load.</summary>
[Ours, NonParallelizable]
public sealed class PolicyTests : FailoverFixture
{
    private const int Some = 300;

    [TestCase(2)]
    [TestCase(30, Category = "Long")]
    public async Task A_queue_is_mirrored_elsewhere_and_not_at_all_by_turns(int rounds)
    {
        var load = await BeginLoad("n1", policy: null, "n1", "n2", "n3");
        for (var round = 0; round < rounds; round++)
        {
            await load.MoreConfirms(Some);
            Said(load, "mirrored");
            await Cluster.SetPolicy(Queue, Mirrored);
            await InSync(3);
            await load.MoreConfirms(Some);
            Said(load, "n2 and n3");
            await Cluster.SetPolicy(Queue, On("n2", "n3"));
            await Eventually.True(async () => (await LeaderOf(Queue)).Name != "n1", ToRecover, "another node leads");
            await InSync(2);
            await load.MoreConfirms(Some);
            Said(load, "no mirrors");
            await Cluster.ClearPolicy(Queue);
            await InSync(1);
            await load.MoreConfirms(Some);
            Said(load, "n1 and n2");
            await Cluster.SetPolicy(Queue, On("n1", "n2"));
            await InSync(2);
            Said(load, "no mirrors");
            await Cluster.ClearPolicy(Queue);
            await InSync(1);
        }
        Said(load, "end");
        foreach (var consumer in load.Consumers)
        {
            var received = consumer.Received;
            await Eventually.That(() => consumer.Received, Is.GreaterThan(received + 100), ToRecover, "what a consumer gets that was there before the first policy");
            Assert.That((consumer.Sessions, consumer.Cancelled), Is.EqualTo((1, 0)));
        }
        var verdict = await Judge(load, copies: 1);
        Assert.That(verdict.Duplicates, Is.Zero, verdict.ToString());
        Assert.That(verdict.AckedAgain, Is.Empty, "a planned change of leader loses no acknowledgement");
    }

    [Test]
    public async Task A_node_that_is_to_have_no_copy_any_more_has_no_messages_and_gets_them_when_it_is_to_have_one_again()
    {
        var load = await BeginLoad("n1", Mirrored);
        await load.MoreConfirms(Some);
        for (var round = 0; round < 2; round++)
        {
            await Cluster.SetPolicy(Queue, On("n1", "n2"));
            await InSync(2);
            await Eventually.That(async () => (await Cluster["n3"].CopyOf(Queue))?.Messages, Is.Zero, ToRecover, "messages of the copy that is not wanted");
            await Cluster.SetPolicy(Queue, Mirrored);
            await InSync(3);
            await load.MoreConfirms(Some);
        }
        // Once more at rest, and with a restart in between.
        await load.End(stay: 0);
        await Cluster.SetPolicy(Queue, On("n1", "n2"));
        await Eventually.That(async () => (await Cluster["n3"].CopyOf(Queue))?.Messages, Is.Zero, ToRecover, "messages of the copy that is not wanted");
        await Cluster["n3"].Kill();
        await Cluster["n3"].Start();
        await Cluster.SetPolicy(Queue, Mirrored);
        await JudgeAtRest(load, copies: 3, stay: Some);
    }

    /// <summary>When it was, in the time of the history, for those who look for the cause of a failure.</summary>
    private static void Said(ConfirmedLoad load, string what) =>
        TestContext.Out.WriteLine($"{Stopwatch.GetElapsedTime(load.History.Events[0].At).TotalSeconds:F3} s: {what}");
}
