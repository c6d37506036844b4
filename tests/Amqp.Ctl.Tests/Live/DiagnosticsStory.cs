using System.Text.Json.Nodes;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Ctl.Tests.Live;

/// <summary>Checks that probes run, and what else is asked of a node; the words are RabbitMQ's.</summary>
public class DiagnosticsStory : ToolFixture
{
    [TestCase("check_running", "RabbitMQ on node node@localhost is fully booted and running")]
    [TestCase("is_running", "RabbitMQ on node node@localhost is fully booted and running")]
    [TestCase("is_booting", "RabbitMQ on node node@localhost is fully booted (check with is_running), stopped or has not started booting yet")]
    [TestCase("check_alarms", "Node node@localhost reported no alarms, local or clusterwide")]
    [TestCase("check_local_alarms", "Node node@localhost reported no local alarms")]
    [TestCase("alarms", "Node node@localhost reported no alarms, local or clusterwide")]
    [TestCase("check_virtual_hosts", "Node node@localhost reported all vhosts as running")]
    [TestCase("check_certificate_expiration --within 1 --unit months", "No certificates are expiring within 1 month.")]
    [TestCase("check_protocol_listener amqp091", "A listener for protocol amqp is running on node node@localhost.")]
    [TestCase("server_version", "3.13.7")]
    [TestCase("eval ok.", "ok")]
    [TestCase("eval 'rabbit_mnesia:is_clustered().'", "false")]
    [TestCase("eval 'application:which_applications().'", """[{rabbit,"RabbitMQ","3.13.7"}]""")]
    [TestCase("eval 'rabbit_mnesia:cluster_status_from_mnesia().'", "{ok,{[node@localhost],[node@localhost],[node@localhost]}}")]
    [TestCase("eval 'length(mnesia:system_info(running_db_nodes)).'", "1")]
    public async Task A_node_that_is_well_says_so(string command, string answer) => Assert.That((await Do($"-q {command}")).Output, Is.EqualTo(answer + "\n"));

    [Test]
    public async Task Silent_probes_say_nothing()
    {
        foreach (var check in (string[])["check_alarms", "check_local_alarms", "check_virtual_hosts"]) Assert.That((await Do($"-s {check}")).Output, Is.Empty);
        Assert.That((await Do("check_alarms --formatter json")).Output, Is.EqualTo("{\"result\":\"ok\"}\n"));
    }

    [Test]
    public async Task The_options_that_hold_are_told_without_secrets()
    {
        var told = (await Do("-q environment")).Lines;
        Assert.That(told, Does.Contain("Limits:FrameBytes = 131072").And.Contain("Node:Name = node@localhost").And.Contain("Security:DefaultPassword = ***"));
        Assert.That(JsonNode.Parse((await Do("environment --formatter json")).Output)!["Listeners:Amqp:Address"]!.GetValue<string>(), Is.EqualTo("127.0.0.1"));
    }

    [Test]
    public async Task Memory_is_told_by_what_it_is_for()
    {
        Assert.That((await Do("-q memory_breakdown --unit mb")).Lines, Has.Length.GreaterThan(5).And.All.Match(@"^\w+: \d+(\.\d+)? mb \(\d+(\.\d+)?%\)$"));
        Assert.That(JsonNode.Parse((await Do("memory_breakdown --formatter json")).Output)!["binary"]!["bytes"]!.GetValue<long>(), Is.GreaterThanOrEqualTo(0));
        Assert.That((await Run("memory_breakdown --unit miles")).Code, Is.EqualTo(64));
    }

    [Test]
    public async Task A_report_has_everything_in_it()
    {
        await Do("add_vhost reported");
        var report = (await Do("report")).Output;
        foreach (var part in (string[])["Reporting server status of node node@localhost ...", "Status of node node@localhost ...", "Cluster status of node", "Application environment of node", "Listing queues for vhost reported ...", "Listing policies for vhost \"/\" ..."])
            Assert.That(report, Does.Contain(part));
        Assert.That((await Run("report --formatter json")).Code, Is.EqualTo(65));
    }

    [Test]
    public async Task The_log_is_streamed_as_it_goes_on()
    {
        var streaming = Run("-q log_tail_stream --duration 3");
        await Eventually.True(async () =>
        {
            await Do("add_vhost streamed");
            await Do("trace_on -p streamed");
            await Do("delete_vhost streamed");
            return streaming.IsCompleted;
        });
        Assert.That((await streaming).Lines, Has.Some.Contains("Enabling tracing for vhost 'streamed'"));
    }

    [Test]
    public async Task What_happens_is_streamed_as_it_happens()
    {
        var streaming = Run("consume_event_stream --duration 4 --pattern '^vhost[.]'");
        await Eventually.True(async () =>
        {
            await Do("add_vhost happened");
            await Do("add_user happened happened");
            await Do("delete_user happened");
            await Do("delete_vhost happened");
            return streaming.IsCompleted;
        });
        var events = (await streaming).Lines.Select(line => JsonNode.Parse(line)!).ToArray();
        Assert.That(events.Select(each => each["event"]!.GetValue<string>()).Distinct(), Is.EquivalentTo(new[] { "vhost.created", "vhost.deleted" }));
        Assert.That(events.Select(each => (each["name"]!.GetValue<string>(), each["timestamp_in_ms"]!.GetValue<long>() > 0)).Distinct(), Is.EqualTo(new[] { ("happened", true) }));
        Assert.That((await Run("consume_event_stream --pattern '['")).ToString(), Does.StartWith("code 69").And.Contain("is not a regular expression"));
    }

    [Test]
    public async Task A_virtual_host_runs_already() =>
        Assert.That((await Do("-q restart_vhost")).Output, Is.EqualTo("Vhost '/' is already running on node 'node@localhost'\n"));

    [TestCase("grow node@localhost all")]
    [TestCase("shrink node@localhost")]
    [TestCase("add_member q node@localhost")]
    [TestCase("delete_member q node@localhost")]
    public async Task Members_of_quorum_queues_are_not_set_by_hand(string command)
    {
        var refused = await Run(command);
        Assert.That(refused.Code, Is.EqualTo(69));
        Assert.That(refused.Error, Does.Contain("target-group-size"));
    }

    [Test]
    public async Task The_members_of_a_quorum_queue_are_shown()
    {
        await using var connection = await Connect();
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("quorum", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        await channel.QueueDeclareAsync("classic", durable: true, exclusive: false, autoDelete: false);
        Assert.That((await Do("-q quorum_status quorum")).Lines, Is.EqualTo((string[])["Node Name\tRaft State\tMembership\tBatches Behind\tBytes Behind", "node@localhost\tleader\tvoter\t0\t0"]));
        Assert.That((await Run("quorum_status classic")).Error, Does.Contain("Cannot get quorum status of a classic queue"));
        Assert.That((await Run("quorum_status nothing")).Code, Is.EqualTo(65));
    }

    [Test]
    public async Task An_alarm_fails_the_checks_with_69()
    {
        ExpectLog("Memory resource limit alarm set", Node);
        await Do("set_vm_memory_high_watermark absolute 1");
        var failed = await Run("-q check_alarms");
        Assert.That(failed.ToString(), Is.EqualTo("code 69\nerror stream:\nMemory alarm on node node@localhost\n"));
        Assert.That((await Run("-q check_local_alarms")).ToString(), Is.EqualTo("code 69\nerror stream:\nError:\nMemory alarm on node node@localhost\n"));
        Assert.That((await Run("-s check_alarms")).ToString(), Is.EqualTo("code 69\n"));
        var json = JsonNode.Parse((await Run("check_local_alarms --formatter json")).Error)!;
        Assert.That(json.ToJsonString(), Is.EqualTo("""{"result":"error","local":["Memory alarm on node node@localhost"],"message":"Node node@localhost reported local alarms"}"""));
        Assert.That((await Do("-q alarms")).Output, Is.EqualTo("Memory alarm on node node@localhost\n"));
    }

    [Test]
    public async Task A_node_that_is_stopped_is_not_running()
    {
        await Do("stop_app");
        Assert.That((await Run("-q check_running")).ToString(), Is.EqualTo("code 69\nerror stream:\nError:\nRabbitMQ on node node@localhost is not running or has not fully booted yet (check with is_booting)\n"));
        Assert.That((await Do("is_running --formatter json")).Output, Does.StartWith("{\"result\":false,"));
        Assert.That((await Run("check_alarms")).Code, Is.EqualTo(64));
    }

    [Test]
    public async Task Listeners_are_found_by_port_and_protocol()
    {
        Assert.That((await Do($"check_port_listener {Node.Port}")).Output, Is.EqualTo(Line(
            $"Asking node node@localhost if there's an active listener on port {Node.Port} ...\nA listener for port {Node.Port} is running on node node@localhost.\n")));
        var missing = await Run("-q check_port_listener 1");
        Assert.That((missing.Code, missing.Error), Is.EqualTo((69, Line(
            $"No listener for port 1 is active on node node@localhost. Found listeners that use the following ports: {string.Join(", ", ((int[])[Node.Port, Node.ManagementPort, Node.MetricsPort]).Order())}\n"))));
        Assert.That((await Run("-q check_protocol_listener mqtt")).Error, Is.EqualTo(
            "Error:\nNo listener for protocol mqtt is active on node node@localhost. Found listeners for the following protocols: amqp, http, http/prometheus\n"));
        Assert.That((await Do("-q listeners")).Output, Does.Contain(Line($"Interface: 127.0.0.1, port: {Node.MetricsPort}, protocol: http/prometheus, purpose: Prometheus exporter API over HTTP\n")));
        Assert.That((await Run("check_certificate_expiration --unit minutes")).Code, Is.EqualTo(64));
    }

    [Test]
    public async Task Logins_are_counted_and_passwords_checked()
    {
        await Connect();
        Assert.That((await Do("-q list_node_auth_attempt_stats")).Output, Is.EqualTo("protocol\tauth_attempts\tauth_attempts_failed\tauth_attempts_succeeded\nhttp\t0\t0\t0\namqp091\t1\t0\t1\n"));
        Assert.That((await Do("""eval 'rabbit_access_control:check_user_pass_login(list_to_binary("guest"), list_to_binary("guest")).'""")).Output, Does.StartWith("{ok,{user,<<\"guest\">>"));
        Assert.That((await Do("""eval 'rabbit_access_control:check_user_pass_login(list_to_binary("guest"), list_to_binary("no")).'""")).Output, Does.StartWith("{refused,<<\"guest\">>"));
        var refused = await Run("eval 'rabbit:stop().'");
        Assert.That((refused.Code, refused.Error), Is.EqualTo((64, refused.Error)).And.Matches<(int, string)>(result => result.Item2.StartsWith("Error:\nthere is no Erlang here", StringComparison.Ordinal)));
    }

    [Test]
    public async Task A_process_is_shut_down_and_waited_for()
    {
        var pid = Node.ProcessId;
        Assert.That((await Do($"wait --pid {pid} -q")).Output, Is.Empty);
        Assert.That((await Do("shutdown")).Output, Is.EqualTo(Line(
            $"Shutting down RabbitMQ node node@localhost running at PID {pid}\nWaiting for PID {pid} to terminate\nRabbitMQ node node@localhost running at PID {pid} successfully shut down\n")));
        Assert.That(await Node.End(Patience.Stop), Is.Zero);
        Assert.That((await Run("stop")).Code, Is.EqualTo(69));
        Assert.That((await Do("-q stop --idempotent")).Output, Does.EndWith("is no longer running\n"));
        Assert.That((await Run($"wait --pid {pid}")).Code, Is.EqualTo(70));
        Assert.That((await Run("wait")).Code, Is.EqualTo(64));
        await Node.Restart();
        var file = Path.Combine(Node.Directory, "pid");
        await File.WriteAllTextAsync(file, Line($"{Node.ProcessId}\n"));
        Assert.That((await Do($"-q stop {file}")).Output, Is.EqualTo(Line($"process {Node.ProcessId} (take from pid file {file}) is no longer running\n")));
        Assert.That(await Node.End(Patience.Stop), Is.Zero);
    }

    [Test]
    public async Task Plugins_that_are_part_of_the_broker_are_enabled_and_others_cannot_be()
    {
        Task<ToolResult> Plugins(string line) => Tool.Run(Tool.RabbitmqPlugins, Tool.Words(line), environment: Tool.BrokerIn(Node.Directory));
        Assert.That((await Plugins("list -E -m -q")).Lines, Does.Contain("rabbitmq_management").And.Contain("rabbitmq_prometheus"));
        Assert.That((await Plugins("list rabbitmq_management$ -q")).Output, Is.EqualTo("[E*] rabbitmq_management 3.13.7\n"));
        Assert.That((await Plugins("enable rabbitmq_management --online -q")).ToString(), Is.EqualTo("code 0\nPlugin configuration unchanged.\n"));
        Assert.That((await Plugins("set rabbitmq_management rabbitmq_prometheus -q")).Code, Is.Zero);
        var missing = await Plugins("enable rabbitmq_mqtt -q");
        Assert.That((missing.Code, missing.Error), Is.EqualTo((69, "Error:\n{:plugins_not_found, [:rabbitmq_mqtt]}\nThere is nothing in this broker that does what they do.\n")));
        Assert.That((await Plugins("is_enabled rabbitmq_management -q")).Output, Is.EqualTo("Plugin rabbitmq_management is enabled on node node@localhost\n"));
        Assert.That((await Plugins("is_enabled rabbitmq_mqtt -q")).Code, Is.EqualTo(69));
        Assert.That((await Plugins("disable rabbitmq_management -q")).Code, Is.EqualTo(69));
        Assert.That((await Plugins("disable rabbitmq_mqtt -q")).Code, Is.Zero);
    }

    [Test]
    public async Task The_log_is_read_and_its_level_changed()
    {
        Assert.That((await Do("-q log_tail -N 2")).Lines[^1], Does.Contain("Server startup complete"));
        Assert.That((await Do("-q log_tail")).Output, Does.Not.Contain("dbug: Amqp"));
        Assert.That((await Do("set_log_level debug")).Output, Is.EqualTo("Setting log level to \"debug\" ...\n"));
        await Connect();
        await Do("set_log_level none");
        await Connect();
        var lines = (await Do("-q log_tail --number 1000")).Lines;
        // Nothing is logged from there on, so that this is the last line.
        Assert.That(lines[^1], Does.Contain("user 'guest' authenticated and granted access to vhost '/'").Or.Contain("The log level is"));
        Assert.That((await Run("set_log_level loud")).Code, Is.EqualTo(64));
        Assert.That((await Do("-q log_location")).Output, Is.EqualTo("<stdout>\n"));
        Assert.That((await Run("rotate_logs")).Code, Is.EqualTo(69));
    }

    [Test]
    public async Task A_broker_elsewhere_is_asked_by_its_management_port()
    {
        var url = Line($"http://guest:guest@127.0.0.1:{Node.ManagementPort}");
        var elsewhere = Directory.CreateDirectory(Path.Combine(Node.Directory, "elsewhere")).FullName;
        async Task<ToolResult> Remote(string line, Dictionary<string, string>? environment = null) => await Tool.Run(Tool.Amqpctl, Tool.Words(line), directory: elsewhere, environment: environment);
        Assert.That((await Remote($"-q list_users --url {url}")).ToString(), Is.EqualTo("code 0\nuser\ttags\nguest\t[administrator]\n"));
        Assert.That((await Remote("-q check_running", new() { ["AMQPCTL_URL"] = url })).Code, Is.Zero);
        Assert.That((await Remote($"stop_app --url {url}")).Code, Is.EqualTo(69));
        ExpectLog("HTTP access denied", Node);
        Assert.That((await Remote($"list_users --url {url.Replace("guest@", "wrong@", StringComparison.Ordinal)}")).Code, Is.EqualTo(69));
        var nowhere = await Remote("list_users --url http://guest:secret@127.0.0.1:1");
        Assert.That((nowhere.Code, nowhere.Error.Contains("secret", StringComparison.Ordinal)), Is.EqualTo((69, false)));
        Assert.That((await Remote("list_users --url somewhere")).Code, Is.EqualTo(64));
    }

    [Test]
    public async Task Policies_that_match_are_listed_the_one_that_acts_first()
    {
        await using var channel = await (await Connect()).CreateChannelAsync();
        await channel.QueueDeclareAsync("orders", durable: true, exclusive: false, autoDelete: false);
        await Do("""set_policy low ^o '{"max-length":10}'""");
        await Do("""set_policy high --priority 5 --apply-to queues ^ord '{"max-length":5}'""");
        await Do("""set_policy other --apply-to exchanges ^o '{"alternate-exchange":"a"}'""");
        Assert.That((await Do("-s list_policies_that_match orders")).Lines.Select(line => line.Split('\t')[1]), Is.EqualTo((string[])["high", "low"]));
        Assert.That((await Run("list_policies_that_match nothing")).Code, Is.EqualTo(65));
    }

    [Test]
    public async Task What_is_wrong_is_explained_with_what_to_do()
    {
        await using var channel = await (await Connect()).CreateChannelAsync();
        await channel.QueueDeclareAsync("slow", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-max-length"] = 100 });
        for (var number = 0; number < 3; number++) await channel.BasicPublishAsync("", "slow", new byte[1]);
        await Eventually.That(async () => (await Do("-q explain queue slow")).Output, Does.Contain("- 3 messages wait"));
        Assert.That((await Do("explain queue slow")).Output, Does.Contain("- No client consumes it, so its messages stay.\n  -> start the consumer")
            .And.Contain("- It is not mirrored: no policy acts on it.").And.Contain("- It takes 100 messages at most, by its argument x-max-length;"));
        await channel.BasicQosAsync(0, 1, global: false);
        await channel.BasicConsumeAsync("slow", autoAck: false, "worker", new AsyncDefaultBasicConsumer(channel));
        await Eventually.That(async () => (await Do("-q explain queue slow")).Output, Does.Contain("- 1 consumer: worker.").And.Contain("- Every consumer has as many messages as its prefetch lets it (1)"));
        var name = (await Do("-s list_connections name")).Lines.Single();
        Assert.That((await Do($"explain connection '{name}'")).Output, Does.Contain("its state is running").And.Contain("On channel 1 it has 1 message that it has not acknowledged, with a prefetch of 1."));
        Assert.That((await Do("explain node")).Output, Does.Contain("- It is short of nothing that this command knows of."));
        ExpectLog("Memory resource limit alarm set", Node);
        await Do("set_vm_memory_high_watermark absolute 1");
        Assert.That((await Do("explain node node@localhost")).Output, Does.Contain("node@localhost has a memory alarm"));
        Assert.That(System.Text.Json.Nodes.JsonNode.Parse((await Do("explain node --formatter json")).Output)!.AsArray()[1]!["to_do"]!.GetValue<string>(), Does.StartWith("consume or purge"));
        Assert.That((await Run("explain queue none")).Code, Is.EqualTo(65));
        Assert.That((await Run("explain")).Code, Is.EqualTo(64));
        Assert.That((await Run("explain everything")).Code, Is.EqualTo(65));
    }
}
