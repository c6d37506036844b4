using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using AMQP.Net;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>Who gets into which virtual host, and how often.</summary>
[Same]
public sealed class AdmissionTests : ConformanceFixture
{
    [SetUp]
    public void Users_are_there()
    {
        if (Definitions.Missing is { } reason) Assert.Ignore(reason);
    }

    [TestCase("limited")]
    [TestCase("sha512")]
    [TestCase("md5")]
    public async Task A_password_fits_whatever_it_was_hashed_with(string user)
    {
        var connection = await Connect(user);
        Assert.That(connection.IsOpen, Is.True);
    }

    [TestCase("sha512", "Secret")]
    [TestCase("md5", "secret ")]
    [TestCase("nopassword", "")]
    [TestCase("nopassword", "secret")]
    public async Task Another_password_does_not(string user, string password)
    {
        ExpectLog($"PLAIN login refused: user '{user}'");
        await using var raw = await RawConnection.Connect(Broker);
        await raw.Start();
        await raw.SendStartOk(response: RawConnection.Plain(user, password));
        await raw.ExpectConnectionClose(
            ReplyCode.AccessRefused, "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.");
    }

    [Test]
    public async Task A_name_with_a_line_feed_writes_no_line_of_its_own_into_the_log()
    {
        ExpectLog(@"PLAIN login refused: user 'x\\nfail: forged'");
        await using var raw = await RawConnection.Connect(Broker);
        await raw.Start();
        await raw.SendStartOk(response: RawConnection.Plain("x\nfail: forged", "p"));
        await raw.Expect<ConnectionClose>(0);
    }

    [Test]
    public async Task A_virtual_host_without_permissions_is_closed()
    {
        await using var raw = await Begin("sha512", Definitions.Other);
        await raw.ExpectConnectionClose(
            ReplyCode.NotAllowed, "NOT_ALLOWED - access to vhost 'other' refused for user 'sha512'", MethodId.ConnectionOpen);
    }

    [Test]
    public async Task Permissions_for_nothing_let_in()
    {
        var connection = await Connect(Definitions.Limited, Definitions.Other);
        var channel = await OpenChannel(connection);
        await channel.ExchangeDeclarePassiveAsync("amq.topic");
    }

    [Test]
    public async Task Virtual_hosts_have_nothing_in_common()
    {
        var name = Name();
        var here = await OpenChannel();
        var there = await OpenChannel(await Connect(factory => factory.VirtualHost = Definitions.Other));
        await DeclareQueue(here, name);
        await there.QueueDeclareAsync(name, durable: false, exclusive: false, autoDelete: true);
        await DeclareExchange(here, "fanout", name);
        await ExpectClose(() => there.ExchangeDeclarePassiveAsync(name), 404, $"NOT_FOUND - no exchange '{name}' in vhost 'other'");
        there = await OpenChannel(await Connect(factory => factory.VirtualHost = Definitions.Other));
        foreach (var (channel, text) in ((IChannel, string)[])[(here, "here"), (there, "there")])
        {
            await channel.QueueBindAsync(name, "amq.fanout", "");
            await channel.BasicPublishAsync("amq.fanout", "", Bytes(text));
        }
        Assert.That(await Drain(here, name), Is.EqualTo(["here"]));
        Assert.That(await Drain(there, name), Is.EqualTo(["there"]));
        await there.QueueDeleteAsync(name);
    }

    [Test]
    public async Task A_user_has_no_more_connections_than_their_limit()
    {
        var only = await Connect("oneconnection");
        await using (var second = await Begin("oneconnection", "/"))
        {
            await second.ExpectConnectionClose(
                ReplyCode.NotAllowed, "NOT_ALLOWED - connection refused for user 'oneconnection': user connection limit (1) is reached", MethodId.ConnectionOpen);
        }
        await only.CloseAsync();
        await Eventually.True(() => CanConnect("oneconnection", "/"));
    }

    [Test]
    public async Task A_virtual_host_has_no_more_connections_than_its_limit()
    {
        var only = await Connect(factory => factory.VirtualHost = Definitions.Small);
        await using (var second = await Begin("guest", Definitions.Small))
        {
            await second.ExpectConnectionClose(
                ReplyCode.NotAllowed, "NOT_ALLOWED - access to vhost 'small' refused for user 'guest': connection limit (1) is reached", MethodId.ConnectionOpen);
        }
        var channel = await OpenChannel(only);
        var queue = Name();
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: true, autoDelete: false);
        await ExpectClose(
            () => channel.QueueDeclareAsync("another"), 406, "PRECONDITION_FAILED - cannot declare queue 'another': queue limit in vhost 'small' (1) is reached");
        await only.CloseAsync();
        await Eventually.True(() => CanConnect("guest", Definitions.Small));
    }

    [Test]
    public async Task A_limit_of_zero_closes_a_virtual_host()
    {
        await using var raw = await Begin("guest", Definitions.Closed);
        await raw.ExpectConnectionClose(
            ReplyCode.NotAllowed, "NOT_ALLOWED - access to vhost 'closed' refused for user 'guest': connection limit (0) is reached", MethodId.ConnectionOpen);
    }

    [Test]
    public async Task A_user_has_no_more_channels_than_their_limit()
    {
        await using var raw = await Begin("twochannels", "/");
        await raw.Expect<ConnectionOpenOk>(0);
        // RabbitMQ counts a channel a moment after it was opened, so that it may be one of the next that is refused.
        RawFrame answer;
        ushort channel = 0;
        do
        {
            await raw.Send(++channel, default(ChannelOpen));
            answer = await raw.ReadFrame();
        }
        while (answer.Is(MethodId.ChannelOpenOk));
        Assert.That(channel, Oracle.IsUsed ? Is.GreaterThan(2) : Is.EqualTo(3));
        var close = answer.Read<ConnectionClose>();
        // Since 3.12 RabbitMQ has the name of the node where that of the user belongs.
        Assert.That((close.ReplyCode, close.ReplyText), Is.EqualTo((
            ReplyCode.NotAllowed, "NOT_ALLOWED - number of channels opened for user 'twochannels' has reached the maximum allowed user limit of (2)")));
    }

    /// <summary>A connection whose user has logged in and asked for a virtual host; the answer is not read.</summary>
    private static async Task<RawConnection> Begin(string user, string vhost)
    {
        var raw = await RawConnection.Connect(Broker);
        await raw.Start();
        await raw.Login(response: RawConnection.Plain(user, user == "guest" ? "guest" : Definitions.Password));
        await raw.Send(0, new ConnectionTuneOk(2047, 131_072, 0));
        await raw.Send(0, new ConnectionOpen(vhost));
        return raw;
    }

    private static async Task<bool> CanConnect(string user, string vhost)
    {
        await using var raw = await Begin(user, vhost);
        if (!(await raw.ReadFrame()).Is(MethodId.ConnectionOpenOk)) return false;
        await raw.Close();
        return true;
    }
}
