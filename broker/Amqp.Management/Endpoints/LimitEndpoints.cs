using System.Globalization;
using System.Text.Json;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>How much virtual hosts and users may hold.</summary>
internal sealed class LimitEndpoints(INodeHost host)
{
    private const string MaxConnections = "max-connections";
    private const string MaxQueues = "max-queues";
    private const string MaxChannels = "max-channels";

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/vhost-limits", (Requester who) => Answer.List(host.Node.Topology.VirtualHosts.Values.Where(who.Sees).SelectMany(Shown)))
            .For(Right.OfVhost, "Lists the limits of virtual hosts");
        api.MapGet("/vhost-limits/{vhost}", (PathNames names) =>
            Answer.List(host.Node.Topology.Find(names["vhost"]) is { } vhost ? Shown(vhost) : null))
            .For(Right.OfVhost, "Lists the limits of a virtual host");
        api.MapPut("/vhost-limits/{vhost}/{name}", (PathNames names, Body body, Requester who) => SetOfVhost(names, Value(body), who))
            .For(Right.Administrator, "Sets max-connections, max-queues or another limit of a virtual host").WithBody("""{"value":100}""");
        api.MapDelete("/vhost-limits/{vhost}/{name}", (PathNames names, Requester who) => SetOfVhost(names, value: null, who))
            .For(Right.Administrator, "Clears a limit of a virtual host");
        api.MapGet("/user-limits", () => Answer.List(host.Node.Topology.Users.Values.SelectMany(Shown)))
            .For(Right.OfVhost, "Lists the limits of users");
        api.MapGet("/user-limits/{user}", (PathNames names) =>
            Answer.List(host.Node.Topology.FindUser(names["user"]) is { } user ? Shown(user) : null)).For(Right.OfVhost, "Lists the limits of a user");
        api.MapPut("/user-limits/{user}/{name}", (PathNames names, Body body, Requester who) => SetOfUser(names, Value(body), who))
            .For(Right.Administrator, "Sets max-connections, max-channels or another limit of a user").WithBody("""{"value":100}""");
        api.MapDelete("/user-limits/{user}/{name}", (PathNames names, Requester who) => SetOfUser(names, value: null, who))
            .For(Right.Administrator, "Clears a limit of a user");
    }

    /// <summary>Those that are set, by their names in definitions.</summary>
    public static Dictionary<string, long> Show(UserLimits limits) => Named((MaxConnections, limits.MaxConnections), (MaxChannels, limits.MaxChannels));

    /// <summary>By their names in definitions.</summary>
    /// <exception cref="BadRequestException">Something else is in it, or not a whole number.</exception>
    public static VhostLimits Read(JsonElement json)
    {
        var limits = VhostLimits.None;
        foreach (var (name, value) in Members(json))
        {
            limits = name switch
            {
                MaxConnections => limits with { MaxConnections = value },
                MaxQueues => limits with { MaxQueues = value },
                _ => throw Unrecognised(name),
            };
        }
        return limits;
    }

    /// <inheritdoc cref="Read"/>
    public static UserLimits ReadOfUser(JsonElement json)
    {
        var limits = UserLimits.None;
        foreach (var (name, value) in Members(json))
        {
            limits = name switch
            {
                MaxConnections => limits with { MaxConnections = value },
                MaxChannels => limits with { MaxChannels = value },
                _ => throw Unrecognised(name),
            };
        }
        return limits;
    }

    public static Dictionary<string, long> Show(VhostLimits limits) => Named((MaxConnections, limits.MaxConnections), (MaxQueues, limits.MaxQueues));

    private static IEnumerable<(string Name, long Value)> Members(JsonElement json)
    {
        // Erlang writes an empty object as an empty list.
        if (json.ValueKind == JsonValueKind.Array && json.GetArrayLength() == 0) yield break;
        if (json.ValueKind != JsonValueKind.Object) throw new BadRequestException("limits are an object");
        foreach (var member in json.EnumerateObject())
        {
            if (member.Value.ValueKind != JsonValueKind.Number || !member.Value.TryGetInt64(out var value))
                throw new BadRequestException($"Validation failed\n\n{member.Name} should be a number, actually was {member.Value}\n");
            yield return (member.Name, value);
        }
    }

    private static BadRequestException Unrecognised(string name) => new($"Validation failed\n\nUnrecognised terms [{name}] in limits\n");

    private static Dictionary<string, long> Named(params IEnumerable<(string Name, long? Value)> limits) =>
        limits.Where(limit => limit.Value is not null).ToDictionary(limit => limit.Name, limit => limit.Value!.Value);

    private static IEnumerable<object> Shown(VirtualHost vhost) =>
        vhost.Limits == VhostLimits.None ? [] : [new { vhost = vhost.Name, value = Show(vhost.Limits) }];

    private static IEnumerable<object> Shown(User user) =>
        user.Limits == UserLimits.None ? [] : [new { user = user.Name, value = Show(user.Limits) }];

    private static long Value(Body body) => body.Integer("value");

    private async Task<IResult> SetOfVhost(PathNames names, long? value, Requester who)
    {
        if (host.Node.Topology.Find(names["vhost"]) is not { Limits: var limits } vhost) return Answer.NotFound;
        return names["name"] switch
        {
            MaxConnections => await Answer.To(who.Change(host.Node, new SetVhostLimits(vhost.Name, limits with { MaxConnections = value }))),
            MaxQueues => await Answer.To(who.Change(host.Node, new SetVhostLimits(vhost.Name, limits with { MaxQueues = value }))),
            var unknown => Unknown(unknown, MaxConnections, MaxQueues),
        };
    }

    private async Task<IResult> SetOfUser(PathNames names, long? value, Requester who)
    {
        if (host.Node.Topology.FindUser(names["user"]) is not { Limits: var limits } user) return Answer.NotFound;
        return names["name"] switch
        {
            MaxConnections => await Answer.To(who.Change(host.Node, new SetUserLimits(user.Name, limits with { MaxConnections = value }))),
            MaxChannels => await Answer.To(who.Change(host.Node, new SetUserLimits(user.Name, limits with { MaxChannels = value }))),
            var unknown => Unknown(unknown, MaxConnections, MaxChannels),
        };
    }

    private static IResult Unknown(string name, string one, string other) =>
        Answer.BadRequest(string.Create(CultureInfo.InvariantCulture, $"there is no limit '{name}'; there are '{one}' and '{other}'"));
}
