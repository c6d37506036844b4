using System.Net;
using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Limits.Tests;

/// <summary>Clients that do not read what they are sent, or never say that they have it.</summary>
internal sealed class BadReaderTests : BrokerFixture
{
    private const int Messages = 3_000;
    private const int MessageBytes = 20_000;

    private TestBroker _broker = null!;

    private IPEndPoint Address => new(IPAddress.Loopback, _broker.Port);

    [SetUp]
    public async Task StartBroker() => _broker = await StartOwnBroker("--Limits:PageOutBytes=20000000");

    [Test]
    public async Task A_slow_reader_with_a_huge_prefetch_or_none_holds_up_no_other_client([Values] bool noAck)
    {
        await using var neighbour = await Neighbour.Of(_broker);
        await using var slow = await Consumer(noAck);
        await using var publisher = await Publisher();
        await PublishAll(publisher);
        await neighbour.Ask();

        // It reads on after all, and everything is there.
        for (var message = 0; message < Messages; message++) await slow.ExpectDelivery(1);
    }

    [Test]
    public async Task What_a_client_never_acknowledges_is_kept_and_given_to_the_next()
    {
        await using var neighbour = await Neighbour.Of(_broker);
        await using var never = await Consumer(noAck: false);
        await using var publisher = await Publisher();
        var reading = Task.Run(async () =>
        {
            for (var message = 0; message < Messages; message++) await never.ExpectDelivery(1);
        });
        await PublishAll(publisher);
        await reading;
        await neighbour.Ask();

        never.Drop();
        await using var next = await Consumer(noAck: true);
        for (var message = 0; message < Messages; message++)
            Assert.That((await next.ExpectDelivery(1)).Method.Redelivered, Is.True);
    }

    [Test]
    public async Task A_publisher_that_never_reads_its_confirms_fills_nothing()
    {
        const int Many = 200_000;
        await using var neighbour = await Neighbour.Of(_broker);
        await using var publisher = await RawConnection.Open(Address);
        await publisher.OpenChannel(1);
        await publisher.Call<ConfirmSelect, ConfirmSelectOk>(1, new ConfirmSelect(NoWait: false));
        publisher.Deadline = Patience.Start;
        var message = new List<byte>();
        message.AddRange(RawConnection.Encode(1, new BasicPublish("", "nowhere", false, false)));
        message.AddRange([2, 0, 1, 0, 0, 0, 14, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, Frame.End]);
        byte[] hundred = [.. Enumerable.Repeat(message, 100).SelectMany(bytes => bytes)];
        for (var sent = 0; sent < Many; sent += 100) await publisher.SendBytes(hundred);
        await neighbour.Ask();
        var last = 0UL;
        while (last < Many) last = (await publisher.Expect<BasicAck>(1)).DeliveryTag;
    }

    /// <summary>Consumes from the queue of the test, and does not read.</summary>
    private async Task<RawConnection> Consumer(bool noAck)
    {
        var consumer = await RawConnection.Open(Address);
        await consumer.OpenChannel(1);
        await consumer.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare("q", false, Durable: true, false, false, false, FieldTable.Empty));
        await consumer.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume("q", "", false, noAck, false, false, FieldTable.Empty));
        return consumer;
    }

    private async Task<RawConnection> Publisher()
    {
        var publisher = await RawConnection.Open(Address);
        await publisher.OpenChannel(1);
        publisher.Deadline = Patience.Start;
        return publisher;
    }

    private static async Task PublishAll(RawConnection publisher)
    {
        var body = new string('x', MessageBytes);
        for (var message = 0; message < Messages; message++) await publisher.Publish(1, "", "q", body);
        // Its answer says that all of it was read.
        await publisher.Call<BasicQos, BasicQosOk>(1, new BasicQos(0, 1, Global: false));
    }
}
