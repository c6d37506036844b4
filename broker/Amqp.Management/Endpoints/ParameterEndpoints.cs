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

/// <summary>
/// Runtime parameters: values of a component, by name. Here that is another view of operator policies and of the limits of virtual hosts;
/// policies are parameters too, but have to be set as policies. Global parameters belong to no component.
/// </summary>
internal sealed class ParameterEndpoints(INodeHost host)
{
    private const string VhostLimits = "vhost-limits";
    private const string LimitsName = "limits"; // the only parameter of that component

    private static readonly string OperatorPolicy = PolicyKind.Operator.Component();

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/parameters", (Requester who) => Answer.List(All(who))).For(Right.Policies, "Lists the runtime parameters of all virtual hosts");
        api.MapGet("/parameters/{component}", (PathNames names, Requester who) =>
            Answer.List(IsKnown(names["component"]) ? All(who).Where(parameter => parameter.Component == names["component"]) : null))
            .For(Right.Policies, "Lists those of a component, such as vhost-limits");
        api.MapGet("/parameters/{component}/{vhost}", (PathNames names) => Answer.List(
            IsKnown(names["component"]) && host.Node.Topology.Find(names["vhost"]) is { } vhost ? Of(vhost).Where(parameter => parameter.Component == names["component"]) : null))
            .For(Right.Policies, "Lists those of a component in a virtual host");
        api.MapGet("/parameters/{component}/{vhost}/{name}", (PathNames names) => Answer.OrNotFound(Find(names)))
            .For(Right.Policies, "Shows a parameter");
        // RabbitMQ lets policymakers do that, too: but operator policies and limits are there to bound what they can do, and have an administrator's paths.
        api.MapPut("/parameters/{component}/{vhost}/{name}", Put)
            .For(Right.Administrator, "Sets a parameter").WithBody("""{"value":{"max-connections":100}}""");
        api.MapDelete("/parameters/{component}/{vhost}/{name}", Delete).For(Right.Administrator, "Clears a parameter");
        api.MapGet("/global-parameters", () => Answer.List(host.Node.Topology.GlobalParameters.Select(Show)))
            .For(Right.GlobalParameters, "Lists the parameters of the whole cluster");
        api.MapGet("/global-parameters/{name}", (PathNames names) =>
            Answer.OrNotFound(host.Node.Topology.GlobalParameters.TryGetValue(names["name"], out var value) ? Show(KeyValuePair.Create(names["name"], value)) : null))
            .For(Right.GlobalParameters, "Shows one of them");
        api.MapPut("/global-parameters/{name}", PutGlobal)
            .For(Right.GlobalParameters, "Sets one of them").WithBody("""{"value":{"region":"north"}}""");
        api.MapDelete("/global-parameters/{name}", (PathNames names, Requester who) => Answer.To(who.Change(host.Node, new ClearGlobalParameter(names["name"]))))
            .For(Right.GlobalParameters, "Clears one of them");
    }

    private async Task<IResult> Put(PathNames names, Body body, Requester who)
    {
        var (component, name, value) = (names["component"], names["name"], body.Value("value"));
        if (host.Node.Topology.Find(names["vhost"]) is not { } vhost) return Answer.NotFound;
        var isNew = Find(names) is null;
        if (Set(vhost.Name, component, name, value) is not { } command) return Refused(component, "set");
        var result = await who.Change(host.Node, command);
        return result.Error is { } error ? Answer.Error(error) : Answer.Put(isNew);
    }

    /// <summary>What makes a parameter; null: there is no such component, or no parameter of that name in it.</summary>
    /// <exception cref="BadRequestException">The value can be none.</exception>
    public static TopologyCommand? Set(string vhost, string component, string name, JsonElement value)
    {
        if (component == OperatorPolicy) return new SetPolicy(vhost, PolicyKind.Operator, name, value);
        return component == VhostLimits && name == LimitsName ? new SetVhostLimits(vhost, LimitEndpoints.Read(value)) : null;
    }

    private async Task<IResult> Delete(PathNames names, Requester who)
    {
        var component = names["component"];
        if (component == PolicyKind.User.Component()) return Refused(component, "cleared");
        if (Find(names) is null) return Answer.NotFound;
        return await Answer.To(who.Change(host.Node, component == OperatorPolicy
            ? new ClearPolicy(names["vhost"], PolicyKind.Operator, names["name"])
            : new SetVhostLimits(names["vhost"], Core.Topology.VhostLimits.None)));
    }

    private async Task<IResult> PutGlobal(PathNames names, Body body, Requester who)
    {
        var isNew = !host.Node.Topology.GlobalParameters.ContainsKey(names["name"]);
        var result = await who.Change(host.Node, new SetGlobalParameter(names["name"], body.Value("value")));
        return result.Error is { } error ? Answer.Error(error) : Answer.Put(isNew);
    }

    private static IResult Refused(string component, string done) => Answer.BadRequest(component == PolicyKind.User.Component()
        ? $"policies may not be {done} using this method"
        : $"Validation failed\n\ncomponent {component} not found\n");

    private static bool IsKnown(string component) => component == OperatorPolicy || component == VhostLimits;

    private IEnumerable<Parameter> All(Requester who) => who.VhostsInside(host.Node.Topology).SelectMany(Of);

    internal static IEnumerable<Parameter> Of(VirtualHost vhost)
    {
        foreach (var policy in vhost.Policies.OperatorPolicies.Values)
            yield return new(vhost.Name, OperatorPolicy, policy.Name, PolicyEndpoints.Value(policy));
        if (vhost.Limits != Core.Topology.VhostLimits.None) yield return new(vhost.Name, VhostLimits, LimitsName, LimitEndpoints.Show(vhost.Limits));
    }

    private Parameter? Find(PathNames names) => host.Node.Topology.Find(names["vhost"]) is { } vhost
        ? Of(vhost).FirstOrDefault(parameter => parameter.Component == names["component"] && parameter.Name == names["name"])
        : null;

    public static object Show(KeyValuePair<string, JsonElement> parameter) => new { name = parameter.Key, value = parameter.Value };

    internal sealed record Parameter(string Vhost, string Component, string Name, object Value);
}
