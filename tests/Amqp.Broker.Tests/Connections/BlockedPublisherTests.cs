using AMQP.Net;
using Amqp.Broker.Flow;
using Amqp.Broker.Tests.Nodes;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Connections;

/// <summary>Clients that publish while the node runs short of something are held back, and no others.</summary>
internal sealed class BlockedPublisherTests
{
    private static readonly TimeSpan AMoment = TimeSpan.FromMilliseconds(200);

    private readonly TestNode _node = new();

    private Alarms Alarms => _node.Broker.Services.Alarms;

    [Test]
    public async Task A_publisher_is_told_once_and_read_again_when_the_alarm_is_over()
    {
        var (publisher, other) = (await Open(), await Open());
        await other.Declare(1, "q");
        Alarms.Set(Shortage.Disk, isOn: true);
        await publisher.Publish(1, "q", "m1");
        Assert.That((await publisher.Expect<ConnectionBlocked>(0)).Reason, Is.EqualTo("low on disk"));
        await publisher.Publish(1, "q", "m2");
        await publisher.Send(1, TestClient.Declaration("q", passive: true));
        Assert.That(await other.ReadyCount(1, "q"), Is.Zero, "the body was not read");

        Alarms.Set(Shortage.Disk, isOn: false);
        await publisher.Expect<ConnectionUnblocked>(0);
        Assert.That((await publisher.Expect<QueueDeclareOk>(1)).MessageCount, Is.EqualTo(2));
    }

    [Test]
    public async Task It_is_blocked_again_by_the_next_alarm()
    {
        var publisher = await Open();
        for (var round = 0; round < 3; round++)
        {
            Alarms.Set(Shortage.Disk, isOn: true);
            await publisher.Publish(1, "nowhere", "m");
            await publisher.Expect<ConnectionBlocked>(0);
            Alarms.Set(Shortage.Disk, isOn: false);
            await publisher.Expect<ConnectionUnblocked>(0);
        }
        Assert.That(_node.Logs.Complaints, Has.Exactly(6).Contains("Disk resource limit alarm"));
    }

    [TestCase(Shortage.Memory, "low on memory")]
    [TestCase(Shortage.Memory | Shortage.Disk, "low on memory & disk")]
    public async Task It_is_told_what_runs_short(Shortage shortages, string reason)
    {
        var publisher = await Open();
        foreach (var shortage in (Shortage[])[Shortage.Memory, Shortage.Disk]) Alarms.Set(shortage, shortages.HasFlag(shortage));
        await publisher.Publish(1, "nowhere", "m");
        Assert.That((await publisher.Expect<ConnectionBlocked>(0)).Reason, Is.EqualTo(reason));
    }

    [Test]
    public async Task A_second_alarm_is_not_told_and_has_to_end_as_well()
    {
        var publisher = await Open();
        Alarms.Set(Shortage.Disk, isOn: true);
        await publisher.Publish(1, "nowhere", "m");
        await publisher.Expect<ConnectionBlocked>(0);
        Alarms.Set(Shortage.Memory, isOn: true);
        Alarms.Set(Shortage.Disk, isOn: false);
        var reading = publisher.Read();
        Assert.That(await Task.WhenAny(reading, Task.Delay(AMoment)), Is.Not.SameAs(reading));
        Alarms.Set(Shortage.Memory, isOn: false);
        Assert.That((await reading)!.Method, Is.EqualTo(MethodId.ConnectionUnblocked));
    }

    [Test]
    public async Task Who_does_not_publish_notices_nothing()
    {
        var (consumer, publisher) = (await Open(), await Open());
        await consumer.Declare(1, "q");
        await publisher.Publish(1, "q", "m1");
        await Eventually.That(async () => await publisher.ReadyCount(1, "q"), Is.EqualTo(1));
        Alarms.Set(Shortage.Disk, isOn: true);
        await consumer.Consume(1, "q", "tag");
        await consumer.ExpectDelivery(1);
        await consumer.Send(1, new BasicAck(1, Multiple: false));
        await consumer.Declare(1, "another");
        Assert.That(await publisher.ReadyCount(1, "q"), Is.Zero, "nor who has published before");
    }

    [Test]
    public async Task Who_does_not_want_to_be_told_is_only_held_back()
    {
        var (publisher, other) = (await Open(wantsBlocked: false), await Open());
        await other.Declare(1, "q");
        Alarms.Set(Shortage.Disk, isOn: true);
        publisher.WriteMessage(1, "q", "m1");
        await publisher.Send(1, TestClient.Declaration("q", passive: true));
        var reading = publisher.Read();
        Assert.That(await Task.WhenAny(reading, Task.Delay(AMoment)), Is.Not.SameAs(reading));
        Alarms.Set(Shortage.Disk, isOn: false);
        Assert.That((await reading)!.As<QueueDeclareOk>().MessageCount, Is.EqualTo(1));
    }

    [Test]
    public async Task The_pipe_fills_and_the_heartbeats_of_a_client_that_is_held_back_are_not_missed()
    {
        const int HeartbeatSeconds = 10;
        const int MessageBytes = 10_000;
        var publisher = _node.Dial();
        await publisher.Handshake(HeartbeatSeconds, wantsBlocked: true);
        await publisher.OpenChannel(1);
        Alarms.Set(Shortage.Disk, isOn: true);
        var sending = Task.CompletedTask;
        var sent = 0;
        for (; sent < 1_000; sent++)
        {
            publisher.WriteMessage(1, "nowhere", new string('x', MessageBytes));
            sending = publisher.Flush();
            if (await Task.WhenAny(sending, Task.Delay(AMoment)) != sending) break;
        }
        Assert.That(sent, Is.LessThan(20), "messages of 10 kB that a pipe takes");
        await publisher.Expect<ConnectionBlocked>(0);
        for (var i = 0; i < 10; i++)
        {
            _node.Time.Advance(HeartbeatSeconds * 1000L);
            await Task.Yield();
        }
        Alarms.Set(Shortage.Disk, isOn: false);
        await publisher.Expect<ConnectionUnblocked>(0);
        await sending.WaitAsync(Patience.Answer);
    }

    [Test]
    public async Task A_client_that_is_held_back_and_gone_is_noticed_by_what_it_is_sent()
    {
        const int HeartbeatSeconds = 10;
        var publisher = _node.Dial();
        await publisher.Handshake(HeartbeatSeconds, wantsBlocked: true);
        await publisher.OpenChannel(1);
        await publisher.Declare(1, "mine", exclusive: true);
        Alarms.Set(Shortage.Disk, isOn: true);
        await publisher.Publish(1, "nowhere", "m");
        await publisher.Expect<ConnectionBlocked>(0);
        publisher.Drop();
        await Eventually.True(() =>
        {
            _node.Time.Advance(HeartbeatSeconds * 1000L);
            return publisher.Served.IsCompleted;
        });
    }

    [Test]
    public async Task A_node_that_stops_gets_its_answer_from_a_client_that_is_held_back()
    {
        var publisher = await Open();
        Alarms.Set(Shortage.Disk, isOn: true);
        await publisher.Publish(1, "nowhere", "m");
        await publisher.Expect<ConnectionBlocked>(0);
        var stopped = _node.Broker.Stop();
        await publisher.Expect<ConnectionClose>(0);
        await publisher.Send(0, default(ConnectionCloseOk));
        await publisher.ExpectEnd();
        await stopped.WaitAsync(Patience.Answer);
    }

    [Test]
    public async Task Alarms_that_come_and_go_leave_no_publisher_blocked()
    {
        var clients = new List<TestClient>();
        for (var i = 0; i < 8; i++) clients.Add(await Open());
        using var done = new CancellationTokenSource();
        var alarming = Task.Run(async () =>
        {
            for (var i = 0; !done.IsCancellationRequested; i++)
            {
                Alarms.Set(Shortage.Disk, isOn: i % 2 == 0);
                await Task.Yield();
            }
            Alarms.Set(Shortage.Disk, isOn: false);
        });
        var publishing = clients.ConvertAll(async client =>
        {
            for (var i = 0; i < 500; i++) await client.Publish(1, "nowhere", "m");
            await client.Send(1, new BasicQos(0, 1, Global: false));
            while (!done.IsCancellationRequested)
            {
                if ((await client.Read())!.Method == MethodId.BasicQosOk) return;
            }
        });
        await Task.WhenAll(publishing).WaitAsync(Patience.Start);
        await done.CancelAsync();
        await alarming;
    }

    private async Task<TestClient> Open(bool wantsBlocked = true)
    {
        var client = _node.Dial();
        await client.Handshake(wantsBlocked: wantsBlocked);
        await client.OpenChannel(1);
        return client;
    }
}
