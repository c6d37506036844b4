using System.Text.Json.Nodes;
using Amqp.Testing;

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
}
