using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>
/// <c>explain</c>, which RabbitMQ does not have: why a queue is not consumed, grows, is not mirrored or not in sync, why a connection is held back, what a node is short of; and what to do. It
/// goes by what the HTTP API shows, so that everything in it can be looked at.
/// </summary>
internal static class ExplainCommand
{
    private const double NearlyAll = 0.9;

    public static CtlCommand Command { get; } = new(
        "explain", "explain queue <name> | connection <name> | node [<name>]", "Says in plain sentences why a queue, a connection or a node is as it is, and what to do")
    {
        ArgumentsMin = 1,
        ArgumentsMax = 2,
        ShowsTimeout = true,
        Validate = invocation =>
        {
            if (invocation[0] is not ("queue" or "connection" or "node")) throw BadArguments.Argument("what is explained is a queue, a connection or a node");
            if (invocation[0] != "node" && invocation.Arguments.Count < 2) throw BadArguments.NotEnough();
        },
        Run = async invocation => Answer(invocation[0] switch
        {
            "queue" => await ExplainQueue(invocation, invocation[1]),
            "connection" => await ExplainConnection(invocation, invocation[1]),
            _ => await ExplainNode(invocation, invocation.Arguments.Count > 1 ? invocation[1] : invocation.Node),
        }),
    };

    private static Result.Document Answer(List<Sentence> sentences) => new Result.Document(
        string.Join('\n', sentences.Select(sentence => sentence.ToDo.Length > 0 ? $"- {sentence.What}\n  -> {sentence.ToDo}" : $"- {sentence.What}")),
        new JsonArray([.. sentences.Select(sentence => new JsonObject { ["what"] = sentence.What, ["to_do"] = sentence.ToDo.Length > 0 ? sentence.ToDo : null })]));

    private static async Task<List<Sentence>> ExplainQueue(Invocation invocation, string name)
    {
        var answer = await invocation.Client.Get(Path("queues", invocation.VirtualHost, name), invocation.Cancel);
        if (answer.IsMissing) throw Failure.Error(ExitCode.Data, $"There is no queue '{name}' in vhost '{invocation.VirtualHost}'; list_queues -p '{invocation.VirtualHost}' shows those that there are.");
        var queue = answer.Good();
        var said = new List<Sentence>();
        if (Text(queue, "state") == "down")
        {
            said.Add(new($"Its node {Text(queue, "node")} does not run, and no copy in sync can take its place: nothing can be published to it or consumed from it.", $"start {Text(queue, "node")} again"));
            return said;
        }
        if (Text(queue, "state") == "crashed") said.Add(new("It met a defect of the broker and serves nothing.", "look at log_tail, report it, and restart its node"));
        SayMessages(queue, said);
        await SayConsumers(invocation, queue, said);
        SayCopies(queue, said);
        SayLimits(queue, said);
        foreach (var alarm in await AlarmsOf(invocation)) said.Add(alarm);
        return said;
    }

    private static void SayMessages(JsonElement queue, List<Sentence> said)
    {
        var (ready, unacked) = (Number(queue, "messages_ready"), Number(queue, "messages_unacknowledged"));
        said.Add(new($"{Many(ready, "message")} wait, and consumers have {Count(unacked)} that they have not acknowledged; it is led by {Text(queue, "node")}.", ""));
        var (comes, goes) = (Rate(queue, "publish_details"), Rate(queue, "ack_details") + Rate(queue, "deliver_no_ack_details") + Rate(queue, "get_no_ack_details"));
        if (comes > goes * 1.1 && comes - goes > 1)
            said.Add(new($"It grows: {Count(comes)} messages a second come in, and {Count(goes)} go out.", "add consumers, have each of them do less for a message, or give them a larger prefetch"));
        if (Number(queue, "messages") > Number(queue, "messages_ram") && Number(queue, "messages_ram") >= 0)
            said.Add(new($"{Many(Number(queue, "messages") - Number(queue, "messages_ram"), "message")} are on the disk only, and are read back before they are delivered.", ""));
    }

    private static async Task SayConsumers(Invocation invocation, JsonElement queue, List<Sentence> said)
    {
        var consumers = queue.TryGetProperty("consumer_details", out var details) ? details.EnumerateArray().ToList() : [];
        var ready = Number(queue, "messages_ready");
        if (consumers.Count == 0)
        {
            said.Add(ready > 0
                ? new("No client consumes it, so its messages stay.", "start the consumer, or look at its log: list_consumers shows who consumes what")
                : new("No client consumes it.", ""));
            return;
        }
        said.Add(new($"{Many(consumers.Count, "consumer")}: {string.Join(", ", consumers.Take(5).Select(consumer => Text(consumer, "consumer_tag")))}{(consumers.Count > 5 ? ", ..." : "")}.", ""));
        if (Text(queue, "single_active_consumer_tag") is { Length: > 0 } active) said.Add(new($"Of these only {active} gets messages (x-single-active-consumer); the next one takes over when it ends.", ""));
        if (ready == 0) return;
        var channels = (await invocation.Client.Get(Path("channels"), invocation.Cancel)).Good().EnumerateArray().ToDictionary(channel => Text(channel, "name"));
        var full = consumers.Where(consumer => Number(consumer, "prefetch_count") > 0
            && channels.TryGetValue(Text(consumer.GetProperty("channel_details"), "name"), out var channel)
            && Number(channel, "messages_unacknowledged") >= Number(consumer, "prefetch_count")).ToList();
        if (full.Count == consumers.Count)
        {
            said.Add(new(
                $"Every consumer has as many messages as its prefetch lets it ({string.Join(", ", full.Select(consumer => Number(consumer, "prefetch_count")).Distinct())}), and gets the next one when it acknowledges one.",
                "find out why they do not acknowledge; a larger prefetch helps only those that are far away or do many messages at once"));
        }
    }

    private static void SayCopies(JsonElement queue, List<Sentence> said)
    {
        var policy = Text(queue, "policy") is { Length: > 0 } name ? $"policy '{name}'" : "no policy";
        var definition = queue.GetProperty("effective_policy_definition");
        var isQuorum = Text(queue, "type") == "quorum";
        var copies = Names(queue, isQuorum ? "members" : "recoverable_slaves");
        if (!isQuorum && !definition.TryGetProperty("ha-mode", out _))
        {
            said.Add(queue.GetProperty("exclusive").GetBoolean()
                ? new("It is another connection's own (exclusive), and such queues are never mirrored.", "")
                : new($"It is not mirrored: {policy} acts on it{(Text(queue, "policy").Length > 0 ? ", which has no ha-mode" : "")}.", "set_policy with ha-mode has copies made while it serves; list_policies_that_match shows which policies there are"));
            return;
        }
        var inSync = isQuorum ? Names(queue, "online") : Names(queue, "synchronised_slave_nodes");
        said.Add(new($"It is copied by {(isQuorum ? "its type, quorum" : policy)}: to {(copies.Count > 0 ? string.Join(", ", copies) : "no other node")}; in sync: {(inSync.Count > 0 ? string.Join(", ", inSync) : "none")}.", ""));
        if (copies.Count == 0 && !isQuorum) said.Add(new("There is no other node that could have a copy.", "cluster_status shows the nodes that run; one that is drained takes none"));
        foreach (var node in copies.Except(inSync).Except(isQuorum ? [Text(queue, "node")] : []))
        {
            var progress = queue.TryGetProperty("mirrors", out var mirrors) && mirrors.ValueKind == JsonValueKind.Array ? mirrors.EnumerateArray().FirstOrDefault(mirror => Text(mirror, "node") == node) : default;
            said.Add(progress.ValueKind == JsonValueKind.Object
                ? new($"The copy on {node} is catching up: {Many(Number(progress, "messages_told"), "message")} so far, {Count(Number(progress, "bytes_behind"))} bytes behind. Publishers do not wait for it.", "")
                : new($"The copy on {node} is not in sync, and is not being told anything: the node does not run or cannot be reached.", $"start {node}, or look at cluster_status"));
        }
    }

    private static void SayLimits(JsonElement queue, List<Sentence> said)
    {
        var definition = queue.GetProperty("effective_policy_definition");
        foreach (var (argument, key, what) in new[] { ("x-max-length", "max-length", "messages"), ("x-max-length-bytes", "max-length-bytes", "bytes"), ("x-message-ttl", "message-ttl", "milliseconds") })
        {
            var (byArgument, byPolicy) = (queue.GetProperty("arguments").TryGetProperty(argument, out var own), definition.TryGetProperty(key, out var set));
            if (!byArgument && !byPolicy) continue;
            var (value, source) = byArgument ? (own, $"its argument {argument}") : (set, $"the policy's {key}");
            said.Add(new(key == "message-ttl" ? $"Messages leave it after {value} {what}, by {source}." : $"It takes {value} {what} at most, by {source}; what is beyond goes or is refused.", ""));
        }
    }

    private static async Task<List<Sentence>> ExplainConnection(Invocation invocation, string name)
    {
        var answer = await invocation.Client.Get(Path("connections", name), invocation.Cancel);
        if (answer.IsMissing) throw Failure.Error(ExitCode.Data, $"There is no connection '{name}'; list_connections name shows those that there are.");
        var connection = answer.Good();
        var said = new List<Sentence>
        {
            new($"User '{Text(connection, "user")}' in vhost '{Text(connection, "vhost")}', on {Text(connection, "node")}, with {Many(Number(connection, "channels"), "channel")}; its state is {Text(connection, "state")}.", ""),
        };
        switch (Text(connection, "state"))
        {
            case "blocked":
                said.Add(new("It published while an alarm was on, and is not read until that is over.", "see the alarm"));
                break;
            case "blocking":
                said.Add(new("An alarm is on, and it will not be read any more once it publishes.", "see the alarm"));
                break;
            case "flow":
                said.Add(new("It publishes faster than its queues, or for persistent messages the disk, take it, and is read as fast as they do.", "nothing is wrong by that; a faster disk, or publishing to more queues, lets it go faster"));
                break;
        }
        if (Number(connection, "send_pend") > 0)
            said.Add(new($"{Count(Number(connection, "send_pend"))} bytes wait to be sent to it: the client does not read them as fast, and takes no more meanwhile.", "look at what the client does, and at the network"));
        var channels = (await invocation.Client.Get(Path("connections", name, "channels"), invocation.Cancel)).Good().EnumerateArray();
        foreach (var channel in channels)
        {
            var (number, unacked, unconfirmed) = (Number(channel, "number"), Number(channel, "messages_unacknowledged"), Number(channel, "messages_unconfirmed"));
            if (unacked > 0) said.Add(new($"On channel {number} it has {Many(unacked, "message")} that it has not acknowledged{(Number(channel, "prefetch_count") is > 0 and var prefetch ? $", with a prefetch of {prefetch}" : ", with no limit on them (prefetch)")}.", ""));
            if (unconfirmed > 0) said.Add(new($"On channel {number} it waits for {Many(unconfirmed, "confirm")}.", ""));
        }
        said.AddRange(await AlarmsOf(invocation));
        return said;
    }

    private static async Task<List<Sentence>> ExplainNode(Invocation invocation, string name)
    {
        var answer = await invocation.Client.Get(Path("nodes", name), invocation.Cancel);
        if (answer.IsMissing) throw Failure.Error(ExitCode.Data, $"There is no node '{name}'; cluster_status shows those that there are.");
        var node = answer.Good();
        if (!node.GetProperty("running").GetBoolean()) return [new($"{name} does not run.", "start it; if it is gone for good, forget_cluster_node takes it out of the cluster")];
        var said = new List<Sentence> { new($"{name} runs since {Count(Number(node, "uptime") / 1000)} s.", "") };
        said.AddRange((await AlarmsOf(invocation)).Where(alarm => alarm.What.Contains(name, StringComparison.Ordinal)));
        if (node.TryGetProperty("being_drained", out var drained) && drained.GetBoolean()) said.Add(new("It is drained for maintenance: it takes no clients, and leads no queues that others can lead.", "revive ends that"));
        if (Names(node, "partitions") is { Count: > 0 } unreachable) said.Add(new($"It cannot reach {string.Join(", ", unreachable)}, which run.", "look at the network between them; cluster_status shows the links"));
        foreach (var (used, limit, what, option) in new[] { ("fd_used", "fd_total", "files and sockets", "ulimit -n"), ("sockets_used", "sockets_total", "connections", "Limits:Connections, ulimit -n") })
            if (Number(node, limit) > 0 && Number(node, used) > NearlyAll * Number(node, limit)) said.Add(new($"{Count(Number(node, used))} of {Count(Number(node, limit))} {what} are used; beyond the limit clients are turned away.", $"raise {option}, or close connections that are not needed"));
        if (Number(node, "mem_limit") > 0 && Number(node, "mem_used") > NearlyAll * Number(node, "mem_limit") && !node.GetProperty("mem_alarm").GetBoolean())
            said.Add(new($"Messages take {Count(Number(node, "mem_used"))} of the {Count(Number(node, "mem_limit"))} bytes from which publishers are blocked.", "consume, or see set_vm_memory_high_watermark"));
        if (node.TryGetProperty("io_sync_avg_time", out var flush) && flush.GetDouble() > 20)
            said.Add(new($"A flush of the disk takes {flush.GetDouble().ToString("0.#", CultureInfo.InvariantCulture)} ms on the average, and persistent messages are confirmed no faster.", "a disk with a power-loss protected cache, or one that is not shared"));
        if (said.Count == 1) said.Add(new("It is short of nothing that this command knows of.", ""));
        return said;
    }

    private static async Task<List<Sentence>> AlarmsOf(Invocation invocation)
    {
        var said = new List<Sentence>();
        foreach (var node in (await invocation.Client.Get(Path("nodes"), invocation.Cancel)).Good().EnumerateArray().Where(node => node.TryGetProperty("mem_alarm", out _)))
        {
            foreach (var resource in StatusCommand.Alarms(node))
            {
                said.Add(resource == "memory"
                    ? new($"{Text(node, "name")} has a memory alarm: messages take {Count(Number(node, "mem_used"))} bytes, and from {Count(Number(node, "mem_limit"))} on publishers of all nodes are blocked.", "consume or purge, or see set_vm_memory_high_watermark")
                    : new($"{Text(node, "name")} has a disk alarm: {Count(Number(node, "disk_free"))} bytes are free, and below {Count(Number(node, "disk_free_limit"))} publishers of all nodes are blocked.", "make room on the disk, consume, or see set_disk_free_limit"));
            }
        }
        return said;
    }

    private static string Text(JsonElement shown, string name) => shown.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static long Number(JsonElement shown, string name) => shown.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? (long)value.GetDouble() : 0;

    private static double Rate(JsonElement queue, string name) =>
        queue.TryGetProperty("message_stats", out var stats) && stats.TryGetProperty(name, out var details) ? details.GetProperty("rate").GetDouble() : 0;

    private static List<string> Names(JsonElement shown, string name) =>
        shown.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray().Select(item => item.GetString()!)] : [];

    private static string Count(double number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    private static string Many(double number, string noun) => $"{Count(number)} {noun}{(number == 1 ? "" : "s")}";

    /// <param name="ToDo">Empty: nothing.</param>
    private sealed record Sentence(string What, string ToDo);
}
