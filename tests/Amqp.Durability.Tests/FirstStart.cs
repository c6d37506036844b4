using Amqp.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Durability.Tests;

/// <summary>The first start of a broker makes its default user and virtual host; what later starts are told of them has no effect.</summary>
public sealed class FirstStartTests : BrokerFixture
{
    [Test]
    public async Task Guest_and_the_virtual_host_are_there_at_once_and_stay()
    {
        var broker = await StartOwnBroker([]);
        Assert.That(await CanLogIn(broker, "guest", "guest", "/"), Is.True);
        await broker.Kill();
        await broker.Restart();
        Assert.That(await CanLogIn(broker, "guest", "guest", "/"), Is.True);
        Assert.That(broker.Log.Lines.Count(line => line.Contains("made user 'guest'", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [Test]
    public async Task Another_default_user_and_virtual_host_take_their_place()
    {
        var broker = await StartOwnBroker("--Security:DefaultUser=admin", "--Security:DefaultPassword=secret", "--Security:DefaultVhost=main");
        Assert.That(await CanLogIn(broker, "admin", "secret", "main"), Is.True);
        Assert.That(await CanLogIn(broker, "admin", "secret", "/"), Is.False);
        broker.Log.Expect("login refused: user 'guest'");
        Assert.That(await CanLogIn(broker, "guest", "guest", "main"), Is.False);
    }

    [Test]
    public async Task A_later_start_does_not_look_at_the_default_password()
    {
        var first = await StartOwnBroker("--Security:DefaultPassword=first");
        Assert.That(await CanLogIn(first, "guest", "first", "/"), Is.True);
        await first.Stop();
        var later = await StartOwnBroker($"--Storage:Directory={first.Directory}", "--Security:DefaultPassword=later", "--Security:DefaultVhost=other");
        Assert.That(await CanLogIn(later, "guest", "first", "/"), Is.True);
        Assert.That(await CanLogIn(later, "guest", "first", "other"), Is.False);
        later.Log.Expect("login refused: user 'guest'");
        Assert.That(await CanLogIn(later, "guest", "later", "/"), Is.False);
        await later.Stop();
    }

    [Test]
    public async Task Where_users_may_have_been_lost_none_is_made()
    {
        await using var broker = await TestBroker.Start(directory => File.WriteAllText(Path.Combine(directory, "definitions.log"), "00000000 {}\n"));
        Assert.That(await CanLogIn(broker, "guest", "guest", "/"), Is.False);
        await Eventually.That(() => broker.Log.Lines, Has.Some.Contains("line 1 is damaged").And.Some.Contains("No client can log in: there are no users"));
    }

    [Test]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task The_data_directory_is_for_the_user_who_runs_the_broker()
    {
        var broker = await TestBroker.Start(Directory.Delete);
        try
        {
            Assert.That(File.GetUnixFileMode(broker.Directory), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
        }
        finally
        {
            await broker.DisposeAsync();
        }
    }

    private static async Task<bool> CanLogIn(TestBroker broker, string user, string password, string vhost)
    {
        var factory = new ConnectionFactory { HostName = broker.Host, Port = broker.Port, UserName = user, Password = password, VirtualHost = vhost };
        try
        {
            await using var connection = await factory.CreateConnectionAsync();
            await using var channel = await connection.CreateChannelAsync();
            await channel.QueueDeclareAsync();
            return true;
        }
        catch (Exception exception) when (exception is BrokerUnreachableException or OperationInterruptedException)
        {
            return false;
        }
    }
}
