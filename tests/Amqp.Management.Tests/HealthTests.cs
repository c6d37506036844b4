using System.Net;
using System.Text.Json.Nodes;
using Amqp.Testing;

namespace Amqp.Management.Tests;

/// <summary>Checks of how a node is, and the fields without which tools do not take it for a RabbitMQ.</summary>
internal sealed class HealthTests : ApiFixture
{
    private static HttpApi Http => new(SharedBroker.Process!);

    private static int Port => SharedBroker.Process!.Port;

    [TestCase("health/checks/alarms")]
    [TestCase("health/checks/local-alarms")]
    [TestCase("health/checks/virtual-hosts")]
    [TestCase("health/checks/certificate-expiration/1/months")]
    [TestCase("healthchecks/node")]
    [TestCase("aliveness-test/%2F")]
    public async Task A_node_that_is_well_says_so_in_the_very_bytes_that_readers_compare(string path)
    {
        var answer = await Http.Get(path);
        Assert.That((answer.Status, answer.Json!.ToJsonString()), Is.EqualTo((HttpStatusCode.OK, """{"status":"ok"}""")));
        Assert.That(answer.Response!.Content.Headers.ContentType!.ToString(), Is.EqualTo("application/json"));
    }

    [Test]
    public async Task What_listens_is_found_by_its_port_and_by_the_names_of_its_protocol()
    {
        Assert.That((await Http.Get($"health/checks/port-listener/{Port}")).Json!.ToJsonString(), Is.EqualTo($$"""{"status":"ok","port":{{Port}}}"""));
        var missing = await Http.Get("health/checks/port-listener/1");
        Assert.That((missing.Status, missing["reason"]!.GetValue<string>(), missing["missing"]!.GetValue<int>()), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "No active listener", 1)));
        Assert.That(missing["ports"]!.AsArray().Select(port => port!.GetValue<int>()), Does.Contain(Port));
        Assert.That((await Http.Get("health/checks/port-listener/amqp"))["reason"]!.GetValue<string>(), Is.EqualTo("Invalid port"));
        foreach (var (name, protocol) in new[] { ("amqp", "amqp"), ("AMQP091", "amqp"), ("http", "http"), ("management", "http") })
            Assert.That((await Http.Get($"health/checks/protocol-listener/{name}")).Json!.ToJsonString(), Is.EqualTo($$"""{"status":"ok","protocol":"{{protocol}}"}"""));
        var other = await Http.Get("health/checks/protocol-listener/mqtt");
        Assert.That((other.Status, other["missing"]!.GetValue<string>()), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "mqtt")));
    }

    [TestCase("1/minutes", "Time unit not recognised. Supported units: days, weeks, months, years.")]
    [TestCase("one/days", "Invalid expiration value.")]
    [TestCase("-1/days", "Invalid expiration value.")]
    public async Task A_time_that_is_none_is_refused(string time, string reason) =>
        Assert.That((await Http.Get($"health/checks/certificate-expiration/{time}"))["reason"]!.GetValue<string>(), Is.EqualTo(reason));

    [Test]
    public async Task An_alarm_fails_the_checks_and_is_named()
    {
        await using var broker = await TestBroker.Start();
        var (api, http) = (new ControlApi(broker), new HttpApi(broker));
        var node = (await api.List("nodes")).Single()["name"]!.GetValue<string>();
        await api.Put($"nodes/{node}/memory-high-watermark", new { absolute = 0 });
        await Eventually.That(async () => (await http.Get("health/checks/alarms")).Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        foreach (var (path, reason) in new[] { ("alarms", "There are alarms in effect in the cluster"), ("local-alarms", "There are alarms in effect on the node") })
        {
            var failed = (await http.Get($"health/checks/{path}")).Json!;
            Assert.That(failed.ToJsonString(), Is.EqualTo($$"""{"status":"failed","reason":"{{reason}}","alarms":[{"resource":"memory","node":"{{node}}"}]}"""));
        }
        Assert.That((await http.Get($"healthchecks/node/{node}"))["reason"]!.GetValue<string>(), Is.EqualTo("resource alarm(s) in effect:[memory]"));
        Assert.That((await http.Get("healthchecks/node/stranger")).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await http.Get("aliveness-test/%2F")).Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable), "no messages are taken");
    }

    /// <summary>rabbitmq_http_client (Rust) takes no answer that lacks one of them.</summary>
    [Test]
    public async Task A_node_has_every_field_that_strict_readers_need()
    {
        var node = (await Http.List("nodes")).Single();
        var missing = ("name uptime run_queue processors os_pid fd_total proc_total mem_limit mem_alarm disk_free_limit disk_free_alarm rates_mode enabled_plugins being_drained type running partitions mem_used disk_free fd_used sockets_used sockets_total proc_used io_read_count io_read_bytes io_read_avg_time io_write_count io_sync_count io_sync_avg_time io_seek_count io_reopen_count io_file_handle_open_attempt_count"
            + " mnesia_ram_tx_count mnesia_disk_tx_count msg_store_read_count msg_store_write_count queue_index_read_count queue_index_journal_write_count gc_num gc_bytes_reclaimed")
            .Split(' ').Where(field => node[field] is null);
        Assert.That(missing, Is.Empty);
        Assert.That((node["os_pid"]!.GetValueKind(), node["uptime"]!.GetValue<uint>()), Is.EqualTo((System.Text.Json.JsonValueKind.String, node["uptime"]!.GetValue<uint>())));
        Assert.That(node["applications"]!.AsArray().Single(application => application!["name"]!.GetValue<string>() == "rabbit")!["version"]!.GetValue<string>(), Is.EqualTo("3.13.7"));
    }

    [Test]
    public async Task The_overview_has_what_monitoring_chooses_by()
    {
        var overview = (await Http.Get("overview")).Json!.AsObject();
        var missing = "management_version rabbitmq_version erlang_version rates_mode sample_retention_policies exchange_types message_stats queue_totals object_totals node listeners contexts cluster_name statistics_db_event_queue"
            .Split(' ').Where(field => overview[field] is null);
        Assert.That(missing, Is.Empty);
        Assert.That(overview["exchange_types"]!.AsArray().Select(type => type!["name"]!.GetValue<string>()), Is.SupersetOf(new[] { "direct", "fanout", "headers", "topic", "x-consistent-hash" }));
        Assert.That(overview["contexts"]!.AsArray().Select(context => $"{context!["description"]} {context["ssl"]}"), Is.EqualTo((string[])["RabbitMQ Management false", "RabbitMQ Prometheus false"]));
    }

    [Test]
    public async Task Tools_find_what_they_ask_for_before_all_else()
    {
        Assert.That((await new HttpApi(SharedBroker.Process!, user: null).Get("auth")).Json!.ToJsonString(), Is.EqualTo("""{"oauth_enabled":false}"""));
        Assert.That((await Http.Get("extensions")).Json!.ToJsonString(), Is.EqualTo("""[{"javascript":"dispatcher.js"}]"""));
        Assert.That((await Http.Get("deprecated-features/used")).Json, Is.InstanceOf<JsonArray>().And.Empty);
        Assert.That((await Http.Put("feature-flags/all/enable", new { })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Http.Put("feature-flags/quorum_queue/enable", new { })).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Http.Put("feature-flags/nothing/enable", new { })).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        var node = (await Http.List("nodes")).Single()["name"]!.GetValue<string>();
        Assert.That((await Http.Send(HttpMethod.Post, $"vhosts/%2F/start/{node}", body: null)).Status, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await Http.Put("vhosts/traced", new { tracing = "perhaps" })).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await Http.Get("vhosts/traced")).Status, Is.EqualTo(HttpStatusCode.NotFound), "nothing is done by halves");
        await Http.Put("vhosts/traced", new { tracing = "true" });
        Assert.That((await Http.Get("vhosts/traced"))["tracing"]!.GetValue<bool>(), Is.True, "rabbitmqadmin sends texts");
        await Http.Delete("vhosts/traced");
        Assert.That((await Http.Send(HttpMethod.Post, "vhosts/%2F/start/stranger", body: null)).Status, Is.EqualTo(HttpStatusCode.BadRequest));
    }
}
