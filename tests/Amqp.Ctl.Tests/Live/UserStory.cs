using Amqp.Testing;
using RabbitMQ.Client.Exceptions;

namespace Amqp.Ctl.Tests.Live;

/// <summary>Users, virtual hosts, permissions and limits: what the tool says is done, clients notice.</summary>
public class UserStory : ToolFixture
{
    [Test]
    public async Task A_user_made_with_the_tool_logs_in_and_one_that_was_deleted_does_not()
    {
        await Do("add_vhost shop --description 'Orders of the shop' --tags a,b");
        await Do("add_user alice", "secret\n");
        await Do("set_permissions -p shop alice .* .* .*");
        await Connect("alice", "secret", "shop");
        Assert.That((await Do("-q authenticate_user alice secret")).Output, Is.EqualTo("Success\n"));

        await Do("change_password alice", "other\n");
        Assert.That((await Run("authenticate_user alice secret")).Code, Is.EqualTo(65));
        await Connect("alice", "other", "shop");

        await Do("clear_password alice");
        Assert.That((await Run("authenticate_user alice other")).Code, Is.EqualTo(65));
        await Do("delete_user alice");
        Assert.That((await Do("-q -s list_users")).Output, Is.EqualTo("guest\t[administrator]\n"));
    }

    [Test]
    public async Task A_hash_of_the_tool_is_a_password()
    {
        var hash = (await Do("hash_password -q secret")).Output.Trim();
        await Do("add_user bob --pre-hashed-password", $"{hash}\n");
        await Do($"add_user carol {hash} --pre-hashed-password");
        foreach (var user in (string[])["bob", "carol"]) Assert.That((await Run($"authenticate_user {user} secret")).Code, Is.Zero, user);
    }

    [Test]
    public async Task A_blank_password_lets_nobody_in()
    {
        await Do("add_user dora ''");
        Assert.That((await Run("authenticate_user dora ''")).Code, Is.EqualTo(65));
    }

    [Test]
    public async Task No_word_about_a_mistake_repeats_a_password()
    {
        foreach (var line in (string[])["add_user a s3cret more", "change_password a s3cret more", "authenticate_user a s3cret --wrong", "hash_password s3cret more", "add_user a -s3cret", "change_password a --s3cret", "add_user a s3cret --pre-hashed-password"])
        {
            var result = await Run(line);
            Assert.That(result.Code, Is.EqualTo(64).Or.EqualTo(65), line);
            Assert.That(result.Output + result.Error, Does.Not.Contain("s3cret").And.Contain("***"), line);
        }
        await Do("add_user a -- -s3cret");
        await Do("authenticate_user a -- -s3cret");
        await Do("change_password a @s3cret");
        await Do("authenticate_user a @s3cret");
        Assert.That((await Run("authenticate_user a s3crets")).ToString(), Does.Not.Contain("s3cret"));
        Assert.That(Node.Log.Lines, Has.None.Contains("s3cret"));
    }

    [Test]
    public async Task What_is_said_of_a_virtual_host_can_be_changed_in_parts()
    {
        await Do("add_vhost shop --description first --tags a,b");
        await Do("update_vhost_metadata shop --description second");
        await Do("set_vhost_tags shop c");
        Assert.That((await Do("-s list_vhosts name description tags default_queue_type tracing")).Lines, Has.Member("shop\tsecond\t[c]\tundefined\tfalse"));
        var nothing = await Run("update_vhost_metadata shop");
        Assert.That(nothing.ToString(), Does.StartWith("code 64\n").And.Contain("not enough arguments."));
        await Do("add_vhost shop --description third"); // as in RabbitMQ, one that is there stays as it is
        Assert.That((await Do("-s list_vhosts description")).Lines, Has.Member("second"));
        var gone = await Run("update_vhost_metadata nowhere --tags x");
        Assert.That((gone.Code, gone.Error), Is.EqualTo((65, "Virtual host 'nowhere' does not exist\n")));
    }

    [Test]
    public async Task Queues_take_the_default_queue_type_of_their_virtual_host()
    {
        await Do("add_vhost shop --default-queue-type classic");
        await Do("add_vhost plain");
        await Do("set_permissions -p shop guest .* .* .*");
        Assert.That((await Do("-s list_vhosts name default_queue_type")).Lines, Is.SupersetOf(["shop\tclassic", "plain\tundefined"]));
        await using var channel = await (await Connect("guest", "guest", "shop")).CreateChannelAsync();
        await channel.QueueDeclareAsync("orders", durable: true, exclusive: false, autoDelete: false);
        await channel.QueueDeclareAsync("orders", durable: true, exclusive: false, autoDelete: false);
        Assert.That((await Do("-s list_queues -p shop name arguments")).Lines, Is.EqualTo(["orders\t[{\"x-queue-type\",\"classic\"}]"]));

        var unknown = await Run("add_vhost other --default-queue-type heap");
        Assert.That((unknown.Code, unknown.Error), Is.EqualTo((64, "Error:\nUnsupported default queue type\n")));
        unknown = await Run("update_vhost_metadata shop --default-queue-type heap");
        Assert.That((unknown.Code, unknown.Error.Split('\n')[0]), Is.EqualTo(
            (65, "Error (argument validation): Bad argument: Default queue type must be one of: quorum, stream, classic. Provided: heap")));
        var absent = await Run("add_vhost other --default-queue-type stream");
        Assert.That((absent.Code, absent.Error), Is.EqualTo(
            (69, "Error:\nqueue type 'stream' is not supported by this broker, and so it cannot be the default of a virtual host\n")));
    }

    [Test]
    public async Task Permissions_for_all_virtual_hosts_are_set_at_once()
    {
        await Do("add_vhost one");
        await Do("add_user alice secret");
        await Do("set_permissions_globally alice ^x ^y ^z");
        Assert.That((await Do("-s list_user_permissions alice")).Lines, Is.EquivalentTo(["/\t^x\t^y\t^z", "one\t^x\t^y\t^z"]));
        Assert.That((await Run("set_permissions_globally nobody ^x ^y ^z")).ToString(), Is.EqualTo("code 67\nSetting permissions for user \"nobody\" in all virtual hosts ...\nerror stream:\nError:\nUser nobody does not exist\n"));
    }

    [Test]
    public async Task A_limit_of_a_user_holds_until_it_is_cleared()
    {
        await Do("""set_user_limits guest '{"max-connections": 1}'""");
        await Connect();
        Assert.That(await Refusal(), Does.Contain("user connection limit (1) is reached"));
        await Do("clear_user_limits guest all");
        await Connect();
        await Eventually.That(async () => (await Do("-s list_connections state")).Lines, Is.EqualTo(["running", "running"]));
    }

    /// <summary>The client may learn of it while it connects, or only afterwards.</summary>
    private async Task<string> Refusal()
    {
        try
        {
            var client = await Connect();
            await Eventually.That(() => client.CloseReason, Is.Not.Null);
            return client.CloseReason!.ReplyText;
        }
        catch (Exception exception) when (exception is BrokerUnreachableException or OperationInterruptedException)
        {
            return $"{exception}";
        }
    }
}
