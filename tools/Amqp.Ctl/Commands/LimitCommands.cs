using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>Limits of virtual hosts and of users, written as JSON: <c>{"max-connections": 256}</c>.</summary>
internal static class LimitCommands
{
    private static readonly Option<bool> Global = new("--global") { Description = "list limits for all virtual hosts, or all users" };
    private static readonly Option<string> User = new("--user") { Description = "the user whose limits are meant", DefaultValueFactory = _ => "guest" };

    private static readonly LimitKind OfVirtualHosts = new("vhost-limits", "limits", ["max-connections", "max-queues"]);
    private static readonly LimitKind OfUsers = new("user-limits", "user-limits", ["max-connections", "max-channels"]);

    public static CommandGroup Group { get; } = new("Limits",
    [
        new("clear_user_limits", "clear_user_limits <username> <limit_type> | all", "Clears user connection/channel limits")
        {
            Arguments = 2,
            Banner = invocation => $"Clearing {(invocation[1] == "all" ? "all limits" : $"\"{invocation[1]}\" limit")} for user \"{invocation[0]}\" ...",
            Run = ClearOfUser,
        },
        new("clear_vhost_limits", "clear_vhost_limits [--vhost <vhost>]", "Clears virtual host limits")
        {
            Banner = invocation => $"Clearing vhost \"{invocation.VirtualHost}\" limits ...",
            Run = ClearOfVirtualHost,
        },
        new("list_user_limits", "list_user_limits [--user <username>] [--global]", "Displays configured user limits")
        {
            Options = [Global, User],
            Banner = invocation => $"Listing limits for {(invocation.Get(Global) ? "all users" : $"user \"{invocation.Get(User)}\"")} ...",
            Run = invocation => invocation.Get(Global) ? ListAll(invocation, OfUsers, "user") : ListOfUser(invocation, invocation.Get(User)!),
        },
        new("list_vhost_limits", "list_vhost_limits [--vhost <vhost>] [--global] [--no-table-headers]", "Displays configured virtual host limits")
        {
            Options = [Global],
            Banner = invocation => $"Listing limits for {(invocation.Get(Global) ? "all vhosts" : $"vhost \"{invocation.VirtualHost}\"")} ...",
            Run = invocation => invocation.Get(Global) ? ListAll(invocation, OfVirtualHosts, "vhost") : ListOfVirtualHost(invocation),
        },
        new("set_user_limits", "set_user_limits <username> <definition>", "Sets user limits")
        {
            Arguments = 2,
            Banner = invocation => $"Setting user limits to \"{invocation[1]}\" for user \"{invocation[0]}\" ...",
            Run = SetOfUser,
        },
        new("set_vhost_limits", "set_vhost_limits [--vhost <vhost>] <definition>", "Sets virtual host limits")
        {
            Arguments = 1,
            Banner = invocation => $"Setting vhost limits to \"{invocation[0]}\" for vhost \"{invocation.VirtualHost}\" ...",
            Run = SetOfVirtualHost,
        },
    ]);

    /// <summary>Those given are added to those that there are.</summary>
    private static async Task<Result> SetOfUser(Invocation invocation)
    {
        var limits = Parse(invocation[1], OfUsers, reason => reason);
        await LimitsOfUser(invocation, invocation[0]);
        await Set(invocation, OfUsers, invocation[0], limits);
        return Result.Done;
    }

    /// <summary>Those given replace those that there are.</summary>
    private static async Task<Result> SetOfVirtualHost(Invocation invocation)
    {
        var limits = Parse(invocation[0], OfVirtualHosts, reason => $"Validation failed\n\n{reason}\n");
        var before = await LimitsOfVirtualHost(invocation) ?? throw Failure.NoSuchVirtualHost(invocation.VirtualHost);
        await Set(invocation, OfVirtualHosts, invocation.VirtualHost, limits);
        await Clear(invocation, OfVirtualHosts, invocation.VirtualHost, before.Keys.Except(limits.Keys));
        return Result.Done;
    }

    private static async Task<Result> ClearOfUser(Invocation invocation)
    {
        var limits = await LimitsOfUser(invocation, invocation[0]);
        await Clear(invocation, OfUsers, invocation[0], limits.Keys.Where(limit => invocation[1] == "all" || invocation[1] == limit));
        return Result.Done;
    }

    private static async Task<Result> ClearOfVirtualHost(Invocation invocation)
    {
        var limits = await LimitsOfVirtualHost(invocation);
        if (limits is not { Count: > 0 }) throw Failure.Error(ExitCode.Unavailable, "Parameter does not exist");
        await Clear(invocation, OfVirtualHosts, invocation.VirtualHost, limits.Keys);
        return Result.Done;
    }

    private static async Task<Result> ListOfUser(Invocation invocation, string user) => new Result.Message(Json(await LimitsOfUser(invocation, user)));

    private static async Task<Result> ListOfVirtualHost(Invocation invocation)
    {
        var limits = await LimitsOfVirtualHost(invocation) ?? throw Failure.NoSuchVirtualHost(invocation.VirtualHost);
        return limits.Count > 0 ? new Result.Value(Json(limits)) : new Result.Rows([], IsStream: false);
    }

    private static async Task<Result> ListAll(Invocation invocation, LimitKind kind, string owner)
    {
        var all = (await invocation.Client.Get(Path(kind.Resource), invocation.Cancel)).Good();
        var rows = from item in all.EnumerateArray()
                   let limits = Limits(item.GetProperty("value"))
                   where limits.Count > 0
                   select new Row([(owner, Term.Of(item.GetProperty(owner))), ("limits", new Text(Json(limits)))]);
        return new Result.Rows([.. rows], IsStream: false);
    }

    /// <exception cref="Failure">There is no such user.</exception>
    private static async Task<SortedDictionary<string, long>> LimitsOfUser(Invocation invocation, string user)
    {
        var answer = await invocation.Client.Get(Path("users", user), invocation.Cancel);
        if (answer.IsMissing) throw Failure.Term("no_such_user", user);
        return Limits(answer.Good().GetProperty("limits"));
    }

    /// <returns>Null: there is no such virtual host.</returns>
    private static async Task<SortedDictionary<string, long>?> LimitsOfVirtualHost(Invocation invocation)
    {
        if ((await invocation.Client.Get(Path("vhosts", invocation.VirtualHost), invocation.Cancel)).IsMissing) return null;
        var answer = await invocation.Client.Get(Path(OfVirtualHosts.Resource, invocation.VirtualHost), invocation.Cancel);
        if (answer.IsMissing) return [];
        var list = answer.Good();
        return list.GetArrayLength() == 0 ? [] : Limits(list[0].GetProperty("value"));
    }

    private static async Task Set(Invocation invocation, LimitKind kind, string owner, SortedDictionary<string, long> limits)
    {
        foreach (var (limit, value) in limits) (await invocation.Client.Put(Path(kind.Resource, owner, limit), new JsonObject { ["value"] = value }, invocation.Cancel)).Good();
    }

    private static async Task Clear(Invocation invocation, LimitKind kind, string owner, IEnumerable<string> limits)
    {
        foreach (var limit in limits.ToList()) (await invocation.Client.Delete(Path(kind.Resource, owner, limit), invocation.Cancel)).Good();
    }

    /// <param name="worded">RabbitMQ's words around the reason.</param>
    /// <exception cref="Failure">It is not JSON, or no limit that there is.</exception>
    private static SortedDictionary<string, long> Parse(string definition, LimitKind kind, Func<string, string> worded)
    {
        JsonElement json;
        try
        {
            json = JsonElement.Parse(definition);
        }
        catch (JsonException)
        {
            throw Failure.Error(ExitCode.Unavailable, "Could not parse JSON document: badarg");
        }
        if (json.ValueKind != JsonValueKind.Object) throw Failure.Error(ExitCode.Unavailable, worded($"{kind.Name} not a list {Erlang.Of(Term.Of(json))}"));
        var unknown = json.EnumerateObject().Where(member => !kind.Limits.Contains(member.Name)).Select(member => $"{{{Erlang.Of(new Text(member.Name))},{Erlang.Of(Term.Of(member.Value))}}}").ToList();
        if (unknown.Count > 0) throw Failure.Error(ExitCode.Unavailable, worded($"Unrecognised terms [{string.Join(',', unknown)}] in {kind.Name}"));
        foreach (var member in json.EnumerateObject())
            if (member.Value.ValueKind != JsonValueKind.Number || !member.Value.TryGetInt64(out _))
                throw Failure.Error(ExitCode.Unavailable, worded($"{member.Name} should be a number, actually was {Erlang.Of(Term.Of(member.Value))}"));
        return Limits(json);
    }

    private static SortedDictionary<string, long> Limits(JsonElement json)
    {
        var limits = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var member in json.EnumerateObject()) limits[member.Name] = member.Value.GetInt64(); // named twice: the last one counts
        return limits;
    }

    private static string Json(SortedDictionary<string, long> limits) =>
        JsonFormatter.Text(new JsonObject(limits.Select(limit => KeyValuePair.Create(limit.Key, (JsonNode?)limit.Value))));

    /// <param name="Resource">Their place in the HTTP API.</param>
    /// <param name="Name">What RabbitMQ's errors call them.</param>
    private sealed record LimitKind(string Resource, string Name, IReadOnlyList<string> Limits);
}
