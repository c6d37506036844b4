using Amqp.Broker;
using Amqp.Core.Errors;
using Amqp.Management.Endpoints;
using Amqp.Management.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Amqp.Management;

/// <summary>RabbitMQ's management HTTP API, as far as it is there. Whoever can send a request may everything: it is for a socket that
/// only operators can open.</summary>
public static class ManagementApi
{
    /// <summary>Adds the endpoints under <c>/api</c>. What is not among them answers 404 in RabbitMQ's words.</summary>
    public static void Map(WebApplication application, BrokerNode node, INodeHost host)
    {
        application.Use(TellRefusal);
        var api = application.MapGroup("/api");
        var pids = new Pids(node);
        new OverviewEndpoints(node, host).Map(api);
        new NodeEndpoints(node, host).Map(api);
        new UserEndpoints(node).Map(api);
        new VhostEndpoints(node).Map(api);
        new PermissionEndpoints(node).Map(api);
        new TopicPermissionEndpoints(node).Map(api);
        new LimitEndpoints(node).Map(api);
        new QueueEndpoints(node, pids).Map(api);
        new ExchangeEndpoints(node).Map(api);
        new BindingEndpoints(node).Map(api);
        new ConnectionEndpoints(node, pids).Map(api);
        new ChannelEndpoints(node, pids).Map(api);
        new ConsumerEndpoints(node, pids).Map(api);
        application.MapFallback(() => Answer.NotFound);
    }

    /// <summary>What was refused, by the broker or because of how it was asked, becomes an answer.</summary>
    private static async Task TellRefusal(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (BrokerException exception)
        {
            await Answer.Error(exception.Error).ExecuteAsync(context);
        }
        catch (BadRequestException exception)
        {
            await Answer.BadRequest(exception.Message).ExecuteAsync(context);
        }
    }
}
