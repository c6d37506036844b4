using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>Runtime parameters of components, and global ones.</summary>
internal static class ParameterCommands
{
    private static readonly IReadOnlyList<Column> Columns = [new("component"), new("name"), new("value", Kind.Json)];
    private static readonly IReadOnlyList<Column> GlobalColumns = [new("name", Kind.Atom), new("value", Kind.Json)];

    public static CommandGroup Group { get; } = new("Runtime parameters",
    [
        new("clear_global_parameter", "clear_global_parameter <name>", "Clears a global runtime parameter")
        {
            Arguments = 1,
            Banner = invocation => $"Clearing global runtime parameter \"{invocation[0]}\" ...",
            Run = invocation => Clear(invocation, Path("global-parameters", invocation[0])),
        },
        new("clear_parameter", "clear_parameter [--vhost <vhost>] <component_name> <name>", "Clears a runtime parameter.")
        {
            Arguments = 2,
            Banner = invocation => $"Clearing runtime parameter \"{invocation[1]}\" for component \"{invocation[0]}\" on vhost \"{invocation.VirtualHost}\" ...",
            Run = invocation => Clear(invocation, Path("parameters", invocation[0], invocation.VirtualHost, invocation[1])),
        },
        new("list_global_parameters", "list_global_parameters [--no-table-headers]", "Lists global runtime parameters")
        {
            ShowsTimeout = true,
            Banner = _ => "Listing global runtime parameters ...",
            Run = async invocation => Listing.Of((await invocation.Client.Get(Path("global-parameters"), invocation.Cancel)).Good(), GlobalColumns, isStream: false),
        },
        new("list_parameters", "list_parameters [--vhost <vhost>] [--no-table-headers]", "Lists runtime parameters for a virtual host")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Listing runtime parameters for vhost \"{invocation.VirtualHost}\" ...",
            Run = List,
        },
        new("set_global_parameter", "set_global_parameter <name> <value>", "Sets a runtime parameter.")
        {
            Arguments = 2,
            Banner = invocation => $"Setting global runtime parameter \"{invocation[0]}\" to \"{invocation[1]}\" ...",
            Run = invocation => Set(invocation, Path("global-parameters", invocation[0]), invocation[1]),
        },
        new("set_parameter", "set_parameter [--vhost <vhost>] <component_name> <name> <value>", "Sets a runtime parameter.")
        {
            Arguments = 3,
            Banner = invocation => $"Setting runtime parameter \"{invocation[1]}\" for component \"{invocation[0]}\" to \"{invocation[2]}\" in vhost \"{invocation.VirtualHost}\" ...",
            Run = invocation => Set(invocation, Path("parameters", invocation[0], invocation.VirtualHost, invocation[1]), invocation[2]),
        },
    ]);

    /// <exception cref="Failure">It is not JSON.</exception>
    public static JsonNode? Parse(string json)
    {
        try
        {
            return JsonNode.Parse(json);
        }
        catch (JsonException)
        {
            throw Failure.Error(ExitCode.Unavailable, "Could not parse JSON document: badarg");
        }
    }

    /// <summary>Deletes what is there.</summary>
    public static async Task<Result> Clear(Invocation invocation, string path)
    {
        var answer = await invocation.Client.Delete(path, invocation.Cancel);
        if (answer.IsMissing) throw Failure.Error(ExitCode.Unavailable, "Parameter does not exist");
        answer.Good();
        return Result.Done;
    }

    private static async Task<Result> Set(Invocation invocation, string path, string value)
    {
        var answer = await invocation.Client.Put(path, new JsonObject { ["value"] = Parse(value) }, invocation.Cancel);
        if (answer.IsMissing) throw Failure.NoSuchVirtualHost(invocation.VirtualHost);
        answer.Good();
        return Result.Done;
    }

    private static async Task<Result> List(Invocation invocation)
    {
        if ((await invocation.Client.Get(Path("vhosts", invocation.VirtualHost), invocation.Cancel)).IsMissing) throw Failure.NoSuchVirtualHost(invocation.VirtualHost);
        var all = (await invocation.Client.Get(Path("parameters"), invocation.Cancel)).Good().EnumerateArray();
        return new Result.Rows(
            [.. all.Where(parameter => parameter.GetProperty("vhost").GetString() == invocation.VirtualHost).Select(parameter => Listing.Row(parameter, Columns))], IsStream: false);
    }
}
