using System.Text.Json;
using Amqp.Testing;

namespace Amqp.Ctl.Tests.Live;

/// <summary>Finding the broker, and what is said where there is none.</summary>
public class NodeStory : ToolFixture
{
    [Test]
    public async Task The_socket_is_found_where_the_brokers_own_settings_say()
    {
        var socket = Path.Combine(Node.Directory, "control.sock");
        var elsewhere = Directory.CreateDirectory(Path.Combine(Node.Directory, "elsewhere")).FullName;
        async Task Found(string[] arguments, string? directory = null, Dictionary<string, string>? environment = null)
        {
            var result = await Tool.Run(Tool.Amqpctl, ["ping", "-q", .. arguments], directory: directory ?? elsewhere, environment: environment);
            Assert.That(result, Is.EqualTo(new ToolResult(0, "Ping succeeded\n", "")));
        }

        await Found([$"--socket={socket}"]);
        await Found([$"--data-directory={Node.Directory}"]);
        await Found([], environment: Tool.BrokerIn(Node.Directory));
        await Found([], environment: new() { ["Control__Socket"] = socket, ["Storage__Directory"] = elsewhere });
        await File.WriteAllTextAsync(Path.Combine(elsewhere, "appsettings.json"), """{ /* as the broker's */ "Storage": { "Directory": ".." }, }""");
        await Found([]);
        await File.WriteAllTextAsync(Path.Combine(elsewhere, "appsettings.json"), "{ no json");
        var broken = await Tool.Run(Tool.Amqpctl, ["ping", "-q"], directory: elsewhere);
        Assert.That(broken.Code, Is.EqualTo(78), broken.ToString());
    }

    [Test]
    public async Task No_broker_is_69_and_what_to_do()
    {
        var nowhere = await Tool.Run(Tool.Amqpctl, ["list_queues", $"--data-directory={Node.Directory}/nowhere"]);
        Assert.That(nowhere.Code, Is.EqualTo(69));
        Assert.That(nowhere.Error, Does.Contain("there is no control socket").And.Contain("--data-directory"));

        await Node.Kill();
        var killed = await Run("list_queues");
        Assert.That(killed.Code, Is.EqualTo(69));
        Assert.That(killed.Error, Does.Contain("the broker that made it has ended"));
    }

    [Test]
    public async Task Another_node_than_the_one_that_answers_is_69()
    {
        await Do("-n node@localhost -q list_users");
        await Do("list_users --node node -l");
        var other = await Run("list_users -n other@localhost");
        Assert.That((other.Code, other.Output), Is.EqualTo((69, "")));
        Assert.That(other.Error, Does.StartWith("Error: unable to perform an operation on node 'other@localhost'.").And.Contain("The broker that answers is 'node@localhost'."));
        Assert.That((await Run("list_users -n 'bad name@x'")).Code, Is.EqualTo(65));
    }

    [Test]
    public async Task Await_startup_waits_for_a_process_that_does_not_run_yet()
    {
        await Node.Kill();
        var waiting = Run("await_startup -t 30");
        await Node.Restart();
        Assert.That((await waiting).ToString(), Is.EqualTo("code 0\n"));
        await Node.Kill();
        Assert.That((await Run("await_startup -t 0.3")).Code, Is.EqualTo(75));
    }

    [Test]
    public async Task Status_is_for_people_and_for_programs()
    {
        var text = (await Do("status")).Output;
        Assert.That(text, Does.StartWith("Status of node node@localhost ...\nRuntime\n\nOS PID: "));
        Assert.That(text, Does.Contain(Line($"OS PID: {Node.ProcessId}\n")).And.Contain("Node name: node@localhost\n").And.Contain("Alarms\n\n(none)\n"));
        Assert.That(text, Does.Contain("Queue count: 0\nVirtual host count: 1\n").And.Contain(Line($"Interface: 127.0.0.1, port: {Node.Port}, protocol: amqp, purpose: AMQP 0-9-1\n")));
        Assert.That(text, Does.Match(@"Free disk space: \d+\.\d{1,4} gb\n"));
        Assert.That((await Do("-q status --unit bytes")).Output, Does.Match(@"Free disk space: \d+ bytes\n"));

        using var json = JsonDocument.Parse((await Do("status --formatter json")).Output);
        Assert.That(json.RootElement.GetProperty("pid").GetInt32(), Is.EqualTo(Node.ProcessId));
        Assert.That(json.RootElement.GetProperty("totals").GetProperty("connection_count").GetInt32(), Is.Zero);
        Assert.That((await Do("status --formatter erlang")).Output, Does.Contain(Line($"{{pid,{Node.ProcessId}}}")));
    }

    [Test]
    public async Task The_program_names_itself_as_it_was_started()
    {
        Assert.That((await Tool.Run(Tool.Amqpctl, ["help", "add_user"])).Output, Does.Contain("\namqpctl [--node <node>]"));
        Assert.That((await Run("help add_user")).Output, Does.Contain("\nrabbitmqctl [--node <node>]"));
        Assert.That((await Run("--help")).Output, Does.Contain("Use 'rabbitmqctl help <command>'"));
    }
}
