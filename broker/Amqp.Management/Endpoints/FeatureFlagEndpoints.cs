using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>
/// RabbitMQ's feature flags: there they keep nodes of several versions from using what one of them does not know. Here the log of definitions and the links carry versions of their own, and
/// nothing has to be enabled; the flags tell tools what they can use. So those are listed that name something of RabbitMQ 3.13 that clients or operators see, and that is there.
/// </summary>
internal static class FeatureFlagEndpoints
{
    private const string All = "all";

    private static readonly object[] Flags =
    [
        Flag("classic_mirrored_queue_version", "Support setting version for classic mirrored queues"),
        Flag("implicit_default_bindings", "Default bindings are now implicit, instead of being stored in the database"),
        Flag("maintenance_mode_status", "Maintenance mode status"),
        Flag("quorum_queue", "Support queues of type `quorum`"),
        Flag("user_limits", "Configure connection and channel limits for a user"),
        Flag("virtual_host_metadata", "Virtual host metadata (description, tags, etc)"),
    ];

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/feature-flags", () => Answer.List(Flags)).For(Right.Management, "Lists RabbitMQ's feature flags: all that there are are enabled");
        // They are. RabbitMQ does not know all that tools ask for either.
        api.MapPut("/feature-flags/{name}/enable", (PathNames names) =>
            names["name"] is All || Flags.Any(flag => Equals(Fields.Find(flag, ["name"]), names["name"])) ? Answer.Done : Answer.BadRequest("unsupported"))
            .For(Right.Administrator, "Enables a feature flag, which it is");
        // Nothing that is here is going to be taken away.
        api.MapGet("/deprecated-features", () => Answer.List([])).For(Right.Management, "Lists features that are to go: none");
        api.MapGet("/deprecated-features/used", () => Answer.List([])).For(Right.Management, "Lists those of them that are used: none");
    }

    private static object Flag(string name, string description) =>
        new { name, state = "enabled", stability = "required", provided_by = "rabbit", desc = description, doc_url = "" };
}
