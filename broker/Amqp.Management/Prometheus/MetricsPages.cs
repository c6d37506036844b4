using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using ConnectionInfo = Amqp.Broker.Observability.ConnectionInfo;

namespace Amqp.Management.Prometheus;

/// <summary>
/// RabbitMQ's pages for Prometheus, under its names, and two for the probes of Kubernetes. Nothing that happens on the node waits for them, and who reads them needs no login, as in RabbitMQ:
/// there are names of queues in them, but nothing of messages.
/// </summary>
public sealed class MetricsPages
{
    /// <summary>Pages that are made at a time: one of 100,000 queues takes a second and some 50 MB. Others are asked to come again.</summary>
    private const int AtATime = 4;

    /// <summary>For one page to be read to its end: Prometheus waits for 10 s, and who reads slowly must not keep the node from being stopped.</summary>
    private static readonly TimeSpan PageMax = TimeSpan.FromSeconds(30);

    private readonly INodeHost _host;
    private int _pages;

    private MetricsPages(INodeHost host) => _host = host;

    /// <summary>Has connections to the port of metrics get them.</summary>
    public static void Map(IApplicationBuilder application, INodeHost host)
    {
        var pages = new MetricsPages(host);
        application.MapWhen(context => context.Features.Get<MetricsConnection>() is not null, metrics => metrics.UseResponseCompression().Run(pages.Answer));
    }

    /// <summary>Reads what <c>/metrics</c> shows; nothing while the node is stopped.</summary>
    public static async Task Read(INodeHost host, IMetricsSink sink, CancellationToken cancellation)
    {
        using var use = host.Enter();
        if (use is not null) await new MetricsPage(host, sink, [.. await host.Node.Connections.List()], cancellation).WriteAggregated();
    }

    private async Task Answer(HttpContext context)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            return;
        }
        switch (context.Request.Path.Value?.TrimEnd('/'))
        {
            case "/metrics":
                await Write(context, page => page.WriteAggregated());
                break;
            case "/metrics/per-object":
                await Write(context, page => page.WritePerObject());
                break;
            case "/metrics/detailed":
                await Write(context, page => page.WriteDetailed(Asked(context, "family")!, context.Request.Query.ContainsKey("vhost") ? Asked(context, "vhost") : null));
                break;
            case "/livez":
                await Say(context, StatusCodes.Status200OK, "ok");
                break;
            case "/readyz" when _host.IsRunning && !_host.IsDrained:
                await Say(context, StatusCodes.Status200OK, "ok");
                break;
            case "/readyz":
                await Say(context, StatusCodes.Status503ServiceUnavailable, _host.IsDrained ? "the node is drained for maintenance" : "the node does not serve clients");
                break;
            default:
                await Say(context, StatusCodes.Status404NotFound, "There are /metrics, /metrics/per-object, /metrics/detailed?family=queue_coarse_metrics, /livez and /readyz.");
                break;
        }
    }

    private static HashSet<string> Asked(HttpContext context, string name) => [.. context.Request.Query[name].OfType<string>()];

    private async Task Write(HttpContext context, Func<MetricsPage, Task> write)
    {
        using var use = _host.Enter();
        if (use is null)
        {
            await Say(context, StatusCodes.Status503ServiceUnavailable, "the node is stopped: start it with start_app");
            return;
        }
        try
        {
            if (Interlocked.Increment(ref _pages) <= AtATime) await Write(context, write, [.. await _host.Node.Connections.List()]);
            else await Say(context, StatusCodes.Status503ServiceUnavailable, $"{AtATime} pages are being made; try again");
        }
        finally
        {
            Interlocked.Decrement(ref _pages);
        }
    }

    private async Task Write(HttpContext context, Func<MetricsPage, Task> write, ConnectionInfo[] connections)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        patience.CancelAfter(PageMax);
        try
        {
            context.Response.ContentType = MetricsText.ContentType;
            await write(new MetricsPage(_host, new MetricsText(context.Response.BodyWriter), connections, patience.Token));
        }
        catch (OperationCanceledException)
        {
            context.Abort();
        }
    }

    private static Task Say(HttpContext context, int status, string what)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain";
        return context.Response.WriteAsync(what + "\n", context.RequestAborted);
    }
}
