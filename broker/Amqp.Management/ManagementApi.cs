using Amqp.Core.Errors;
using Amqp.Core.Policies;
using Amqp.Management.Clients;
using Amqp.Management.Endpoints;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Amqp.Management;

/// <summary>RabbitMQ's management HTTP API, as far as it is there: for users who log in, by their tags and permissions, and for operators of this host, who may do everything.</summary>
public static class ManagementApi
{
    /// <summary>What the endpoints need of the application.</summary>
    public static void AddServices(IServiceCollection services) => ApiDocument.AddTo(services);

    /// <summary>Adds the endpoints under <c>/api</c>. What is not among them answers 404 in RabbitMQ's words; while the node is stopped,
    /// all but <c>/api/nodes</c> answer 503.</summary>
    public static void Map(WebApplication application, INodeHost host, ILoggerFactory loggers)
    {
        application.Use(TellMissing);
        application.Use(AnswerHead);
        application.UseRouting();
        application.Use(TellRefusal);
        application.Use(new Login(host, loggers.CreateLogger<Login>()).LetIn);
        ApiDocument.Map(application);
        new NodeEndpoints(host).Map(application.MapGroup("/api"));
        new LogEndpoints(host).Map(application.MapGroup("/api"));
        var api = application.MapGroup("/api").AddEndpointFilter((context, next) => WhileNodeIsThere(host, context, next));
        new OverviewEndpoints(host).Map(api);
        new LoginEndpoints(host).Map(api);
        new ClusterEndpoints(host).Map(api);
        new HealthEndpoints(host).Map(api);
        new CriticalNodeEndpoints(host).Map(api);
        new DefinitionEndpoints(host, loggers.CreateLogger<DefinitionEndpoints>()).Map(api);
        FeatureFlagEndpoints.Map(api);
        new UserEndpoints(host).Map(api);
        new VhostEndpoints(host).Map(api);
        new PermissionEndpoints(host).Map(api);
        new TopicPermissionEndpoints(host).Map(api);
        new LimitEndpoints(host).Map(api);
        foreach (var kind in Enum.GetValues<PolicyKind>()) new PolicyEndpoints(host, kind).Map(api);
        new ParameterEndpoints(host).Map(api);
        new QueueEndpoints(host).Map(api);
        new ExchangeEndpoints(host).Map(api);
        new MessageEndpoints(host).Map(api);
        new DelayedEndpoints(host).Map(api);
        new TraceEndpoints(host).Map(api);
        new EventEndpoints(host).Map(api);
        new BindingEndpoints(host).Map(api);
        new ConnectionEndpoints(host).Map(api);
        new ChannelEndpoints(host).Map(api);
        new ConsumerEndpoints(host).Map(api);
    }

    /// <summary>RabbitMQ's names of plugins whose work is done here.</summary>
    public static IReadOnlyList<string> Plugins => ForTools.Plugins;

    /// <summary>What the node shows of itself in <c>/api/nodes</c>, also of other nodes. UTF-8; empty: it is stopped.</summary>
    public static ReadOnlyMemory<byte> CardOf(INodeHost host) => NodeEndpoints.CardOf(host);

    /// <summary>What the node answers to a question that another one has asked by this API.</summary>
    /// <exception cref="InvalidOperationException">It is stopped.</exception>
    /// <exception cref="InvalidDataException">It does not understand it.</exception>
    public static Task<ReadOnlyMemory<byte>> AnswerTo(INodeHost host, ReadOnlyMemory<byte> question) => OtherNodes.AnswerTo(host, question);

    /// <summary>What is not there, or not with that method, answers so before anyone logs in; and with <c>OPTIONS</c> a client hears which methods there are.</summary>
    private static async Task TellMissing(HttpContext context, RequestDelegate next)
    {
        await next(context);
        if (context.Response.HasStarted || context.GetEndpoint() is RouteEndpoint) return;
        if (context.Response.StatusCode == StatusCodes.Status404NotFound) await Answer.NotFound.ExecuteAsync(context);
        else if (context.Response.StatusCode == StatusCodes.Status405MethodNotAllowed && HttpMethods.IsOptions(context.Request.Method)) context.Response.StatusCode = StatusCodes.Status200OK;
    }

    /// <summary>Whatever can be got has a header, too: the server leaves out the body.</summary>
    private static Task AnswerHead(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsHead(context.Request.Method)) context.Request.Method = HttpMethods.Get;
        return next(context);
    }

    private static async ValueTask<object?> WhileNodeIsThere(INodeHost host, EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        using var use = host.Enter();
        if (use is null) return Answer.Stopped;
        // Told here and not by the caller: lists are made while they are written.
        if (await next(context) is IResult result) await result.ExecuteAsync(context.HttpContext);
        return Results.Empty;
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
        catch (ClusterRefusedException exception)
        {
            await Answer.BadRequest(exception.Message).ExecuteAsync(context);
        }
        catch (BadRequestException exception)
        {
            await Answer.BadRequest(exception.Message, exception.Error).ExecuteAsync(context);
        }
    }
}
