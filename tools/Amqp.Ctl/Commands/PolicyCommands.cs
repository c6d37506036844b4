using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>Policies of users and of operators: the commands are alike but for their words.</summary>
internal static class PolicyCommands
{
    private static readonly Option<long> Priority = new("--priority") { Description = "policy priority" };

    private static readonly Option<string> ApplyTo = new("--apply-to")
    {
        Description = "queues, classic_queues, quorum_queues, streams, exchanges, or all of these",
        DefaultValueFactory = _ => "all",
    };

    private static readonly Option<string> ObjectType = new("--object-type") { Description = "the type of object to match: queue or exchange", DefaultValueFactory = _ => "queue" };

    private static readonly TimeSpan PatternTime = TimeSpan.FromSeconds(1);

    private static readonly PolicyKind Users = new("policy", "policies", "policies", "policy", "policy", "policies");

    private static readonly PolicyKind Operators = new(
        "operator_policy", "operator_policies", "operator-policies", "operator policy", "operator policy override", "operator policy overrides");

    private static readonly IReadOnlyList<Column> Columns =
        [new("vhost"), new("name"), new("pattern"), new("apply-to"), new("definition", Kind.Json), new("priority")];

    public static CommandGroup Group { get; } = new("Policies",
    [
        new("check_if_cluster_has_classic_queue_mirroring_policy", "check_if_cluster_has_classic_queue_mirroring_policy", "Health check that exits with a non-zero code if there are policies that enable classic queue mirroring")
        {
            ShowsTimeout = true,
            Banner = _ => "Checking if cluster has any classic queue mirroring policy ...",
            Run = CheckMirroring,
        },
        Clear(Operators, "Clears an operator policy"),
        Clear(Users, "Clears (removes) a policy"),
        ListMatching,
        ListMirroring(Operators),
        ListMirroring(Users),
        List(Operators, "Lists operator policy overrides for a virtual host"),
        List(Users, "Lists all policies in a virtual host"),
        Set(Operators, "Sets an operator policy that overrides a subset of arguments in user policies"),
        Set(Users, "Sets or updates a policy"),
    ]);

    private static CtlCommand Set(PolicyKind kind, string description) => new(
        $"set_{kind.Command}", $"set_{kind.Command} [--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> <definition>", description)
    {
        Arguments = 3,
        Options = [Priority, ApplyTo],
        Banner = invocation => $"Setting {kind.Noun} \"{invocation[0]}\" for pattern \"{invocation[1]}\" to \"{invocation[2]}\" with priority \"{invocation.Get(Priority)}\" for vhost \"{invocation.VirtualHost}\" ...",
        Run = async invocation =>
        {
            var body = new JsonObject
            {
                ["pattern"] = invocation[1],
                ["definition"] = ParameterCommands.Parse(invocation[2]),
                ["priority"] = invocation.Get(Priority),
                ["apply-to"] = invocation.Get(ApplyTo),
            };
            var answer = await invocation.Client.Put(Path(kind.Resource, invocation.VirtualHost, invocation[0]), body, invocation.Cancel);
            if (answer.IsMissing) throw Failure.NoSuchVirtualHost(invocation.VirtualHost);
            answer.Good();
            return Result.Done;
        },
    };

    private static CtlCommand Clear(PolicyKind kind, string description) => new($"clear_{kind.Command}", $"clear_{kind.Command} [--vhost <vhost>] <name>", description)
    {
        Arguments = 1,
        Banner = invocation => $"Clearing {kind.Word} \"{invocation[0]}\" on vhost \"{invocation.VirtualHost}\" ...",
        Run = invocation => ParameterCommands.Clear(invocation, Path(kind.Resource, invocation.VirtualHost, invocation[0])),
    };

    private static CtlCommand List(PolicyKind kind, string description) => new($"list_{kind.Commands}", $"list_{kind.Commands} [--vhost <vhost>] [--no-table-headers]", description)
    {
        ShowsTimeout = true,
        Banner = invocation => $"Listing {kind.Nouns} for vhost \"{invocation.VirtualHost}\" ...",
        Run = async invocation =>
        {
            var answer = await invocation.Client.Get(Path(kind.Resource, invocation.VirtualHost), invocation.Cancel);
            if (answer.IsMissing) throw Failure.NoSuchVirtualHost(invocation.VirtualHost);
            var policies = answer.Good().EnumerateArray().OrderBy(policy => policy.GetProperty("priority").GetInt64());
            return new Result.Rows([.. policies.Select(policy => Listing.Row(policy, Columns))], IsStream: false);
        },
    };

    private static CtlCommand ListMatching => new(
        "list_policies_that_match", "list_policies_that_match [--object-type <type>] <name>", "Lists all policies matching a queue/exchange (only the highest priority policy is active)")
    {
        Arguments = 1,
        Options = [ObjectType],
        ShowsTimeout = true,
        Validate = invocation =>
        {
            if (invocation.Get(ObjectType) is not ("queue" or "exchange")) throw BadArguments.Argument("--object-type is queue or exchange");
        },
        Banner = invocation => $"Listing policies that match {invocation.Get(ObjectType)} '{invocation[0]}' in vhost '{invocation.VirtualHost}' ...",
        Run = async invocation =>
        {
            var isQueue = invocation.Get(ObjectType) == "queue";
            var found = await invocation.Client.Get(Path(isQueue ? "queues" : "exchanges", invocation.VirtualHost, invocation[0]), invocation.Cancel);
            if (found.IsMissing) throw Failure.Error(ExitCode.Data, "Object (queue, stream, exchange, etc) was not found");
            var kinds = isQueue ? (string[])["all", "queues", $"{found.Good().GetProperty("type").GetString()}_queues"] : ["all", "exchanges"];
            var policies = (await invocation.Client.Get(Path(Users.Resource, invocation.VirtualHost), invocation.Cancel)).Good().EnumerateArray()
                .Where(policy => kinds.Contains(policy.GetProperty("apply-to").GetString()) && Regex.IsMatch(invocation[0], policy.GetProperty("pattern").GetString()!, RegexOptions.None, PatternTime))
                .OrderByDescending(policy => policy.GetProperty("priority").GetInt64());
            return new Result.Rows([.. policies.Select(policy => Listing.Row(policy, Columns))], IsStream: false);
        },
    };

    private static CtlCommand ListMirroring(PolicyKind kind) => new(
        $"list_{kind.Commands}_with_classic_queue_mirroring", $"list_{kind.Commands}_with_classic_queue_mirroring [--no-table-headers]", $"List all {kind.Nouns} that enable classic queue mirroring")
    {
        ShowsTimeout = true,
        Banner = _ => $"Listing {kind.Nouns} with classic queue mirroring ...",
        Run = async invocation => new Result.Rows([.. (await Mirroring(invocation, kind)).Select(policy => Listing.Row(policy, Columns))]),
    };

    private static async Task<Result> CheckMirroring(Invocation invocation)
    {
        var (policies, operatorPolicies) = (await Mirroring(invocation, Users), await Mirroring(invocation, Operators));
        if (policies.Count + operatorPolicies.Count == 0)
            return new Result.Document("Cluster reported no policies that enable classic queue mirroring", new JsonObject { ["result"] = "ok" });
        var lines = policies.Select(policy => $"Policy {Name(policy)} enables classic queue mirroring")
            .Concat(operatorPolicies.Select(policy => $"Operator policy {Name(policy)} enables classic queue mirroring"));
        throw Failure.Error(ExitCode.Unavailable, string.Join('\n', lines), json: "Cluster reported policies enabling classic queue mirroring");
    }

    private static async Task<List<JsonElement>> Mirroring(Invocation invocation, PolicyKind kind)
    {
        var all = (await invocation.Client.Get(Path(kind.Resource), invocation.Cancel)).Good().EnumerateArray();
        return [.. all.Where(policy => policy.GetProperty("definition").TryGetProperty("ha-mode", out _))];
    }

    private static string Name(JsonElement policy) => policy.GetProperty("name").GetString()!;

    /// <param name="Command">The end of the commands' names; <paramref name="Commands"/> that of the listing's.</param>
    /// <param name="Resource">Their place in the HTTP API.</param>
    /// <param name="Word">When one is cleared; <paramref name="Noun"/> when it is set, <paramref name="Nouns"/> when they are listed.</param>
    private sealed record PolicyKind(string Command, string Commands, string Resource, string Word, string Noun, string Nouns);
}
