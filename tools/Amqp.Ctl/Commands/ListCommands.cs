using System.Collections.Concurrent;
using System.CommandLine;
using System.Text.Json;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>Listings of what clients have declared and opened.</summary>
internal static class ListCommands
{
    private static readonly TimeSpan QueuesTimeout = TimeSpan.FromSeconds(60); // rabbitmqctl's
    private const int QueueTimeoutSeconds = 15; // likewise
    private const int AskedAtOnce = 16; // so that a few silent queues do not hold up the others

    private static readonly Option<bool> Online = new("--online") { Description = "lists only queues that run" };
    private static readonly Option<bool> Offline = new("--offline") { Description = "lists only queues that have failed or are stopped" };
    private static readonly Option<bool> Local = new("--local") { Description = "only return queues hosted on the target node: those that it leads" };
    private static readonly Option<int> QueueTimeout = new("--queue-timeout") { Description = "seconds that each queue has for its answer", DefaultValueFactory = _ => QueueTimeoutSeconds };

    public static CommandGroup Group { get; } = new("Monitoring, observability and health checks",
    [
        Scoped("bindings", "Lists all bindings on a vhost", Columns.OfBindings, [.. Columns.OfBindings.Select(column => column.Name)],
            invocation => $"Listing bindings for vhost {invocation.VirtualHost}..."),
        Global("channels", "Lists all channels in the node", Columns.OfChannels, ["pid", "user", "consumer_count", "messages_unacknowledged"]),
        Global("connections", "Lists AMQP 0.9.1 connections for the node", Columns.OfConnections, ["user", "peer_host", "peer_port", "state"]),
        Scoped("consumers", "Lists all consumers for a vhost", Columns.OfConsumers, [.. Columns.OfConsumers.Select(column => column.Name).Where(name => name != "activity_status")],
            invocation => $"Listing consumers in vhost {invocation.VirtualHost} ..."),
        Scoped("exchanges", "Lists exchanges", Columns.OfExchanges, ["name", "type"], invocation => $"Listing exchanges for vhost {invocation.VirtualHost} ..."),
        Scoped("queues", "Lists queues and their properties", Columns.OfQueues, ["name", "messages"],
            invocation => $"Timeout: {invocation.TimeoutText} seconds ...\nListing queues for vhost {invocation.VirtualHost} ...", IsWanted) with
        {
            Usage = "list_queues [--vhost <vhost>] [--online] [--offline] [--local] [--no-table-headers] [<column>, ...]",
            Options = [Offline, Online, Local],
            Timeout = QueuesTimeout,
            TimeoutHint = ". Some queue(s) are unresponsive, use list_unresponsive_queues command.",
        },
        new("list_unresponsive_queues", "list_unresponsive_queues [--local] [--queue-timeout <seconds>] [<column> ...] [--no-table-headers]", "Tests queues to respond within timeout. Lists those which did not respond")
        {
            ArgumentsMax = int.MaxValue,
            Columns = [.. Columns.OfUnresponsiveQueues.Select(column => column.Name)],
            ShowsTimeout = true,
            Options = [QueueTimeout, Local],
            Validate = invocation =>
            {
                Listing.Check(invocation);
                if (invocation.Get(QueueTimeout) < 1) throw BadArguments.Argument("--queue-timeout is at least one second");
            },
            Banner = invocation => $"Listing unresponsive queues for vhost {invocation.VirtualHost} ...",
            Run = ListUnresponsive,
        },
    ]);

    private static CtlCommand Global(string what, string description, IReadOnlyList<Column> columns, IReadOnlyList<string> byDefault) =>
        List(what, $"list_{what} [--no-table-headers] [<column> ...]", description, columns, byDefault, _ => $"Listing {what} ...", _ => Path(what), (_, _) => true);

    private static CtlCommand Scoped(
        string what, string description, IReadOnlyList<Column> columns, IReadOnlyList<string> byDefault, Func<Invocation, string> banner, Func<Invocation, JsonElement, bool>? isWanted = null) =>
        List(
            what, $"list_{what} [--vhost <vhost>] [--no-table-headers] [<column> ...]", description, columns, byDefault, banner,
            invocation => Path(what, invocation.VirtualHost), isWanted ?? ((_, _) => true));

    private static CtlCommand List(
        string what, string usage, string description, IReadOnlyList<Column> columns, IReadOnlyList<string> byDefault,
        Func<Invocation, string> banner, Func<Invocation, string> path, Func<Invocation, JsonElement, bool> isWanted) => new($"list_{what}", usage, description)
        {
            ArgumentsMax = int.MaxValue,
            Columns = [.. columns.Select(column => column.Name)],
            ShowsTimeout = true,
            CountsSeconds = true,
            Validate = Listing.Check,
            Banner = banner,
            Run = async invocation =>
            {
                var answer = await invocation.Client.Get(path(invocation), invocation.Cancel);
                // RabbitMQ finds nothing in a virtual host that is not there, and does not wonder.
                if (answer.IsMissing) return new Result.Rows([]);
                var names = Listing.Names(invocation, byDefault);
                // RabbitMQ has consumers ready, with their columns in its own order, and leaves out what was not asked for.
                var wanted = what == "consumers" ? columns.Where(column => names.Contains(column.Name)).ToList() : names.Select(name => columns.First(column => column.Name == name)).ToList();
                return new Result.Rows([.. from item in answer.Good().EnumerateArray() where isWanted(invocation, item) select Listing.Row(item, wanted)]);
            },
        };

    /// <summary>A queue is offline when it does not run; local takes precedence.</summary>
    private static bool IsWanted(Invocation invocation, JsonElement queue)
    {
        var (online, offline) = (invocation.Get(Online), invocation.Get(Offline));
        if (invocation.Get(Local)) return queue.GetProperty("node").GetString() == invocation.Node;
        if (online == offline) return true;
        var runs = !queue.TryGetProperty("state", out var state) || state.GetString() is "running" or "idle" or "flow" or "syncing";
        return runs == online;
    }

    private static async Task<Result> ListUnresponsive(Invocation invocation)
    {
        // What is known of the queues without asking them.
        var answer = await invocation.Client.Get($"{Path("queues", invocation.VirtualHost)}?disable_stats=true", invocation.Cancel);
        if (answer.IsMissing) return new Result.Rows([]);
        var columns = Listing.Names(invocation, ["name"]).Select(name => Columns.OfUnresponsiveQueues.First(column => column.Name == name)).ToList();
        var silent = new ConcurrentDictionary<int, Row>();
        await Parallel.ForEachAsync(answer.Good().EnumerateArray().Index(), new ParallelOptions { MaxDegreeOfParallelism = AskedAtOnce, CancellationToken = invocation.Cancel }, async (queue, _) =>
        {
            if (!await Answers(invocation, queue.Item.GetProperty("name").GetString()!)) silent[queue.Index] = Listing.Row(queue.Item, columns);
        });
        return new Result.Rows([.. silent.OrderBy(row => row.Key).Select(row => row.Value)]);
    }

    private static async Task<bool> Answers(Invocation invocation, string queue)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(invocation.Cancel);
        limit.CancelAfter(TimeSpan.FromSeconds(invocation.Get(QueueTimeout)));
        try
        {
            await invocation.Client.Get(Path("queues", invocation.VirtualHost, queue), limit.Token);
            return true;
        }
        catch (OperationCanceledException) when (!invocation.Cancel.IsCancellationRequested)
        {
            return false;
        }
    }
}
