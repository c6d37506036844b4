using System.IO.Pipelines;
using Amqp.Broker.Loops;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Queues;

/// <summary>A queue's actor as one of several copies: what it tells the others, when it tells its publishers, and when it leaves its users to another.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public class MirroredQueueTests
{
    private readonly ActorStory _story = new(durable: true);
    private readonly ScriptedReplica _replica = new();

    [TearDown]
    public void No_queue_failed() => Assert.That(_story.Logs.Complaints, _replica.HasFailed ? Is.Not.Empty.And.All.Contains("defect of the broker") : Is.Empty);

    [Test]
    public async Task A_publisher_hears_when_its_batch_is_safe_everywhere_and_not_when_it_is_on_this_disk()
    {
        await Lead();
        _story.Publish("m1", number: 1);
        _story.Publish("m2", number: 2, persistent: false);
        await _story.Settled();
        Assert.That(_story.Confirms.Text, Is.Empty);
        Assert.That(_replica.Appended, Is.EqualTo(new[] { "2:+0", "3:+1" }));
        Happens(_replica.Completes(2));
        Assert.That(_story.Confirms.Text, Is.EqualTo("1"));
        Happens(_replica.Completes(3));
        Assert.That(_story.Confirms.Text, Is.EqualTo("1 2"));
    }

    [Test]
    public async Task The_replica_hears_when_the_disk_has_a_batch()
    {
        await Lead();
        Assert.That(_replica.DurableMarks, Is.EqualTo(new[] { new ReplicaMark(5, 1) }), "the first batch is empty");
        _story.Publish("m1", number: 1);
        await _story.Settled();
        Assert.That(_replica.DurableMarks[^1], Is.EqualTo(new ReplicaMark(5, 2)));
    }

    [Test]
    public async Task What_is_settled_before_it_is_safe_is_confirmed_at_once()
    {
        await Lead();
        _story.Publish("m1", number: 1);
        Assert.That(await _story.Get(), Is.EqualTo("m1"));
        Assert.That(_story.Confirms.Text, Is.EqualTo("1"));
        Assert.That(_replica.Appended, Is.EqualTo(new[] { "2:+0", "3:-0" }));
    }

    [Test]
    public async Task What_is_kept_for_mirrors_counts_as_memory_of_the_queue()
    {
        await Lead();
        var before = _story.Memory.UsedBytes;
        _replica.KeptBytes = 1_000_000;
        Happens(_replica.Completes(1));
        Assert.That(_story.Memory.UsedBytes, Is.EqualTo(before + 1_000_000));
        _replica.KeptBytes = 0;
        Happens(_replica.Completes(1));
        Assert.That(_story.Memory.UsedBytes, Is.EqualTo(before));
    }

    [Test]
    public async Task With_too_few_copies_publishes_are_refused_and_consumers_served()
    {
        await Lead();
        _story.Publish("m1", number: 1);
        await _story.Settled();
        Happens(_replica.Completes(2));
        Happens(_replica.Stands(ReplicaStanding.LeadsWithTooFew));
        _story.Publish("m2", number: 2);
        Assert.That(_story.Confirms.Text, Is.EqualTo("1 !2"));
        Assert.That(await _story.GetAll(), Is.EqualTo("m1"));
    }

    [Test]
    public async Task While_it_pauses_what_is_wanted_waits_and_then_happens_in_its_order()
    {
        await Lead();
        Happens(_replica.Stands(ReplicaStanding.Pauses));
        _story.Publish("m1", number: 1);
        var get = _story.BeginGet();
        _story.Publish("m2", number: 2);
        Assert.That(get.IsCompleted, Is.False);
        Happens(_replica.Stands(ReplicaStanding.Leads));
        Assert.That(ActorStory.Text(await ActorStory.Answer(get)), Is.EqualTo("m1"));
        Assert.That(await _story.GetAll(), Is.EqualTo("m2"));
        Assert.That(_replica.Users.Operations, Is.Empty);
    }

    [Test]
    public async Task When_another_node_leads_users_are_passed_on_with_what_waited()
    {
        await Lead();
        Happens(_replica.Stands(ReplicaStanding.Frozen));
        _story.Publish("m1", number: 1);
        Happens(_replica.Follows());
        _story.Publish("m2", number: 2);
        Assert.That(_replica.Users.Kinds, Is.EqualTo("Publish Publish"));
        Assert.That(_story.Confirms.Text, Is.Empty);
    }

    [Test]
    public async Task A_consumer_that_goes_while_it_waits_is_not_added_after_it_has_gone()
    {
        await Lead();
        Happens(_replica.Stands(ReplicaStanding.Pauses));
        var consumer = new RecordedConsumer();
        _story.Do(QueueOperation.AddConsumer(consumer, new Reply<ConsumeResult>()), QueueOperation.Release(consumer));
        Happens(_replica.Follows());
        Assert.That(_replica.Users.Kinds, Is.EqualTo("AddConsumer Release"));
    }

    [Test]
    public async Task When_another_node_leads_publishers_without_an_answer_are_refused()
    {
        await Lead();
        _story.Publish("m1", number: 1);
        Happens(_replica.Follows());
        Assert.That(_story.Confirms.Text, Is.EqualTo("!1"));
    }

    [Test]
    public async Task When_another_node_leads_a_publisher_that_can_send_again_hears_that()
    {
        await Lead();
        var publisher = new NumberedPublisher();
        _story.Do(QueueOperation.Publish(ActorStory.Message("m1", persistent: true), publisher, 7));
        Happens(_replica.Follows());
        _story.Do(QueueOperation.Publish(ActorStory.Message("m2", persistent: true), publisher, 8));
        Assert.That(publisher.Text, Is.EqualTo("?7 ?8"));
        Assert.That(_replica.Users.Operations, Is.Empty, "it finds the leader by itself");
    }

    [Test]
    public async Task What_is_sent_again_is_taken_once_and_confirmed_when_all_is_safe()
    {
        await Lead();
        var publisher = new NumberedPublisher();
        _story.Do(QueueOperation.Publish(ActorStory.Message("m1", persistent: true), publisher, 7));
        _story.Do(QueueOperation.Publish(ActorStory.Message("m1", persistent: true), publisher, 7));
        Assert.That(publisher.Text, Is.Empty);
        Happens(_replica.Completes(2));
        Assert.That(publisher.Text, Is.EqualTo("+7 +7"));
        Assert.That(await _story.GetAll(), Is.EqualTo("m1"));
    }

    /// <summary>A mirror that knew a publish without its message would confirm it, sent again, and not have it.</summary>
    [Test]
    public async Task Mirrors_hear_of_a_publish_and_of_its_message_in_one_batch_however_many_there_are()
    {
        const int Many = 10_000;
        await Lead();
        var publisher = new NumberedPublisher();
        _story.Do([.. Enumerable.Range(1, Many).Select(number => QueueOperation.Publish(ActorStory.Message($"m{number}", persistent: true), publisher, number))]);
        await Eventually.That(() => _replica.KnownNumbers, Has.Count.EqualTo(Many));
        await _story.Settled();
        var enqueued = 0;
        int[] sums = [.. _replica.Appended.Select(batch => enqueued += batch.Count(letter => letter == '+'))];
        Assert.That(sums, Has.Length.GreaterThan(2).And.EqualTo(_replica.KnownBefore));
    }

    [Test]
    public async Task When_another_node_leads_consumers_turn_there_or_end()
    {
        await Lead();
        var (turning, ending) = (new RecordedConsumer(), new RecordedConsumer { EndsWithLeader = true });
        Consume(turning);
        Consume(ending);
        Happens(_replica.Follows());
        Assert.That(_replica.Users.Kinds, Is.EqualTo("AddConsumer"));
        Assert.That(_replica.Users.Operations[0].Subject, Is.SameAs(turning));
        Assert.That(turning.Events, Is.EqualTo("added"));
        Assert.That(ending.Events, Is.EqualTo("added cancelled removed"));
    }

    [Test]
    public async Task What_a_transaction_publishes_is_one_batch_that_is_kept_together()
    {
        await Lead();
        var (part, transaction, committed) = (new TransactionPart(), new RecordedTransaction(), new RecordedReply());
        part.Publishes.AddRange([ActorStory.Message("m1", persistent: true), ActorStory.Message("m2", persistent: true)]);
        _story.Do(QueueOperation.Prepare(part, transaction));
        Assert.That(transaction.Text, Is.EqualTo("prepared"));
        Assert.That(part.AnswersCommit, Is.True);
        Assert.That(part.Records, Is.Empty);
        _story.Do(QueueOperation.CommitPart(part, committed));
        await Eventually.That(() => _replica.Appended, Is.EqualTo(new[] { "2:+0 +1 together" }));
        Assert.That(committed.IsCompleted, Is.False);
        Happens(_replica.Completes(2));
        Assert.That(committed.IsCompleted, Is.True);
    }

    [Test]
    public async Task A_transaction_that_settles_what_another_leader_may_hand_out_again_fails()
    {
        await Lead();
        _story.Publish("m0");
        var got = await ActorStory.Answer(_story.BeginGet(noAck: false));
        var (part, committed) = (new TransactionPart(), new RecordedReply());
        part.Publishes.Add(ActorStory.Message("m1", persistent: true));
        part.Settlements.Add(new HeldMessage(_story.Holder, got.Position, Settlement.Acknowledge));
        _story.Do(QueueOperation.Prepare(part, new RecordedTransaction()));
        Happens(_replica.Follows());
        Happens(_replica.Leads(6));
        _story.Do(QueueOperation.CommitPart(part, committed));
        await Eventually.That(() => committed.Error, Is.EqualTo(BrokerError.PartialTxCompletion));
        Assert.That(await _story.GetAll(), Is.EqualTo("m0!"));
    }

    [Test]
    public async Task A_deleted_queue_answers_what_waits()
    {
        await Lead();
        _story.Publish("m1", number: 1);
        Happens(_replica.Stands(ReplicaStanding.Frozen));
        _story.Publish("m2", number: 2);
        _story.Do(QueueOperation.Removed);
        await Eventually.That(() => _story.Confirms.Text, Is.EqualTo("1 2"));
    }

    [Test]
    public async Task The_users_of_a_leader_that_fails_turn_to_the_next_but_not_with_what_it_failed_by()
    {
        await Lead();
        var (publisher, consumer) = (new NumberedPublisher(), new RecordedConsumer());
        Consume(consumer);
        _story.Do(QueueOperation.Publish(ActorStory.Message("m1", persistent: true), publisher, 1));
        _story.Do(QueueOperation.Publish(null!, publisher, 2), QueueOperation.Publish(ActorStory.Message("m3"), publisher, 3), QueueOperation.Status(new Reply<QueueStatus>(new ConnectionLoop(new Pipe().Reader))));
        await Eventually.That(() => publisher.Text, Is.EqualTo("?1 -2 ?3"));
        Assert.That(_replica.HasFailed, Is.True);
        Assert.That(_replica.Users.Kinds, Is.EqualTo("AddConsumer Status"));
        Assert.That(consumer.Events, Is.EqualTo("added"));
        Assert.That(_story.Logs.Complaints.Count(), Is.EqualTo(1));
    }

    [Test]
    public async Task The_consumers_of_a_leader_that_fails_so_that_nothing_is_known_any_more_are_cancelled()
    {
        await Lead();
        var consumer = new RecordedConsumer { FailsToLeave = true };
        Consume(consumer);
        _story.Publish("m1", number: 1);
        _story.Do(QueueOperation.Resume(null!));
        await Eventually.That(() => consumer.Events, Is.EqualTo("added cancelled removed"));
        await Eventually.That(() => _story.Confirms.Text, Is.EqualTo("!1"));
    }

    [Test]
    public async Task A_copy_that_fails_passes_users_on_as_before_and_says_that_it_has_failed()
    {
        Happens(_replica.Follows());
        _story.Do(QueueOperation.Replicate(_replica.Fails()), QueueOperation.Replicate(_replica.Fails()));
        await Eventually.True(() => _replica.HasFailed);
        _story.Publish("m1", number: 1);
        Assert.That(_replica.Users.Kinds, Is.EqualTo("Publish"));
    }

    private async Task Lead()
    {
        Happens(_replica.Leads(5));
        await _story.Settled();
    }

    private void Happens(IReplicaEvent what)
    {
        _story.Do(QueueOperation.Replicate(what));
        // The queue does that on the thread pool; what it leads to is done when the second of two more has happened.
        for (var more = 0; more < 2; more++)
        {
            using var happened = new ManualResetEventSlim();
            _story.Do(QueueOperation.Replicate(_replica.Nothing(happened.Set)));
            Assert.That(happened.Wait(Patience.Answer), Is.True);
        }
    }

    private void Consume(RecordedConsumer consumer) =>
        Assert.That(_story.Ask<ConsumeResult>(reply => QueueOperation.AddConsumer(consumer, reply)), Is.EqualTo(ConsumeResult.Added));

    private sealed class RecordedTransaction : ITransaction
    {
        public string Text { get; private set; } = "";

        public void Prepared() => Text += "prepared";

        public void Refused() => Text += "refused";
    }

    private sealed class RecordedReply : IReply<bool>
    {
        public bool IsCompleted { get; private set; }

        public BrokerError? Error { get; private set; }

        public void Complete(bool value) => IsCompleted = true;

        public void Fail(BrokerError error) => Error = error;
    }

    /// <summary>What is taken as <c>+1</c>, and what is lost as <c>?1</c>.</summary>
    private sealed class NumberedPublisher : INumberedPublisher
    {
        private readonly List<string> _answers = [];

        public string Text => string.Join(' ', _answers);

        public long Node => 1;

        public long Id => 2;

        public long Floor => 1;

        public void Taken(ReadOnlySpan<long> numbers)
        {
            foreach (var number in numbers) _answers.Add($"+{number}");
        }

        public void Refused(long number) => _answers.Add($"-{number}");

        public void Lost(long number) => _answers.Add($"?{number}");
    }

    private sealed class RecordedConsumer : QueueConsumer, IDeliveryOutlet
    {
        private readonly List<string> _events = [];

        [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
        public RecordedConsumer() => (Tag, AutoAck, Exclusive, Priority, Prefetch) = ("c", false, false, 0, 0);

        public string Events => string.Join(' ', _events);

        public override IDeliveryOutlet Outlet => this;

        public void Post(ReadOnlySpan<Delivery> deliveries, long bytes)
        {
        }

        public override void Added() => _events.Add("added");

        public override void Removed() => _events.Add("removed");

        public override void Cancelled() => _events.Add("cancelled");

        protected override bool TryEnter(int bytes) => true;

        public bool FailsToLeave { private get; init; }

        protected override void Leave(int count)
        {
            if (FailsToLeave) throw new InvalidOperationException();
        }

        protected override void Decline()
        {
        }
    }
}
