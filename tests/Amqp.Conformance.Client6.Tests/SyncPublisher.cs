using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Amqp.Conformance.Client6.Tests;

/// <summary>Confirms and transactions, as programs written for the synchronous client use them.</summary>
[Same]
public sealed class SyncPublisherTests : Client6Fixture
{
    [TestCase(1, false)]
    [TestCase(1, true)]
    [TestCase(1_000, false)]
    [TestCase(1_000, true)]
    public void It_waits_for_confirms(int count, bool durable)
    {
        var channel = OpenChannel();
        channel.ConfirmSelect();
        var queue = Name();
        channel.QueueDeclare(queue, durable, exclusive: !durable, autoDelete: false);
        var properties = channel.CreateBasicProperties();
        properties.Persistent = durable;
        Assert.That(channel.NextPublishSeqNo, Is.EqualTo(1));
        for (var i = 0; i < count; i++) channel.BasicPublish("", queue, mandatory: true, properties, Bytes("m"));
        Assert.That(channel.NextPublishSeqNo, Is.EqualTo(count + 1));
        Assert.That(channel.WaitForConfirms(Patience.Answer, out var timedOut), Is.True);
        Assert.That(timedOut, Is.False);
        Assert.That(channel.QueueDelete(queue), Is.EqualTo(count));
    }

    [Test]
    public void It_waits_after_each_message()
    {
        var channel = OpenChannel();
        channel.ConfirmSelect();
        var queue = DeclareQueue(channel);
        for (var i = 1; i <= 100; i++)
        {
            Publish(channel, queue, $"{i}");
            channel.WaitForConfirmsOrDie(Patience.Answer);
            Assert.That(channel.MessageCount(queue), Is.EqualTo(i));
        }
    }

    [Test]
    public void It_hears_of_a_returned_message_before_its_confirm()
    {
        var channel = OpenChannel();
        channel.ConfirmSelect();
        var events = Collect<object>(handler =>
        {
            channel.BasicReturn += (_, returned) => handler(null, returned);
            channel.BasicAcks += (_, acknowledged) => handler(null, acknowledged);
        });
        channel.BasicPublish("", "nowhere", mandatory: true, basicProperties: null, Bytes("m"));
        Assert.That(Take(events), Is.InstanceOf<BasicReturnEventArgs>());
        Assert.That(Take(events), Is.InstanceOf<BasicAckEventArgs>());
    }

    [Test]
    public void It_commits_and_rolls_back()
    {
        var (channel, other) = (OpenChannel(), OpenChannel());
        var queue = Name();
        other.QueueDeclare(queue, durable: false, exclusive: false, autoDelete: false);
        channel.TxSelect();
        Publish(channel, queue, "committed");
        channel.TxCommit();
        Publish(channel, queue, "rolled back");
        channel.TxRollback();
        channel.TxCommit();
        Assert.That(Text(other.BasicGet(queue, autoAck: true).Body), Is.EqualTo("committed"));
        Assert.That(other.BasicGet(queue, autoAck: true), Is.Null);
        other.QueueDelete(queue);
    }

    [Test]
    public void It_commits_what_it_consumed_and_published()
    {
        var (channel, other) = (OpenChannel(), OpenChannel());
        var (source, target) = (Name("source"), Name("target"));
        foreach (var queue in (string[])[source, target]) other.QueueDeclare(queue, durable: true, exclusive: false, autoDelete: false);
        Publish(other, source, "1", "2", "3");
        channel.TxSelect();
        channel.BasicQos(0, 1, global: false);
        var deliveries = Consume(channel, source);
        for (var i = 1; i <= 3; i++)
        {
            var (tag, redelivered, text) = Take(deliveries);
            Assert.That((redelivered, text), Is.EqualTo((false, $"{i}")));
            Publish(channel, target, text);
            channel.BasicAck(tag, multiple: false);
            channel.TxCommit();
        }
        Assert.That(other.QueueDelete(target), Is.EqualTo(3));
        Assert.That(other.QueueDelete(source), Is.Zero);
    }
}
