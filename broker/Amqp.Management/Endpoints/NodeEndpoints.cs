using Amqp.Core;
using Amqp.Management.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>The node itself: what it takes, what it may take, and whether it serves clients. What is set here holds until the next start.</summary>
internal sealed class NodeEndpoints(INodeHost host)
{
    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/nodes", () => Answer.Of(new[] { Show() }));
        api.MapGet("/nodes/{node}", (PathNames names) => IsThis(names) ? Answer.Of(Show()) : Answer.NotFound);
        api.MapPut("/nodes/{node}/memory-high-watermark", (PathNames names, Body body) =>
            Set(names, () => host.Node.SetMemoryHighWatermark(WatermarkIn(body, "relative", relativeMax: 1))));
        api.MapPut("/nodes/{node}/disk-free-limit", (PathNames names, Body body) =>
            Set(names, () => host.Node.SetDiskFreeLimit(WatermarkIn(body, "mem_relative", relativeMax: double.MaxValue))));
        api.MapPut("/nodes/{node}/app", SetApp);
    }

    /// <exception cref="BadRequestException">It is neither a share of the memory nor a number of bytes.</exception>
    private static Watermark WatermarkIn(Body body, string relative, double relativeMax)
    {
        if (body.Number(relative) is { } share)
        {
            return share >= 0 && share <= relativeMax
                ? Watermark.Relative(share)
                : throw new BadRequestException($"'{relative}' is a share of the memory, from 0.0 {(relativeMax > 1 ? "on" : "to 1.0")}");
        }
        var bytes = body.Integer("absolute");
        return bytes >= 0 ? Watermark.Absolute(bytes) : throw new BadRequestException("'absolute' is a number of bytes from 0 on");
    }

    private bool IsThis(PathNames names) => names["node"] == host.Identity.Name;

    private IResult Set(PathNames names, Action set)
    {
        if (!IsThis(names)) return Answer.NotFound;
        using var use = host.Enter();
        if (use is null) return Answer.Stopped;
        set();
        return Answer.Done;
    }

    private async Task<IResult> SetApp(PathNames names, Body body)
    {
        if (!IsThis(names)) return Answer.NotFound;
        try
        {
            await (body.Flag("running") ? host.StartApp() : host.StopApp());
            return Answer.Done;
        }
        catch (IOException exception)
        {
            return Answer.BadRequest(exception.Message);
        }
    }

    private object Show()
    {
        using var use = host.Enter();
        return use is null ? ShowStopped() : ShowNode();
    }

    private object ShowStopped() => new
    {
        name = host.Identity.Name,
        type = "disc",
        running = false,
        os_pid = $"{Environment.ProcessId}",
        data_directory = host.DataDirectory,
        engine = host.StoreEngine,
        config_files = host.ConfigFiles,
    };

    private object ShowNode()
    {
        var status = host.Node.Status();
        return new
        {
            name = host.Identity.Name,
            type = "disc",
            running = host.IsRunning,
            os_pid = $"{Environment.ProcessId}",
            uptime = status.UptimeMs,
            mem_used = status.MemoryUsedBytes,
            mem_limit = status.MemoryLimitBytes,
            mem_alarm = status.MemoryAlarm,
            memory_resident = status.ResidentBytes,
            memory_total = status.TotalMemoryBytes,
            memory_high_watermark = status.MemoryHighWatermark.OfMemory,
            page_out = status.PageOutBytes,
            disk_free = status.DiskFreeBytes,
            disk_free_limit = status.DiskFreeLimitBytes,
            disk_free_alarm = status.DiskAlarm,
            fd_used = status.OpenFiles,
            fd_total = status.OpenFilesMax,
            sockets_used = host.Node.Connections.Count,
            sockets_total = host.ConnectionsMax,
            processors = Environment.ProcessorCount,
            data_directory = host.DataDirectory,
            engine = host.StoreEngine,
            config_files = host.ConfigFiles,
            partitions = Array.Empty<string>(),
        };
    }
}
