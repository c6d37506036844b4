using System.Text;
using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>x-message-groups and x-dispatch: RabbitMQ has neither.</summary>
[Ours]
public sealed class MessageGroupTests : ConformanceFixture
{
    [TestCase("classic")]
    [TestCase("quorum")]
    public async Task Messages_of_a_group_go_to_one_consumer_in_order_and_groups_are_handed_over(string type)
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, durable: true, arguments: Table(("x-queue-type", type), ("x-message-groups", true)));
        var (first, second) = (await Subscribe(queue, prefetch: 10), await Subscribe(queue, prefetch: 10));
        for (var number = 0; number < 40; number++) await PublishGrouped(channel, queue, $"{number % 4}", $"{number}");
        await Eventually.True(() => first.Subscriber.Received == 10 && second.Subscriber.Received == 10);
        var (ofFirst, ofSecond) = (await first.Subscriber.Next(10), await second.Subscriber.Next(10));
        var groups = ofFirst.Select(GroupOf).Distinct().ToArray();
        Assert.That(groups, Has.Length.EqualTo(2), "half of the groups each");
        Assert.That(ofSecond.Select(GroupOf).Distinct(), Is.Not.Empty.And.None.AnyOf(groups));
        Assert.That(ofFirst.Select(NumberOf), Is.Ordered);

        await first.Channel.CloseAsync();
        var numbers = ofSecond.Select(delivery => (GroupOf(delivery), NumberOf(delivery))).ToList();
        foreach (var delivery in ofSecond) await second.Channel.BasicAckAsync(delivery.Tag, multiple: false);
        while (numbers.Count < 40)
        {
            var delivery = await second.Subscriber.Next();
            numbers.Add((GroupOf(delivery), NumberOf(delivery)));
            await second.Channel.BasicAckAsync(delivery.Tag, multiple: false);
        }
        foreach (var group in numbers.GroupBy(each => each.Item1)) Assert.That(group.Select(each => each.Item2), Is.Ordered.And.Exactly(10).Items);
    }

    [Test]
    public async Task A_slow_group_holds_nobody_up()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-message-groups", true)));
        var (slow, quick) = (await Subscribe(queue, prefetch: 1), await Subscribe(queue, prefetch: 1));
        for (var number = 0; number < 50; number++) await PublishGrouped(channel, queue, "slow", $"{number}");
        await PublishGrouped(channel, queue, "quick", "last");
        await Eventually.True(() => slow.Subscriber.Received + quick.Subscriber.Received == 2);
        Assert.That((await channel.QueueDeclarePassiveAsync(queue)).MessageCount, Is.EqualTo(49));
    }

    [Test]
    public async Task Messages_can_go_to_the_consumer_that_holds_the_fewest()
    {
        var channel = await OpenConfirmChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-dispatch", "least-loaded")));
        var (idle, busy) = (await Subscribe(queue, prefetch: 0), await Subscribe(queue, prefetch: 0));
        await Publish(channel, queue, Numbers(10));
        await Eventually.True(() => idle.Subscriber.Received == 5 && busy.Subscriber.Received == 5);
        await idle.Channel.BasicAckAsync(0, multiple: true);
        await Eventually.True(async () =>
        {
            await Publish(channel, queue, "m");
            return idle.Subscriber.Received >= 9;
        });
        Assert.That(busy.Subscriber.Received, Is.LessThanOrEqualTo(idle.Subscriber.Received));
    }

    [Test]
    public async Task A_queue_with_groups_cannot_be_fetched_from()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel, arguments: Table(("x-message-groups", true)));
        await ExpectClose(
            () => channel.BasicGetAsync(queue, autoAck: true), 405,
            $"RESOURCE_LOCKED - cannot obtain access to locked queue '{queue}' in vhost '/'. basic.get operations are not supported by queues with message groups");
    }

    [TestCase("x-message-groups", "yes", "{unacceptable_type,longstr}")]
    [TestCase("x-dispatch", "random", "invalid_dispatch")]
    public async Task Other_values_are_refused(string argument, object value, string reason)
    {
        var (channel, queue) = (await OpenChannel(), Name());
        await ExpectClose(
            () => DeclareQueue(channel, queue, arguments: Table((argument, value))), 406,
            $"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{queue}' in vhost '/': {reason}");
    }

    private async Task<(IChannel Channel, Subscriber Subscriber)> Subscribe(string queue, ushort prefetch)
    {
        var channel = await OpenChannel();
        await channel.BasicQosAsync(0, prefetch, global: false);
        return (channel, await Subscriber.Start(channel, queue));
    }

    private static async Task PublishGrouped(IChannel channel, string queue, string group, string text) =>
        await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { Headers = Table(("x-group-id", group)) }, Bytes(text));

    private static string GroupOf(Delivery delivery) => Encoding.UTF8.GetString((byte[])delivery.Properties.Headers!["x-group-id"]!);

    private static int NumberOf(Delivery delivery) => int.Parse(Encoding.UTF8.GetString(delivery.Body), System.Globalization.CultureInfo.InvariantCulture);
}
