using System.Net;
using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Limits.Tests;

/// <summary>Clients that come and go all the time, and such as are gone and have not said so.</summary>
internal sealed class ComingAndGoingTests : BrokerFixture
{
    [Test]
    public async Task Thousands_of_logins_hold_up_no_other_client([Values] bool withGoodPasswords)
    {
        const int Clients = 8;
        const int LoginsOfEach = 250;
        var broker = await StartOwnBroker(["--Limits:FailedLoginsPerMinute=1000000"]);
        if (!withGoodPasswords) ExpectLog("PLAIN login refused: user 'guest' - invalid credentials", broker);
        var address = new IPEndPoint(IPAddress.Loopback, broker.Port);
        await using var neighbour = await Neighbour.Of(broker);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            for (var login = 0; login < LoginsOfEach; login++)
            {
                await using var client = await RawConnection.Connect(address);
                await client.Start();
                await client.SendStartOk(response: RawConnection.Plain("guest", withGoodPasswords ? "guest" : "wrong"));
                if (withGoodPasswords) await client.Expect<ConnectionTune>(0);
                else await client.Expect<ConnectionClose>(0);
            }
        })));
        await neighbour.Ask();
        var api = new ControlApi(broker);
        await Eventually.That(async () => (await api.List("connections")).Length, Is.EqualTo(2), within: Patience.Start); // the neighbour
    }

    [Test]
    public async Task Who_is_gone_and_has_not_said_so_is_missed_and_what_it_held_goes_to_others()
    {
        var broker = await StartOwnBroker([]);
        ExpectLog("missed heartbeats from client .*, timeout: 1s", broker);
        var address = new IPEndPoint(IPAddress.Loopback, broker.Port);
        await using var other = await RawConnection.Open(address);
        await other.OpenChannel(1);
        await other.Call<QueueDeclare, QueueDeclareOk>(1, new QueueDeclare("q", false, false, false, false, false, FieldTable.Empty));
        await other.Publish(1, "", "q", "held");
        await using var silent = await RawConnection.Open(address, heartbeat: 1);
        await silent.OpenChannel(1);
        await silent.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume("q", "", false, NoAck: false, false, false, FieldTable.Empty));
        await silent.ExpectDelivery(1);

        // From here on it says nothing, like a host that lost its power.
        await other.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume("q", "", false, NoAck: true, false, false, FieldTable.Empty));
        Assert.That((await other.ExpectDelivery(1)).Method.Redelivered, Is.True);
        var api = new ControlApi(broker);
        await Eventually.That(async () => (await api.List("connections")).Length, Is.EqualTo(1));
    }
}
