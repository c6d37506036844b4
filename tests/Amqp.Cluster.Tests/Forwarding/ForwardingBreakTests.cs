using AMQP.Net;
using Amqp.Cluster.Forwarding;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Testing;

namespace Amqp.Cluster.Tests.Forwarding;

/// <summary>Links that break in one direction or the other, at any moment, and nodes that end.</summary>
public class ForwardingBreakTests
{
    private ForwardingCluster _cluster = null!;

    [SetUp]
    public async Task Start()
    {
        _cluster = await ForwardingCluster.Start();
        await _cluster.Declare("q");
    }

    [TearDown]
    public async Task Stop()
    {
        _cluster.NothingIsWrong();
        await _cluster.DisposeAsync();
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task After_a_short_break_consumers_go_on_and_have_again_what_they_had(bool toLeader)
    {
        var client = await _cluster.Edge.Connect();
        await client.Consume(1, "q", "c");
        await client.Publish(1, "q", "m1");
        Assert.That((await client.ExpectDelivery(1)).Method.Redelivered, Is.False);
        Cut(toLeader);
        var again = await client.ExpectDelivery(1);
        Assert.That((again.Body, again.Method.Redelivered, again.Method.DeliveryTag), Is.EqualTo(("m1", true, 2UL)));
        // What was delivered before the break means nothing.
        await client.Send(1, new BasicAck(1, Multiple: false));
        Assert.That(await client.ReadyCount(1, "q"), Is.Zero);
        client.Drop();
        await client.Served;
        var other = await _cluster.Leader.Connect();
        await Eventually.That(async () => await other.ReadyCount(1, "q"), Is.EqualTo(1u));
    }

    [Test]
    public async Task When_the_node_ends_consumers_are_cancelled_publishes_refused_and_questions_fail()
    {
        await _cluster.Declare("durable", durable: true);
        var client = await _cluster.Edge.Connect();
        await client.Consume(1, "durable", "c");
        _cluster.ShowNodes(leaderRuns: false);
        await _cluster.Leader.DisposeAsync();
        Assert.That((await client.Expect<BasicCancel>(1)).ConsumerTag, Is.EqualTo("c"));
        await client.Send(1, default(ConfirmSelect));
        await client.Expect<ConfirmSelectOk>(1);
        await client.Publish(1, "durable", "m");
        await client.Expect<BasicNack>(1);
        await client.Send(1, new BasicGet("durable", NoAck: false));
        Assert.That((await client.Expect<ChannelClose>(1)).ReplyText, Is.EqualTo("NOT_FOUND - home node 'rabbit@leader' of durable queue 'durable' in vhost '/' is down or inaccessible"));
    }

    [Test]
    public async Task When_the_link_stays_broken_they_end_as_if_the_node_had_ended()
    {
        await using var cluster = await ForwardingCluster.Start(new ForwardingOptions { PatienceMs = 1_000 });
        await cluster.Declare("q");
        var client = await cluster.Edge.Connect();
        await client.Consume(1, "q", "c");
        await cluster.ToLeader.DisposeAsync();
        Assert.That((await client.Expect<BasicCancel>(1)).ConsumerTag, Is.EqualTo("c"));
        // What was at the edge is ready again for others.
        var other = await cluster.Leader.Connect();
        await Eventually.That(async () => await ConsumerCount(other), Is.Zero);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_part_that_is_prepared_when_the_link_breaks_is_undone_and_its_commit_fails(bool toLeader)
    {
        var queue = await _cluster.Edge.Find("q");
        var part = new TransactionPart();
        part.Publishes.Add(RecordedPublisher.MessageOf("in vain"));
        var transaction = new RecordedTransaction();
        queue.Post(QueueOperation.Prepare(part, transaction));
        Assert.That(await transaction.IsPrepared, Is.True);
        Assert.That((part.AnswersCommit, part.Records.Count), Is.EqualTo((true, 0)));
        Cut(toLeader);
        var (leader, edge) = (await _cluster.Leader.Connect(), new Answer<QueueStatus>());
        await Eventually.That(() => _cluster.Edge.Logs.Lines, Has.Some.Contains("cannot be used for now"));
        var committed = new Answer<bool>();
        queue.Post(QueueOperation.CommitPart(part, committed));
        Assert.That(async () => await committed.Task, Throws.InvalidOperationException.With.Message.Contains("partial tx completion"));
        queue.Post(QueueOperation.Status(edge));
        Assert.That((await edge.Task).ReadyCount, Is.Zero);
        Assert.That(await leader.ReadyCount(1, "q"), Is.Zero);
    }

    [Test]
    public async Task Whenever_links_break_nothing_confirmed_is_lost_and_all_credit_comes_back([Range(1, 4)] int seed, [Values] bool shares)
    {
        var random = new Random(seed);
        var queue = await _cluster.Edge.Find("q");
        var publisher = new RecordedPublisher();
        var consumers = new[]
        {
            await RecordedConsumer.Consume(queue, prefetch: 10, acknowledges: true, shares: shares),
            await RecordedConsumer.Consume(queue, acknowledges: true, shares: shares),
        };
        var next = 1L;
        for (var round = 0; round < 15; round++)
        {
            var breaks = random.Next(1, 30);
            for (var step = 0; step < 30; step++)
            {
                var count = random.Next(1, 20);
                publisher.Publish(queue, next, count);
                next += count;
                if (step == breaks) Cut(random.Next(2) == 0);
                if (random.Next(4) == 0) await Task.Yield();
            }
            var posted = next - 1;
            await Eventually.That(() => publisher.Answers.Count, Is.EqualTo(posted), Patience.Start);
        }
        foreach (var consumer in consumers) Assert.That(consumer.Events, Is.EqualTo(new[] { "added" }), "it was subscribed again silently");
        Assert.That(publisher.Answers.Values.Count(isTaken => isTaken), Is.GreaterThan(100), "it was not down all the time");
        var confirmed = publisher.Answers.Where(answer => answer.Value).Select(answer => $"{answer.Key}").ToHashSet();
        await Eventually.That(() => confirmed.Except(consumers.SelectMany(consumer => consumer.Deliveries).Select(delivery => delivery.Body)).Count(), Is.Zero, Patience.Start);
        await Eventually.That(() => publisher.Credit, Is.Zero);
        Assert.That(publisher.Twice, Is.Empty);
        await Eventually.That(async () => (await Answer<QueueStatus>.Of(queue, QueueOperation.Status)).ReadyCount, Is.Zero);
        foreach (var consumer in consumers)
        {
            var first = consumer.Deliveries.Where(delivery => !delivery.Redelivered).Select(delivery => long.Parse(delivery.Body, System.Globalization.CultureInfo.InvariantCulture));
            Assert.That(first, Is.Ordered.Ascending);
            await Eventually.That(() => (consumer.Taken, consumer.UnackedCount), Is.EqualTo((0, 0)));
        }
        await Eventually.That(() => _cluster.Leader.Broker.Queues.Find("/", "q")!.Figures.Unacked, Is.Zero);
    }

    private static async Task<uint> ConsumerCount(Amqp.Broker.Tests.Nodes.TestClient client)
    {
        await client.Send(1, Amqp.Broker.Tests.Nodes.TestClient.Declaration("q", passive: true));
        return (await client.Expect<QueueDeclareOk>(1)).ConsumerCount;
    }

    private void Cut(bool toLeader)
    {
        if (toLeader) _cluster.ToLeader.Cut();
        else _cluster.ToEdge.Cut();
    }

    private sealed class RecordedTransaction : ITransaction
    {
        private readonly TaskCompletionSource<bool> _prepared = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<bool> IsPrepared => _prepared.Task.WaitAsync(Patience.Answer);

        public void Prepared() => _prepared.SetResult(true);

        public void Refused() => _prepared.SetResult(false);
    }
}
