using System.Text.Json.Nodes;
using Amqp.Ctl.Control;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>What users may do in virtual hosts, and with which routing keys.</summary>
internal static class PermissionCommands
{
    private static readonly Column User = new("user");
    private static readonly Column VirtualHost = new("vhost");
    private static readonly Column Exchange = new("exchange");
    private static readonly Column Write = new("write");
    private static readonly Column Read = new("read");
    private static readonly Column Configure = new("configure");

    public static CommandGroup Group { get; } = new("Access Control",
    [
        new("clear_permissions", "clear_permissions [--vhost <vhost>] <username>", "Revokes user permissions for a vhost")
        {
            Arguments = 1,
            Banner = invocation => $"Clearing permissions for user \"{invocation[0]}\" in vhost \"{invocation.VirtualHost}\" ...",
            Run = invocation => Clear(invocation, Path("permissions", invocation.VirtualHost, invocation[0])),
        },
        new("clear_topic_permissions", "clear_topic_permissions [--vhost <vhost>] <username> [<exchange>]", "Clears user topic permissions for a vhost or exchange")
        {
            ArgumentsMin = 1,
            ArgumentsMax = 2,
            Banner = invocation => $"Clearing topic permissions {(invocation.Arguments.Count == 2 ? $"on \"{invocation[1]}\" " : "")}for user \"{invocation[0]}\" in vhost \"{invocation.VirtualHost}\" ...",
            Run = invocation => Clear(
                invocation, Path("topic-permissions", invocation.VirtualHost, invocation[0]) + (invocation.Arguments.Count == 2 ? $"?exchange={Uri.EscapeDataString(invocation[1])}" : "")),
        },
        new("list_permissions", "list_permissions [--vhost <vhost>] [--no-table-headers]", "Lists user permissions in a virtual host")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Listing permissions for vhost \"{invocation.VirtualHost}\" ...",
            Run = invocation => ListOfVirtualHost(invocation, "permissions", [User, Configure, Write, Read]),
        },
        new("list_topic_permissions", "list_topic_permissions [--vhost <vhost>] [--no-table-headers]", "Lists topic permissions in a virtual host")
        {
            ShowsTimeout = true,
            Banner = invocation => $"Listing topic permissions for vhost \"{invocation.VirtualHost}\" ...",
            Run = invocation => ListOfVirtualHost(invocation, "topic-permissions", [User, Exchange, Write, Read]),
        },
        new("list_user_permissions", "list_user_permissions [--no-table-headers] <username>", "Lists permissions of a user across all virtual hosts")
        {
            Arguments = 1,
            ShowsTimeout = true,
            Banner = invocation => $"Listing permissions for user \"{invocation[0]}\" ...",
            Run = invocation => ListOfUser(invocation, "permissions", [VirtualHost, Configure, Write, Read], hasHeader: true),
        },
        new("list_user_topic_permissions", "list_user_topic_permissions [--no-table-headers] <username>", "Lists user topic permissions")
        {
            Arguments = 1,
            ShowsTimeout = true,
            Banner = invocation => $"Listing topic permissions for user \"{invocation[0]}\" ...",
            Run = invocation => ListOfUser(invocation, "topic-permissions", [VirtualHost, Exchange, Write, Read], hasHeader: false),
        },
        new("set_permissions", "set_permissions [--vhost <vhost>] <username> <conf> <write> <read>", "Sets user permissions for a vhost")
        {
            Arguments = 4,
            Banner = invocation => $"Setting permissions for user \"{invocation[0]}\" in vhost \"{invocation.VirtualHost}\" ...",
            Run = invocation => Set(invocation, invocation.VirtualHost),
        },
        new("set_permissions_globally", "set_permissions_globally <username> <conf> <write> <read>", "Sets user permissions for all virtual hosts")
        {
            Arguments = 4,
            Banner = invocation => $"Setting permissions for user \"{invocation[0]}\" in all virtual hosts ...",
            Run = SetEverywhere,
        },
        new("set_topic_permissions", "set_topic_permissions [--vhost <vhost>] <username> <exchange> <write> <read>", "Sets user topic permissions for an exchange")
        {
            Arguments = 4,
            Banner = invocation => $"Setting topic permissions on \"{invocation[1]}\" for user \"{invocation[0]}\" in vhost \"{invocation.VirtualHost}\" ...",
            Run = async invocation =>
            {
                var body = new JsonObject { ["exchange"] = invocation[1], ["write"] = invocation[2], ["read"] = invocation[3] };
                return await Checked(invocation, invocation.VirtualHost, await invocation.Client.Put(Path("topic-permissions", invocation.VirtualHost, invocation[0]), body, invocation.Cancel));
            },
        },
    ]);

    private static async Task<Result> Set(Invocation invocation, string virtualHost)
    {
        var body = new JsonObject { ["configure"] = invocation[1], ["write"] = invocation[2], ["read"] = invocation[3] };
        return await Checked(invocation, virtualHost, await invocation.Client.Put(Path("permissions", virtualHost, invocation[0]), body, invocation.Cancel));
    }

    private static async Task<Result> SetEverywhere(Invocation invocation)
    {
        foreach (var virtualHost in (await invocation.Client.Get(Path("vhosts"), invocation.Cancel)).Good().EnumerateArray())
            await Set(invocation, virtualHost.GetProperty("name").GetString()!);
        return Result.Done;
    }

    /// <summary>Says which of the two is not there when a permission was refused; otherwise the broker's reason stands.</summary>
    private static async Task<Result> Checked(Invocation invocation, string virtualHost, Answer answer)
    {
        if (answer.IsGood) return Result.Done;
        var user = invocation[0];
        if ((await invocation.Client.Get(Path("users", user), invocation.Cancel)).IsMissing)
            throw Failure.Error(ExitCode.NoUser, $"User {user} does not exist", json: $"User {user} does not exist");
        if ((await invocation.Client.Get(Path("vhosts", virtualHost), invocation.Cancel)).IsMissing)
            throw Failure.Error(ExitCode.Unavailable, $"Virtual host {virtualHost} does not exist", json: $"Virtual host {virtualHost} does not exist");
        answer.Good();
        return Result.Done;
    }

    /// <summary>Since RabbitMQ 3.13 it is no error that there is nothing to clear, whatever is missing (rabbit_db_user).</summary>
    private static async Task<Result> Clear(Invocation invocation, string path)
    {
        var answer = await invocation.Client.Delete(path, invocation.Cancel);
        if (!answer.IsMissing) answer.Good();
        return Result.Done;
    }

    private static async Task<Result> ListOfVirtualHost(Invocation invocation, string what, IReadOnlyList<Column> columns)
    {
        var answer = await invocation.Client.Get(Path("vhosts", invocation.VirtualHost, what), invocation.Cancel);
        if (answer.IsMissing) throw Failure.NoSuchVirtualHost(invocation.VirtualHost);
        return Listing.Of(answer.Good(), columns, isStream: false);
    }

    private static async Task<Result> ListOfUser(Invocation invocation, string what, IReadOnlyList<Column> columns, bool hasHeader)
    {
        var answer = await invocation.Client.Get(Path("users", invocation[0], what), invocation.Cancel);
        if (answer.IsMissing) throw Failure.Term("no_such_user", invocation[0]);
        return Listing.Of(answer.Good(), columns, isStream: false, hasHeader);
    }
}
