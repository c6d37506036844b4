using Amqp.Conformance.Tests.Support;
using AMQP.Net;
using Amqp.Testing;

namespace Amqp.Conformance.Tests;

/// <summary>What goes back together is whole in its queue again before any of it is handed out.</summary>
[Same]
public sealed class OrderTests : ConformanceFixture
{
    [TestCase("nack")]
    [TestCase("recover")]
    public async Task What_one_method_gives_back_is_delivered_in_the_order_of_the_queue(string method)
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await OpenAndFill(raw, messages: 4);
        await raw.Call<BasicConsume, BasicConsumeOk>(1, Consume(queue, "a"));
        for (var number = 0; number < 4; number++) await ExpectDelivery(raw, number);
        // Comes back as tags 5 to 8, each alone: 2, 0, 3, 1.
        foreach (var number in (int[])[2, 0, 3, 1])
        {
            await raw.Send(1, new BasicNack((ulong)number + 1, Multiple: false, Requeue: true));
            await ExpectDelivery(raw, number);
        }

        if (method == "nack") await raw.Send(1, new BasicNack(8, Multiple: true, Requeue: true));
        else await raw.Send(1, new BasicRecoverAsync(Requeue: true));
        for (var number = 0; number < 4; number++) await ExpectDelivery(raw, number);
        await raw.Close();
    }

    [Test]
    public async Task What_the_consumers_of_a_channel_had_is_delivered_in_the_order_of_the_queue_when_it_ends()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await OpenAndFill(raw, messages: 0);
        await raw.Call<BasicConsume, BasicConsumeOk>(1, Consume(queue, "a"));
        await raw.Call<BasicConsume, BasicConsumeOk>(1, Consume(queue, "b"));
        await Publish(raw, queue, 6);
        for (var number = 0; number < 6; number++) await ExpectDelivery(raw, number);
        await EndAndExpectInOrder(raw, queue, 6);
    }

    [Test]
    public async Task So_is_what_a_cancelled_consumer_and_gets_had()
    {
        await using var raw = await RawConnection.Open(Broker);
        var queue = await OpenAndFill(raw, messages: 0);
        for (var number = 0; number < 6; number += 2)
        {
            await raw.Call<BasicConsume, BasicConsumeOk>(1, Consume(queue, "a"));
            await raw.Publish(1, "", queue, $"{number}");
            await ExpectDelivery(raw, number);
            await raw.Call<BasicCancel, BasicCancelOk>(1, new BasicCancel("a", NoWait: false));
            await raw.Publish(1, "", queue, $"{number + 1}");
            await ExpectReady(raw, queue, 1);
            Assert.That(await raw.Call<BasicGet, BasicGetOk>(1, new BasicGet(queue, NoAck: false)), Is.Not.EqualTo(default(BasicGetOk)));
            await raw.ExpectContent(1);
        }
        await EndAndExpectInOrder(raw, queue, 6);
    }

    private static BasicConsume Consume(string queue, string tag) => new(queue, tag, NoLocal: false, NoAck: false, Exclusive: false, NoWait: false, FieldTable.Empty);

    private async Task<string> OpenAndFill(RawConnection raw, int messages)
    {
        await raw.OpenChannel(1);
        var queue = Name();
        DeleteAfterTest(queue);
        await raw.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare(queue, false, false, false, false, false, FieldTable.Empty));
        await Publish(raw, queue, messages);
        await ExpectReady(raw, queue, (uint)messages);
        return queue;
    }

    private static async Task Publish(RawConnection raw, string queue, int messages)
    {
        for (var number = 0; number < messages; number++) await raw.Publish(1, "", queue, $"{number}");
    }

    private static Task ExpectReady(RawConnection raw, string queue, uint count) => Eventually.That(
        async () => (await raw.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare(queue, Passive: true, false, false, false, false, FieldTable.Empty))).MessageCount,
        Is.EqualTo(count));

    private static async Task ExpectDelivery(RawConnection raw, int number) =>
        Assert.That((await raw.ExpectDelivery(1)).Content.Text, Is.EqualTo($"{number}"));

    /// <summary>Another consumer waits, with room for all of it.</summary>
    private static async Task EndAndExpectInOrder(RawConnection raw, string queue, int messages)
    {
        await using var next = await RawConnection.Open(Broker);
        await next.OpenChannel(1);
        await next.Call<BasicConsume, BasicConsumeOk>(1, Consume(queue, "next"));
        await raw.Call<ChannelClose, ChannelCloseOk>(1, new ChannelClose(ReplyCode.Success, "", default));
        for (var number = 0; number < messages; number++) await ExpectDelivery(next, number);
        await next.Close();
    }
}
