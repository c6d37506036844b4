using AMQP.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Connections;

/// <summary>Who gets in, and what an operator's change means to those who are in.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public class SecurityTests
{
    private const int FailedLoginsPerMinute = 5;
    private readonly TestNode _node = new(new Limits { FailedLoginsPerMinute = FailedLoginsPerMinute });

    [SetUp]
    public async Task A_user_and_a_virtual_host()
    {
        foreach (var command in (TopologyCommand[])
        [
            new AddUser("u", PasswordHash.Of("p", [1, 2, 3, 4]), []),
            new SetPermissions("/", "u", Permissions.All),
            new AddVhost("v"),
            new SetPermissions("v", "u", Permissions.All),
        ])
        {
            await Change(command);
        }
    }

    [Test]
    public async Task The_connections_of_a_deleted_user_are_closed_and_no_others()
    {
        var (user, guest) = (await Connect("u"), await _node.Connect());
        await Change(new DeleteUser("u"));
        await ExpectClose(user, ReplyCode.ConnectionForced, "CONNECTION_FORCED - user 'u' is deleted");
        await guest.OpenChannel(1);
        await ExpectRefusal("u", "p");
    }

    [Test]
    public async Task A_user_who_is_deleted_before_they_open_a_virtual_host_is_refused_there()
    {
        var client = await LogIn("u", "p");
        await Change(new DeleteUser("u"));
        await client.Send(0, new ConnectionOpen("/"));
        await ExpectClose(client, ReplyCode.NotAllowed, "NOT_ALLOWED - access to vhost '/' refused for user 'u'");
    }

    [Test]
    public async Task A_changed_password_holds_from_the_next_login_on()
    {
        var client = await Connect("u");
        await Change(new ChangePassword("u", PasswordHash.Of("new", [1, 2, 3, 4])));
        await client.OpenChannel(1);
        await ExpectRefusal("u", "p");
        await LogIn("u", "new");
    }

    [Test]
    public async Task A_deleted_virtual_host_closes_its_connections_and_takes_queues_and_messages_along()
    {
        var (inside, outside) = (await Connect("u", "v"), await Connect("u"));
        foreach (var client in (TestClient[])[inside, outside])
        {
            await client.OpenChannel(1);
            await client.Declare(1, "q", durable: true);
            client.WriteMessage(1, "q", "m", persistent: true);
            await client.Send(1, TestClient.Declaration("q", passive: true));
            await client.Expect<QueueDeclareOk>(1);
        }
        await Eventually.That(() => _node.Messages.Count(Queue("v").Id.Value), Is.EqualTo(1));
        var (gone, kept) = (Queue("v").Id.Value, Queue("/").Id.Value);

        await Change(new DeleteVhost("v"));
        await ExpectClose(inside, ReplyCode.ConnectionForced, "CONNECTION_FORCED - vhost 'v' is deleted");
        await Eventually.That(() => _node.Messages.Text(gone), Is.EqualTo("nothing"));
        Assert.That(_node.Messages.Count(kept), Is.EqualTo(1));
        await Eventually.That(() => _node.Broker.Services.Queues.Count, Is.EqualTo(1));

        await Change(new AddVhost("v"));
        await Change(new SetPermissions("v", "u", Permissions.All));
        var again = await Connect("u", "v");
        await again.OpenChannel(1);
        await again.Declare(1, "q", durable: true);
        Assert.That(await again.ReadyCount(1, "q"), Is.Zero);
    }

    [Test]
    public async Task What_a_connection_does_in_a_deleted_virtual_host_says_the_same()
    {
        var client = await Connect("u", "v");
        await client.OpenChannel(1);
        await Change(new DeleteVhost("v"));
        // Whichever is first, this or the news of the deletion.
        await client.Send(1, TestClient.Declaration("q"));
        await ExpectClose(client, ReplyCode.ConnectionForced, "CONNECTION_FORCED - vhost 'v' is deleted");
    }

    [Test]
    public async Task A_publisher_whose_permission_is_taken_away_notices_at_once()
    {
        var client = await Connect("u");
        await client.OpenChannel(1);
        await client.Declare(1, "q");
        client.WriteMessage(1, "q", "m1");
        Assert.That(await client.ReadyCount(1, "q"), Is.EqualTo(1));
        await Change(new SetPermissions("/", "u", new(new(".*"), new("^amq[.]topic$"), new(".*"))));
        client.WriteMessage(1, "q", "m2");
        await client.Flush();
        var close = await client.Expect<ChannelClose>(1);
        Assert.That(close.ReplyText, Is.EqualTo("ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'u'"));
    }

    [Test]
    public async Task Topic_permissions_hold_for_keys_that_were_used_before()
    {
        var client = await Connect("u");
        await client.OpenChannel(1);
        await client.Declare(1, "q");
        await client.Send(1, new QueueBind("q", "amq.topic", "#", NoWait: false, FieldTable.Empty));
        await client.Expect<QueueBindOk>(1);
        await Change(new SetTopicPermissions("/", "u", "amq.topic", "^a", ".*"));
        foreach (var key in (string[])["a1", "a2", "a1"]) client.WriteMessage(1, key, "m", exchange: "amq.topic");
        Assert.That(await client.ReadyCount(1, "q"), Is.EqualTo(3));
        await Change(new SetTopicPermissions("/", "u", "amq.topic", "^a2", ".*"));
        client.WriteMessage(1, "a1", "m", exchange: "amq.topic");
        await client.Flush();
        Assert.That((await client.Expect<ChannelClose>(1)).ReplyText,
            Is.EqualTo("ACCESS_REFUSED - write access to topic 'a1' in exchange 'amq.topic' in vhost '/' refused for user 'u'"));
    }

    [Test]
    public async Task Closed_connections_and_channels_make_room()
    {
        await Change(new SetUserLimits("u", new(1, 1)));
        for (var i = 0; i < 3; i++)
        {
            var client = await Connect("u");
            for (var j = 0; j < 3; j++)
            {
                await client.OpenChannel(1);
                await client.Send(1, new ChannelClose(ReplyCode.Success, "", default));
                await client.Expect<ChannelCloseOk>(1);
            }
            await client.OpenChannel(1);
            var second = await LogIn("u", "p");
            await second.Send(0, new ConnectionOpen("/"));
            await ExpectClose(second, ReplyCode.NotAllowed, "NOT_ALLOWED - connection refused for user 'u': user connection limit (1) is reached");
            // The room is there before the client can know that its connection is closed.
            await client.Send(0, new ConnectionClose(ReplyCode.Success, "", default));
            await client.Expect<ConnectionCloseOk>(0);
        }
    }

    [Test]
    public async Task Guest_logs_in_from_this_host_only()
    {
        await ExpectRefusal("guest", "guest", address: "10.0.0.1");
        Assert.That(_node.Logs.Complaints, Has.One.Contains("user 'guest' can only connect via localhost"));
        await LogIn("u", "p", address: "10.0.0.1");
        await LogIn("guest", "guest");
    }

    [Test]
    public async Task After_many_failed_logins_the_password_is_not_looked_at_for_a_while()
    {
        for (var i = 0; i < FailedLoginsPerMinute; i++) await ExpectRefusal("u", "wrong", "10.0.0.1");
        await ExpectRefusal("u", "p", "10.0.0.1");
        Assert.That(_node.Logs.Complaints, Has.One.Contains("too many failed logins from 10.0.0.1"));
        await LogIn("u", "p", "10.0.0.2");
        await LogIn("guest", "guest");

        _node.Time.Advance(60_000 / FailedLoginsPerMinute);
        await LogIn("u", "p", "10.0.0.1");
    }

    [Test]
    public async Task A_name_that_no_user_can_have_does_not_fill_the_log()
    {
        await ExpectRefusal(new string('x', 3_000), "p");
        Assert.That(_node.Logs.Complaints.Single(), Does.Contain("xxx...").And.Length.LessThan(1_000));
    }

    [Test]
    public async Task Names_that_no_user_has_count_as_one_and_keep_no_user_out()
    {
        for (var i = 0; i <= FailedLoginsPerMinute; i++) await ExpectRefusal($"nobody{i}", "p", "10.0.0.1");
        Assert.That(_node.Logs.Complaints, Has.One.Contains("too many failed logins"));
        await LogIn("u", "p", "10.0.0.1");
    }

    private QueueDefinition Queue(string vhost) => _node.Broker.Topology.Find(vhost)!.Queues["q"];

    private async Task Change(TopologyCommand command) => Assert.That((await _node.Broker.Change(command)).Error, Is.Null);

    private async Task<TestClient> Connect(string user, string vhost = "/")
    {
        var client = await LogIn(user, "p");
        await client.Send(0, new ConnectionOpen(vhost));
        await client.Expect<ConnectionOpenOk>(0);
        return client;
    }

    private async Task<TestClient> LogIn(string user, string password, string address = "127.0.0.1")
    {
        var client = _node.Dial(address);
        await client.LogIn(user, password);
        var tune = await client.Expect<ConnectionTune>(0);
        await client.Send(0, new ConnectionTuneOk(tune.ChannelMax, tune.FrameMax, 0));
        return client;
    }

    private async Task ExpectRefusal(string user, string password, string address = "127.0.0.1")
    {
        var client = _node.Dial(address);
        await client.LogIn(user, password);
        await ExpectClose(client, ReplyCode.AccessRefused, "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.");
    }

    private static async Task ExpectClose(TestClient client, ReplyCode code, string text)
    {
        var close = await client.Expect<ConnectionClose>(0);
        Assert.That((close.ReplyCode, close.ReplyText), Is.EqualTo((code, text)));
        await client.Send(0, default(ConnectionCloseOk));
    }
}
