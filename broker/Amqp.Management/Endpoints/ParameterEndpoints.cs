using System.Text.Json;
using Amqp.Core.Policies;
using Amqp.Core.Topology;
using Amqp.Management.Http;
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
        api.MapGet("/parameters", () => Answer.Of(All()));
        api.MapGet("/parameters/{component}", (PathNames names) =>
            Answer.OrNotFound(IsKnown(names["component"]) ? All().Where(parameter => parameter.Component == names["component"]) : null));
        api.MapGet("/parameters/{component}/{vhost}", (PathNames names) => Answer.OrNotFound(
            IsKnown(names["component"]) && host.Node.Topology.Find(names["vhost"]) is { } vhost ? Of(vhost).Where(parameter => parameter.Component == names["component"]) : null));
        api.MapGet("/parameters/{component}/{vhost}/{name}", (PathNames names) => Answer.OrNotFound(Find(names)));
        api.MapPut("/parameters/{component}/{vhost}/{name}", Put);
        api.MapDelete("/parameters/{component}/{vhost}/{name}", Delete);
        api.MapGet("/global-parameters", () => Answer.Of(host.Node.Topology.GlobalParameters.Select(Show)));
        api.MapGet("/global-parameters/{name}", (PathNames names) =>
            Answer.OrNotFound(host.Node.Topology.GlobalParameters.TryGetValue(names["name"], out var value) ? Show(KeyValuePair.Create(names["name"], value)) : null));
        api.MapPut("/global-parameters/{name}", PutGlobal);
        api.MapDelete("/global-parameters/{name}", (PathNames names) => Answer.To(host.Node.Change(new ClearGlobalParameter(names["name"]))));
    }

    private async Task<IResult> Put(PathNames names, Body body)
    {
        var (component, name, value) = (names["component"], names["name"], body.Value("value"));
        if (host.Node.Topology.Find(names["vhost"]) is not { } vhost) return Answer.NotFound;
        var isNew = Find(names) is null;
        TopologyCommand command;
        if (component == OperatorPolicy) command = new SetPolicy(vhost.Name, PolicyKind.Operator, name, value);
        else if (component == VhostLimits && name == LimitsName) command = new SetVhostLimits(vhost.Name, LimitEndpoints.Read(value));
        else return Refused(component, "set");
        var result = await host.Node.Change(command);
        return result.Error is { } error ? Answer.Error(error) : Answer.Put(isNew);
    }

    private async Task<IResult> Delete(PathNames names)
    {
        var component = names["component"];
        if (component == PolicyKind.User.Component()) return Refused(component, "cleared");
        if (Find(names) is null) return Answer.NotFound;
        return await Answer.To(host.Node.Change(component == OperatorPolicy
            ? new ClearPolicy(names["vhost"], PolicyKind.Operator, names["name"])
            : new SetVhostLimits(names["vhost"], Core.Topology.VhostLimits.None)));
    }

    private async Task<IResult> PutGlobal(PathNames names, Body body)
    {
        var isNew = !host.Node.Topology.GlobalParameters.ContainsKey(names["name"]);
        var result = await host.Node.Change(new SetGlobalParameter(names["name"], body.Value("value")));
        return result.Error is { } error ? Answer.Error(error) : Answer.Put(isNew);
    }

    private static IResult Refused(string component, string done) => Answer.BadRequest(component == PolicyKind.User.Component()
        ? $"policies may not be {done} using this method"
        : $"Validation failed\n\ncomponent {component} not found\n");

    private static bool IsKnown(string component) => component == OperatorPolicy || component == VhostLimits;

    private IEnumerable<Parameter> All() => host.Node.Topology.VirtualHosts.Values.OrderBy(vhost => vhost.Name, StringComparer.Ordinal).SelectMany(Of);

    private static IEnumerable<Parameter> Of(VirtualHost vhost)
    {
        foreach (var policy in vhost.Policies.OperatorPolicies.Values)
            yield return new(vhost.Name, OperatorPolicy, policy.Name, PolicyEndpoints.Value(policy));
        if (vhost.Limits != Core.Topology.VhostLimits.None) yield return new(vhost.Name, VhostLimits, LimitsName, LimitEndpoints.Show(vhost.Limits));
    }

    private Parameter? Find(PathNames names) => host.Node.Topology.Find(names["vhost"]) is { } vhost
        ? Of(vhost).FirstOrDefault(parameter => parameter.Component == names["component"] && parameter.Name == names["name"])
        : null;

    private static object Show(KeyValuePair<string, JsonElement> parameter) => new { name = parameter.Key, value = parameter.Value };

    private sealed record Parameter(string Vhost, string Component, string Name, object Value);
}
