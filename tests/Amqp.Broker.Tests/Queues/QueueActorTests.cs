using System.IO.Pipelines;
using Amqp.Broker.Loops;
using Amqp.Broker.Queues;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Queues;

internal sealed class QueueActorTests
{
    private static readonly QueueOperation Impossible = QueueOperation.Resume(null!);

    private readonly ConnectionLoop _loop = new(new Pipe().Reader);
    private readonly ActorStory _story = new();

    [Test]
    public void A_queue_that_fails_answers_everybody_who_asked_it_and_can_be_deleted()
    {
        var (status, deleted) = (new Reply<QueueStatus>(_loop), new Reply<DeleteResult>(_loop));
        _story.Do(Impossible, QueueOperation.Status(status), QueueOperation.Delete(DeleteConditions.None, deleted));
        Assert.That(status.IsCompleted && deleted.IsCompleted, Is.True);
        Assert.That(Assert.Throws<BrokerException>(() => status.GetResult())!.Message, Does.Contain("crashed"));
        Assert.That(deleted.GetResult().Outcome, Is.EqualTo(DeleteOutcome.Deleted));
        Assert.That(_story.Logs.Complaints, Has.One.Contains("defect of the broker"));
    }

    [Test]
    public void A_message_that_is_not_stored_is_confirmed_once_the_queue_has_it()
    {
        _story.Publish("m1", number: 1);
        _story.Publish("m2");
        _story.Publish("m3", number: 2);
        Assert.That(_story.Confirms.Text, Is.EqualTo("1 2"));
    }

    [Test]
    public void A_deleted_queue_confirms_and_a_failed_one_refuses()
    {
        _story.Do(Impossible);
        _story.Publish("m1", number: 1);
        _story.Do(QueueOperation.Delete(DeleteConditions.None, reply: null));
        _story.Publish("m2", number: 2);
        Assert.That(_story.Confirms.Text, Is.EqualTo("!1 2"));
    }

    [Test]
    public void A_transaction_hears_from_the_queue_and_its_commit_shows()
    {
        var transaction = new RecordedTransaction();
        var (part, undone) = (new TransactionPart(), new TransactionPart());
        part.Publishes.Add(ActorStory.Message("m1"));
        undone.Publishes.Add(ActorStory.Message("m2"));
        _story.Do(QueueOperation.Prepare(part, transaction), QueueOperation.Prepare(undone, transaction));
        Assert.That((transaction.Text, _story.ReadyCount), Is.EqualTo(("prepared prepared", 0)));
        _story.Do(QueueOperation.CommitPart(part, reply: null), QueueOperation.AbortPart(undone));
        Assert.That(_story.ReadyCount, Is.EqualTo(1));
    }

    [Test]
    public void A_failed_queue_refuses_a_transaction_and_a_deleted_one_has_nothing_to_say()
    {
        var transaction = new RecordedTransaction();
        var part = new TransactionPart();
        part.Publishes.Add(ActorStory.Message("m1"));
        _story.Do(Impossible, QueueOperation.Prepare(part, transaction));
        _story.Do(QueueOperation.Delete(DeleteConditions.None, reply: null), QueueOperation.Prepare(part, transaction), QueueOperation.CommitPart(part, reply: null));
        Assert.That(transaction.Text, Is.EqualTo("refused prepared"));
        Assert.That(part.Records, Is.Empty);
    }

    [Test]
    public void When_a_part_is_prepared_the_store_has_what_came_before_it()
    {
        var story = new ActorStory(durable: true);
        var seen = "";
        var transaction = new RecordedTransaction(() => seen = story.Store.Text(1));
        var part = new TransactionPart();
        part.Publishes.Add(ActorStory.Message("t1", persistent: true));
        story.Do(QueueOperation.Publish(ActorStory.Message("m1", persistent: true), publisher: null, number: 0), QueueOperation.Prepare(part, transaction));
        Assert.That(seen, Is.EqualTo("0:m1"));
        Assert.That(part.Records, Has.Count.EqualTo(1));
    }

    [TestCase(10, true)]
    [TestCase(20_000, false)]
    public async Task What_may_take_long_does_not_run_on_the_thread_of_a_read_loop(int messages, bool isPosters)
    {
        var story = new ActorStory(durable: true);
        for (var message = 0; message < messages; message++) story.Publish("m", persistent: true);
        await story.Settled();
        var poster = Environment.CurrentManagedThreadId;
        Assert.That(story.Ask<int>(QueueOperation.Purge), Is.EqualTo(messages));
        Assert.That(story.Store.CommittedBy == poster, Is.EqualTo(isPosters));
    }

    [Test]
    public async Task A_long_mailbox_is_worked_off_in_steps_that_keep_its_order()
    {
        const int Many = 10_000;
        var operations = new QueueOperation[Many];
        for (var number = 0; number < Many; number++) operations[number] = QueueOperation.Publish(ActorStory.Message($"{number}"), publisher: null, number: 0);
        _story.Do(operations);
        await Eventually.That(() => _story.ReadyCount, Is.EqualTo(Many));
        Assert.That(await _story.GetAll(), Is.EqualTo(string.Join(' ', Enumerable.Range(0, Many))));
    }

    private sealed class RecordedTransaction(Action? prepared = null) : ITransaction
    {
        private readonly List<string> _answers = [];

        public string Text => string.Join(' ', _answers);

        public void Prepared()
        {
            prepared?.Invoke();
            _answers.Add("prepared");
        }

        public void Refused() => _answers.Add("refused");
    }
}
