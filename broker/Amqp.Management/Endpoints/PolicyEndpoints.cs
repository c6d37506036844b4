using System.Text.Json;
using Amqp.Core.Policies;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Policies of one kind: <c>/policies</c> and <c>/operator-policies</c> are alike.</summary>
internal sealed class PolicyEndpoints(INodeHost host, PolicyKind kind)
{
    private const string ApplyTo = "apply-to";

    /// <summary>As the value of a runtime parameter.</summary>
    public static Dictionary<string, object> Value(Policy policy) => new()
    {
        ["pattern"] = policy.Pattern.Text,
        ["definition"] = policy.Definition.ToDictionary(),
        ["priority"] = policy.Priority,
        [ApplyTo] = policy.ApplyTo.Text(),
    };

    public void Map(IEndpointRouteBuilder api)
    {
        var path = kind == PolicyKind.Operator ? "/operator-policies" : "/policies";
        var right = kind == PolicyKind.Operator ? Right.Administrator : Right.Policies;
        api.MapGet(path, (Requester who) => Answer.List(Shown(who.VhostsInside(host.Node.Topology))))
            .For(Right.InVhost, "Lists the policies of all virtual hosts");
        api.MapGet($"{path}/{{vhost}}", (PathNames names) => Answer.List(host.Node.Topology.Find(names["vhost"]) is { } vhost ? Shown([vhost]) : null))
            .For(Right.InVhost, "Lists the policies of a virtual host");
        api.MapGet($"{path}/{{vhost}}/{{name}}", (PathNames names) => Answer.OrNotFound(Find(names) is { } policy ? Show(names["vhost"], policy) : null))
            .For(right, "Shows a policy");
        api.MapPut($"{path}/{{vhost}}/{{name}}", Put)
            .For(right, "Sets a policy, which acts at once on all queues or exchanges that match").WithBody("""{"pattern":"^orders\\.","definition":{"max-length":100000},"priority":0,"apply-to":"queues"}""");
        api.MapDelete($"{path}/{{vhost}}/{{name}}", async (PathNames names, Requester who) =>
            Find(names) is { } policy ? await Answer.To(who.Change(host.Node, new ClearPolicy(names["vhost"], kind, policy.Name))) : Answer.NotFound)
            .For(right, "Clears a policy");
    }

    /// <summary>A policy as the value of a parameter, from an object that may leave out what is usual.</summary>
    /// <exception cref="BadRequestException">It leaves out more.</exception>
    public static JsonElement ValueIn(Body body) => JsonSerializer.SerializeToElement(new Dictionary<string, object>
    {
        ["pattern"] = body.Value("pattern"),
        ["definition"] = body.Value("definition"),
        ["priority"] = (object?)body.ValueOrNull("priority") ?? 0,
        [ApplyTo] = (object?)body.ValueOrNull(ApplyTo) ?? PolicyTarget.All.Text(),
    });

    /// <summary>Those that are no operator policies.</summary>
    public static IEnumerable<object> UserPoliciesOf(VirtualHost vhost) => vhost.Policies.Of(PolicyKind.User).Values.Select(policy => Show(vhost.Name, policy));

    private async Task<IResult> Put(PathNames names, Body body, Requester who)
    {
        var value = ValueIn(body);
        if (host.Node.Topology.Find(names["vhost"]) is null) return Answer.NotFound;
        var isNew = Find(names) is null;
        var result = await who.Change(host.Node, new SetPolicy(names["vhost"], kind, names["name"], value));
        return result.Error is { } error ? Answer.Error(error) : Answer.Put(isNew);
    }

    private Policy? Find(PathNames names) => host.Node.Topology.Find(names["vhost"])?.Policies.Of(kind).GetValueOrDefault(names["name"]);

    private IEnumerable<object> Shown(IEnumerable<VirtualHost> vhosts) =>
        from vhost in vhosts from policy in vhost.Policies.Of(kind).Values select Show(vhost.Name, policy);

    private static Dictionary<string, object> Show(string vhost, Policy policy) => new()
    {
        ["vhost"] = vhost,
        ["name"] = policy.Name,
        ["pattern"] = policy.Pattern.Text,
        [ApplyTo] = policy.ApplyTo.Text(),
        ["definition"] = policy.Definition.ToDictionary(),
        ["priority"] = policy.Priority,
    };
}
