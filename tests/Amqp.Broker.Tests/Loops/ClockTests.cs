using AMQP.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Broker.Tests.Queues;
using Amqp.Core;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Loops;

/// <summary>The system's clock is set, by a year, while the broker runs.</summary>
[TestFixture(365)]
[TestFixture(-365)]
internal sealed class ClockTests(int days)
{
    private readonly TestNode _node = new(new Limits { FailedLoginsPerMinute = 2, DiskFreeBytes = 0 });
    private readonly TimeSpan _jump = TimeSpan.FromDays(days);

    [Test]
    public async Task Messages_live_as_long_as_they_were_to()
    {
        var client = await Open();
        await client.Declare(1, "q", durable: true, arguments: FieldTable.From(("x-message-ttl", FieldValue.From(10_000))));
        await client.Publish(1, "q", "before");
        Assert.That(await client.ReadyCount(1, "q"), Is.EqualTo(1));
        _node.Time.SetClock(_jump);
        _node.Time.Advance(9_000);
        await client.Publish(1, "q", "after");
        Assert.That(await client.ReadyCount(1, "q"), Is.EqualTo(2));
        _node.Time.Advance(1_001);
        Assert.That(await client.ReadyCount(1, "q"), Is.EqualTo(1));
        _node.Time.Advance(9_000);
        Assert.That(await client.ReadyCount(1, "q"), Is.Zero);
    }

    [Test]
    public async Task Clients_who_are_there_are_not_taken_for_gone_and_those_who_are_gone_are_noticed_in_time()
    {
        var client = await _node.Connect(heartbeatSeconds: 10);
        await client.OpenChannel(1);
        _node.Time.SetClock(_jump);
        _node.Time.Advance(5_000);
        await client.Declare(1, "q");
        Assert.That(_node.Logs.Complaints, Is.Empty);
        for (var look = 0; look < 6 && !client.Served.IsCompleted; look++)
        {
            _node.Time.Advance(5_000);
            await Eventually.That(() => client.Served.IsCompleted || _node.Time.TimersSet == 3, Is.True);
        }
        await client.Served.WaitAsync(Patience.Answer);
        Assert.That(_node.Logs.Complaints, Has.One.Contains("missed heartbeats"));
    }

    [Test]
    public async Task A_client_that_guesses_passwords_waits_as_long_as_it_had_to()
    {
        for (var guess = 0; guess < 2; guess++) await Guess("wrong");
        _node.Time.SetClock(_jump);
        await Guess("guest");
        Assert.That(_node.Logs.Complaints, Has.Exactly(1).Contains("too many failed logins"));
        _node.Time.Advance(60_000);
        await _node.Connect();
    }

    [Test]
    public async Task What_expires_after_a_restart_goes_by_the_wall_clock_as_it_was_when_the_message_came()
    {
        var story = new ActorStory(durable: true);
        story.Time.SetClock(_jump);
        story.Publish("m", expirationMs: 100_000);
        story.Time.Advance(40_000);
        story.Restart(clean: true);
        await Eventually.That(() => story.ReadyCount, Is.EqualTo(1));
        story.Time.Advance(60_000);
        Assert.That(story.ReadyCount, Is.EqualTo(1), "its last millisecond");

        // Set while the broker is down: it cannot tell that from time.
        story.End(clean: true);
        story.Time.SetClock(_jump);
        story.Begin();
        await Eventually.That(() => story.ReadyCount, Is.EqualTo(days > 0 ? 0 : 1));
    }

    private async Task<TestClient> Open()
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        return client;
    }

    private async Task Guess(string password)
    {
        var client = _node.Dial();
        await client.LogIn("guest", password);
        Assert.That((await client.Expect<ConnectionClose>(0)).ReplyCode, Is.EqualTo(ReplyCode.AccessRefused));
        await client.Send(0, default(ConnectionCloseOk));
        await client.Served.WaitAsync(Patience.Answer);
    }
}
