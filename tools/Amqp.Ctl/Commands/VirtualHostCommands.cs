using System.CommandLine;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>Virtual hosts and what is said about them.</summary>
internal static class VirtualHostCommands
{
    private static readonly Option<string?> Description = new("--description", "-d") { Description = "Virtual host description" };
    private static readonly Option<string?> Tags = new("--tags") { Description = "Comma-separated list of tags" };

    private static readonly Option<string?> DefaultQueueType = new("--default-queue-type")
    {
        Description = "Queue type to use if no type is explicitly provided by the client: quorum, classic or stream",
    };

    private static readonly Option<bool?> PolicyMerge = new("--policy-merge")
    {
        Description = "Whether all policies that match a queue or exchange act together, each key from the one with the highest priority: true or false. Without it only that one acts",
    };

    private static readonly string[] QueueTypes = ["quorum", "stream", "classic"];

    private static readonly IReadOnlyList<Column> Columns =
    [
        new("name"), new("description"), new("tags", Kind.Atoms), new("default_queue_type", Kind.MaybeUndefined), new("tracing"), new("cluster_state", Kind.AtomPairs),
    ];

    public static CommandGroup Group { get; } = new("Virtual hosts",
    [
        new("add_vhost", "add_vhost <vhost> [--description <description> --tags \"<tag1>,<tag2>,<...>\" --default-queue-type <quorum|classic|stream> --policy-merge <true|false>]", "Creates a virtual host")
        {
            Arguments = 1,
            Options = [Description, Tags, DefaultQueueType, PolicyMerge],
            Banner = invocation => $"Adding vhost \"{invocation[0]}\" ...",
            Run = Add,
        },
        new("delete_vhost", "delete_vhost <vhost>", "Deletes a virtual host")
        {
            Arguments = 1,
            Banner = invocation => $"Deleting vhost \"{invocation[0]}\" ...",
            Run = Delete,
        },
        new("list_vhosts", "list_vhosts [--no-table-headers] [<column> ...]", "Lists virtual hosts")
        {
            ArgumentsMax = int.MaxValue,
            Columns = [.. Columns.Select(column => column.Name)],
            ShowsTimeout = true,
            Validate = Listing.Check,
            Banner = _ => "Listing vhosts ...",
            Run = List,
        },
        new("restart_vhost", "restart_vhost [--vhost <vhost>]", "Restarts a failed vhost data stores and queues: none of them can fail alone here")
        {
            Banner = invocation => $"Trying to restart vhost '{invocation.VirtualHost}' on node '{invocation.Node}' ...",
            Run = async invocation =>
            {
                var answer = await invocation.Client.Post(Path("vhosts", invocation.VirtualHost, "start", invocation.Node), new JsonObject(), invocation.Cancel);
                if (answer.IsMissing) throw Failure.NoSuchVirtualHost(invocation.VirtualHost);
                answer.Good();
                return new Result.Message($"Vhost '{invocation.VirtualHost}' is already running on node '{invocation.Node}'");
            },
        },
        new("set_vhost_tags", "set_vhost_tags <vhost> <tag> [...]", "Sets virtual host tags")
        {
            ArgumentsMin = 1,
            ArgumentsMax = int.MaxValue,
            Banner = invocation => $"Setting tags for virtual host \"{invocation[0]}\" to [{string.Join(", ", invocation.Arguments.Skip(1))}] ...",
            Run = invocation => Update(
                invocation, Body(null, [.. invocation.Arguments.Skip(1)], null, null),
                Failure.Error(ExitCode.Data, $"Virtual host \"{invocation[0]}\" does not exist", json: $"Virtual host \"{invocation[0]}\" does not exists")),
        },
        TraceCommand.Command,
        new("trace_on", "trace_on [--vhost <vhost>]", "Starts copying the messages of a virtual host to its exchange amq.rabbitmq.trace (the firehose)")
        {
            Banner = invocation => $"Starting tracing for vhost \"{invocation.VirtualHost}\" ...",
            Run = invocation => Trace(invocation, isOn: true),
        },
        new("trace_off", "trace_off [--vhost <vhost>]", "Stops copying messages")
        {
            Banner = invocation => $"Stopping tracing for vhost \"{invocation.VirtualHost}\" ...",
            Run = invocation => Trace(invocation, isOn: false),
        },
        new("update_vhost_metadata", "update_vhost_metadata <vhost> [--description <description>] [--tags \"<tag1>,<tag2>,<...>\"] [--default-queue-type <quorum|classic|stream>] [--policy-merge <true|false>]", "Updates metadata (tags, description, default queue type) a virtual host")
        {
            Arguments = 1,
            Options = [Description, Tags, DefaultQueueType, PolicyMerge],
            Validate = invocation =>
            {
                if (!invocation.IsGiven(Description) && !invocation.IsGiven(Tags) && !invocation.IsGiven(DefaultQueueType) && !invocation.IsGiven(PolicyMerge)) throw BadArguments.NotEnough();
                if (UnknownQueueType(invocation) is { } unknown)
                    throw BadArguments.Argument($"Default queue type must be one of: {string.Join(", ", QueueTypes)}. Provided: {unknown}");
            },
            Banner = invocation => $"Updating metadata of vhost \"{invocation[0]}\" ...",
            Run = invocation => Update(
                invocation,
                Body(invocation.Get(Description), invocation.IsGiven(Tags) ? Split(invocation.Get(Tags)) : null, invocation.Get(DefaultQueueType), invocation.Get(PolicyMerge)),
                Failure.NoSuchVirtualHost(invocation[0])),
        },
    ]);

    /// <summary>It is no error, and changes nothing, when there is one already.</summary>
    private static async Task<Result> Add(Invocation invocation)
    {
        if (UnknownQueueType(invocation) is not null) throw Failure.Error(ExitCode.Usage, "Unsupported default queue type");
        var answer = await invocation.Client.Create(
            Path("vhosts", invocation[0]), Body(invocation.Get(Description), Split(invocation.Get(Tags)), invocation.Get(DefaultQueueType), invocation.Get(PolicyMerge)), invocation.Cancel);
        if (!answer.Exists) answer.Good();
        return Result.Done;
    }

    private static async Task<Result> Delete(Invocation invocation)
    {
        var answer = await invocation.Client.Delete(Path("vhosts", invocation[0]), invocation.Cancel);
        if (answer.IsMissing) throw Failure.NoSuchVirtualHost(invocation[0]);
        answer.Good();
        return Result.Done;
    }

    private static async Task<Result> List(Invocation invocation)
    {
        var columns = Listing.Names(invocation, ["name"]).Select(name => Columns.First(column => column.Name == name)).ToList();
        return Listing.Of((await invocation.Client.Get(Path("vhosts"), invocation.Cancel)).Good(), columns, isStream: false);
    }

    private static async Task<Result> Trace(Invocation invocation, bool isOn)
    {
        await Update(invocation, new JsonObject { ["tracing"] = isOn }, Failure.NoSuchVirtualHost(invocation.VirtualHost), invocation.VirtualHost);
        return new Result.Value($"Trace {(isOn ? "enabled" : "disabled")} for vhost {invocation.VirtualHost}");
    }

    /// <summary>Sets what is given and keeps the rest.</summary>
    private static async Task<Result> Update(Invocation invocation, JsonObject body, Failure missing, string? vhost = null)
    {
        var path = Path("vhosts", vhost ?? invocation[0]);
        if ((await invocation.Client.Get(path, invocation.Cancel)).IsMissing) throw missing;
        (await invocation.Client.Put(path, body, invocation.Cancel)).Good();
        return Result.Done;
    }

    private static JsonObject Body(string? description, IReadOnlyList<string>? tags, string? defaultQueueType, bool? policyMerge)
    {
        var body = new JsonObject();
        if (description is not null) body["description"] = description;
        if (tags is not null) body["tags"] = string.Join(',', tags);
        if (defaultQueueType is not null) body["default_queue_type"] = defaultQueueType;
        if (policyMerge is { } merge) body["policy-merge"] = merge;
        return body;
    }

    private static string? UnknownQueueType(Invocation invocation) =>
        invocation.Get(DefaultQueueType) is { } type && !QueueTypes.Contains(type, StringComparer.Ordinal) ? type : null;

    private static string[] Split(string? tags) => tags?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
}
