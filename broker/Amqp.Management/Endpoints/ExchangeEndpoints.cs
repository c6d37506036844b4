using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Exchanges.</summary>
internal sealed class ExchangeEndpoints(INodeHost host)
{
    /// <summary>What paths call the default exchange, which has no name.</summary>
    private const string DefaultExchange = "amq.default";

    private const string Definition = "name,vhost,type,durable,auto_delete,internal,arguments,policy";

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/exchanges", (Requester who, Past past) => Answer.Pages(who.VhostsInside(host.Node.Topology).SelectMany(vhost => All(vhost, past)), Definition))
            .For(Right.InVhost, "Lists the exchanges of all virtual hosts").WithPages();
        api.MapGet("/exchanges/{vhost}", (PathNames names, Past past) => Answer.Pages(host.Node.Topology.Find(names["vhost"]) is { } vhost ? All(vhost, past) : null, Definition))
            .For(Right.InVhost, "Lists the exchanges of a virtual host").WithPages();
        api.MapGet("/exchanges/{vhost}/{exchange}", (PathNames names, Past past) => Answer.OrNotFound(Find(names) is { } exchange ? Show(host, exchange, past) : null, Definition))
            .For(Right.InVhost, "Shows an exchange");
        api.MapPut("/exchanges/{vhost}/{exchange}", Put)
            .For(Right.InVhost, "Declares an exchange").WithBody("""{"type":"topic","durable":true,"auto_delete":false,"internal":false,"arguments":{}}""");
        api.MapDelete("/exchanges/{vhost}/{exchange}", async (PathNames names, Requester who, [FromQuery(Name = "if-unused")] bool ifUnused = false) => Find(names) is { } exchange
            ? await Answer.To(who.Change(host.Node, new DeleteExchange(exchange.Vhost, exchange.Name, ifUnused, who.Name)))
            : Answer.NotFound).For(Right.InVhost, "Deletes an exchange");
    }

    /// <summary>The name that a path means.</summary>
    public static string NameIn(string segment) => segment == DefaultExchange ? "" : Names.Strip(segment);

    private Exchange? Find(PathNames names) => host.Node.Topology.Find(names["vhost"])?.FindExchange(NameIn(names["exchange"]));

    private async Task<IResult> Put(PathNames names, Body body, Requester who)
    {
        if (host.Node.Topology.Find(names["vhost"]) is not { } vhost) return Answer.NotFound;
        var result = await who.Change(host.Node, new DeclareExchange(
            vhost.Name,
            ShortText.Of("exchange name", NameIn(names["exchange"])),
            body.TextOrNull("type") ?? "direct",
            body.FlagOrText("durable"),
            body.FlagOrText("auto_delete"),
            body.FlagOrText("internal"),
            FieldTableJson.Of(body.ValueOrNull("arguments")),
            who.Name));
        return result.Error is { } error ? Answer.Error(error) : Answer.Put(result.Changed);
    }

    private IEnumerable<object> All(VirtualHost vhost, Past past) => vhost.Exchanges.Values.Select(exchange => Show(host, exchange, past));

    public static object Show(INodeHost host, Exchange exchange, Past past) => new
    {
        name = exchange.Name,
        vhost = exchange.Vhost,
        type = exchange.Type,
        durable = exchange.Durable,
        auto_delete = exchange.AutoDelete,
        @internal = exchange.Internal,
        arguments = exchange.Arguments,
        policy = exchange.Policies.Policy?.Name,
        messages_delayed = host.Node.Queues.DelayedIn(exchange),
        message_stats = MessageStats.OfExchange(host.Node.MeterOf(exchange), past),
    };
}
