using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using AMQP.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Bindings, those of the default exchange too, which follow from the names of the queues.</summary>
internal sealed class BindingEndpoints(INodeHost host)
{
    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/bindings", (Requester who) => Answer.List(Shown(who.VhostsInside(host.Node.Topology).SelectMany(All))))
            .For(Right.InVhost, "Lists the bindings of all virtual hosts, those of the default exchange too");
        api.MapGet("/bindings/{vhost}", (PathNames names) => List(names, All)).For(Right.InVhost, "Lists the bindings of a virtual host");
        api.MapGet("/exchanges/{vhost}/{exchange}/bindings/source", (PathNames names) => List(names, vhost =>
            vhost.FindExchange(ExchangeIn(names)) is null ? null : All(vhost).Where(binding => binding.Binding.Source == ExchangeIn(names))))
            .For(Right.InVhost, "Lists the bindings from an exchange");
        api.MapGet("/exchanges/{vhost}/{exchange}/bindings/destination", (PathNames names) => List(names, vhost =>
            vhost.FindExchange(ExchangeIn(names)) is null ? null : To(vhost, Destination.Exchange(ExchangeIn(names)))))
            .For(Right.InVhost, "Lists the bindings to an exchange");
        api.MapGet("/queues/{vhost}/{queue}/bindings", (PathNames names) => List(names, vhost =>
            vhost.FindQueue(names["queue"]) is null ? null : To(vhost, Destination.Queue(names["queue"]))))
            .For(Right.InVhost, "Lists the bindings to a queue");
        foreach (var kind in (ResourceKind[])[ResourceKind.Queue, ResourceKind.Exchange]) MapBetween(api, kind);
    }

    /// <summary>Those from an exchange to a queue, or to another exchange.</summary>
    private void MapBetween(IEndpointRouteBuilder api, ResourceKind kind)
    {
        var path = $"/bindings/{{vhost}}/e/{{source}}/{(kind == ResourceKind.Queue ? 'q' : 'e')}/{{destination}}";
        api.MapGet(path, (PathNames names) => List(names, vhost => Between(vhost, names, kind)))
            .For(Right.InVhost, "Lists the bindings between the two");
        api.MapPost(path, (PathNames names, Body body, Requester who) => Bind(names, body, who, kind))
            .For(Right.InVhost, "Binds the two; the header Location tells where the binding is").WithBody("""{"routing_key":"order.*","arguments":{}}""");
        api.MapGet($"{path}/{{properties}}", (PathNames names) => Answer.OrNotFound(Find(names, kind) is { } binding ? Show(binding) : null))
            .For(Right.InVhost, "Shows one binding; its last name is the properties_key that lists show");
        api.MapDelete($"{path}/{{properties}}", async (PathNames names, Requester who) => Find(names, kind) is { } found
            ? await Answer.To(who.Change(host.Node, new Unbind(found.Vhost, found.Binding, User: who.Name)))
            : Answer.NotFound).For(Right.InVhost, "Removes a binding");
    }

    private async Task<IResult> Bind(PathNames names, Body body, Requester who, ResourceKind kind)
    {
        if (host.Node.Topology.Find(names["vhost"]) is not { } vhost || !Exist(vhost, names, kind)) return Answer.NotFound;
        var binding = new Binding(SourceIn(names), DestinationIn(names, kind), ShortText.Of("routing_key", body.TextOrNull("routing_key") ?? ""), FieldTableJson.Of(body.ValueOrNull("arguments")));
        var result = await who.Change(host.Node, new Bind(vhost.Name, binding, User: who.Name));
        if (result.Error is { } error) return Answer.Error(error);
        // Relative to the path of the request, as in RabbitMQ.
        return Results.Created($"{Uri.EscapeDataString(names["destination"])}/{Uri.EscapeDataString(BindingProperties.Of(binding))}", value: null);
    }

    private IResult List(PathNames names, Func<VirtualHost, IEnumerable<VhostBinding>?> choose) =>
        Answer.List(host.Node.Topology.Find(names["vhost"]) is { } vhost && choose(vhost) is { } bindings ? Shown(bindings) : null);

    private static IEnumerable<VhostBinding> All(VirtualHost vhost)
    {
        var implied = vhost.Queues.Keys.Order(StringComparer.Ordinal).Select(Implied);
        return implied.Concat(Declared(vhost)).Select(binding => new VhostBinding(vhost.Name, binding));
    }

    /// <summary>All but those of the default exchange, in order.</summary>
    public static IEnumerable<Binding> Declared(VirtualHost vhost) => InOrder(vhost.Bindings.All);

    private static IEnumerable<VhostBinding> To(VirtualHost vhost, Destination destination)
    {
        var implied = destination.Kind == ResourceKind.Queue ? (Binding[])[Implied(destination.Name)] : [];
        return implied.Concat(InOrder(vhost.Bindings.OfDestination(destination))).Select(binding => new VhostBinding(vhost.Name, binding));
    }

    private static IEnumerable<VhostBinding>? Between(VirtualHost vhost, PathNames names, ResourceKind kind) =>
        Exist(vhost, names, kind) ? To(vhost, DestinationIn(names, kind)).Where(binding => binding.Binding.Source == SourceIn(names)) : null;

    private static Binding Implied(string queue) => new("", Destination.Queue(queue), queue, FieldTable.Empty);

    private static IEnumerable<Binding> InOrder(IEnumerable<Binding> bindings) => bindings
        .OrderBy(binding => binding.Source, StringComparer.Ordinal)
        .ThenBy(binding => binding.Destination.Name, StringComparer.Ordinal)
        .ThenBy(binding => binding.RoutingKey, StringComparer.Ordinal);

    private static bool Exist(VirtualHost vhost, PathNames names, ResourceKind kind) => vhost.FindExchange(SourceIn(names)) is not null
        && (kind == ResourceKind.Queue ? vhost.FindQueue(names["destination"]) is not null : vhost.FindExchange(ExchangeEndpoints.NameIn(names["destination"])) is not null);

    private VhostBinding? Find(PathNames names, ResourceKind kind) => host.Node.Topology.Find(names["vhost"]) is { } vhost
        ? Between(vhost, names, kind)?.FirstOrDefault(binding => BindingProperties.Mean(names["properties"], binding.Binding))
        : null;

    private static string ExchangeIn(PathNames names) => ExchangeEndpoints.NameIn(names["exchange"]);

    private static string SourceIn(PathNames names) => ExchangeEndpoints.NameIn(names["source"]);

    private static Destination DestinationIn(PathNames names, ResourceKind kind) =>
        kind == ResourceKind.Queue ? Destination.Queue(names["destination"]) : Destination.Exchange(ExchangeEndpoints.NameIn(names["destination"]));

    private static IEnumerable<object> Shown(IEnumerable<VhostBinding> bindings) => bindings.Select(Show);

    private static object Show(VhostBinding found) => Show(found.Vhost, found.Binding);

    public static object Show(string vhost, Binding binding) => new
    {
        source = binding.Source,
        vhost,
        destination = binding.Destination.Name,
        destination_type = binding.Destination.Kind.Text(),
        routing_key = binding.RoutingKey,
        arguments = binding.Arguments,
        properties_key = BindingProperties.Of(binding),
    };

    /// <summary>A binding, and where it is.</summary>
    private sealed record VhostBinding(string Vhost, Binding Binding);
}
