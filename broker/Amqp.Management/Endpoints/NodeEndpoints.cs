using System.Runtime.InteropServices;
using System.Text.Json;
using Amqp.Broker;
using Amqp.Core;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>The node itself: what it takes, what it may take, and whether it serves clients. What is set here holds until the next start.</summary>
internal sealed class NodeEndpoints(INodeHost host)
{
    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/nodes", () => Answer.List(ShowAll())).For(Right.Monitoring, "Lists the nodes of the cluster");
        api.MapGet("/nodes/{node}", (PathNames names) => Answer.OrNotFound(IsThis(names) ? Show() : (object?)ShowOther(names["node"])))
            .For(Right.Monitoring, "Shows a node");
        api.MapGet("/nodes/{node}/memory", (PathNames names) => ShowMemory(names, isRelative: false))
            .For(Right.Monitoring, "Shows what takes the memory of this node");
        api.MapGet("/nodes/{node}/memory/relative", (PathNames names) => ShowMemory(names, isRelative: true))
            .For(Right.Monitoring, "Shows the same in percent");
        // Whose socket this is, for the command line.
        api.MapGet("/node", () => Answer.Of(Show())).For(Right.Monitoring, "Shows the node that answers (ours)");
        api.MapPut("/nodes/{node}/maintenance", SetMaintenance)
            .For(Right.Administrator, "Drains this node, or revives it (ours)").WithBody("""{"drained":true}""");
        api.MapPost("/nodes/{node}/stop", Stop);
        api.MapPost("/nodes/{node}/reset", Reset);
        api.MapPost("/nodes/{node}/cluster", JoinCluster);
        api.MapPost("/nodes/{node}/given-up", GiveUp);
        api.MapPut("/nodes/{node}/memory-high-watermark", (PathNames names, Body body) =>
            Set(names, () => host.Node.SetMemoryHighWatermark(WatermarkIn(body, "relative", relativeMax: 1))))
            .For(Right.Administrator, "Sets from which use of memory on publishers are blocked, until the next start (ours)").WithBody("""{"relative":0.4}""");
        api.MapPut("/nodes/{node}/disk-free-limit", (PathNames names, Body body) =>
            Set(names, () => host.Node.SetDiskFreeLimit(WatermarkIn(body, "mem_relative", relativeMax: double.MaxValue))))
            .For(Right.Administrator, "Sets below which free space publishers are blocked, until the next start (ours)").WithBody("""{"absolute":50000000}""");
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

    private async Task<IResult> SetMaintenance(PathNames names, Body body)
    {
        if (!IsThis(names)) return Answer.NotFound;
        try
        {
            await (body.Flag("drained") ? host.Drain() : host.Revive());
            return Answer.Done;
        }
        catch (IOException exception)
        {
            return Answer.BadRequest(exception.Message);
        }
    }

    private IResult Stop(PathNames names, HttpContext context)
    {
        if (!IsThis(names)) return Answer.NotFound;
        // When the answer is on its way.
        context.Response.OnCompleted(() =>
        {
            host.EndProcess();
            return Task.CompletedTask;
        });
        return Answer.Done;
    }

    private async Task<IResult> Reset(PathNames names, Body body)
    {
        if (!IsThis(names)) return Answer.NotFound;
        await host.Reset(body.Flag("forced"));
        return Answer.Done;
    }

    private async Task<IResult> JoinCluster(PathNames names, Body body) =>
        IsThis(names) ? Answer.Of(new { already_member = !await host.JoinCluster(body.Text("node")) }) : Answer.NotFound;

    private async Task<IResult> GiveUp(PathNames names, Body body) =>
        IsThis(names) ? Answer.Of(new { others = await host.GiveUp(body.Text("node")) }) : Answer.NotFound;

    public object[] ShowAll()
    {
        using var use = host.Enter();
        return use is null ? [ShowStopped()] : [.. host.Node.Cluster.Nodes.Select(node => node.Name == host.Identity.Name ? ShowNode() : ShowOther(node))];
    }

    private JsonElement? ShowOther(string name)
    {
        using var use = host.Enter();
        return use is not null && host.Node.Cluster.Nodes.FirstOrDefault(node => node.Name == name) is { Name: not null } known ? ShowOther(known) : null;
    }

    /// <summary>A node shows itself; one that does not run is shown as RabbitMQ shows such a node.</summary>
    private JsonElement ShowOther(ClusterNode node) =>
        node.IsRunning && host.Node.Operations.CardOf(node.Name) is { Json.IsEmpty: false } card
            ? JsonElement.Parse(card.Json.Span)
            : JsonElement.Parse(Answer.Bytes(new { name = node.Name, type = "disc", running = node.IsRunning, partitions = Array.Empty<string>() }));

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

    /// <inheritdoc cref="ManagementApi.CardOf"/>
    public static ReadOnlyMemory<byte> CardOf(INodeHost host)
    {
        using var use = host.Enter();
        // Others see whether it runs.
        return use is null ? ReadOnlyMemory<byte>.Empty : Answer.Bytes(new NodeEndpoints(host).ShowNode(isRunning: true));
    }

    private JsonElement ShowNode() => ShowNode(host.IsRunning);

    private JsonElement ShowNode(bool isRunning)
    {
        var status = host.Node.Status();
        return Join([ShowDisk(host.Node.StoreCounters), ChurnRates.Of(host.Node.Churn)], new
        {
            name = host.Identity.Name,
            type = "disc",
            running = isRunning,
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
            proc_used = ThreadPool.ThreadCount,
            proc_total = Runtime.ThreadsMax,
            run_queue = ThreadPool.PendingWorkItemCount,
            rates_mode = ForTools.RatesMode,
            net_ticktime = ForTools.TickSeconds,
            mem_calculation_strategy = "allocated",
            exchange_types = ForTools.ExchangeTypes,
            auth_mechanisms = host.Node.AuthMechanisms.Select(mechanism => new { name = mechanism, description = $"SASL {mechanism}", enabled = true }),
            applications = ForTools.Applications(host.Identity.ProductVersion),
            enabled_plugins = ForTools.Plugins,
            contexts = ContextsOf(host),
            log_files = Array.Empty<string>(),
            db_dir = host.DataDirectory,
            cluster_links = Array.Empty<object>(),
            gc_num = GC.CollectionCount(0),
            gc_bytes_reclaimed = Runtime.ReclaimedBytes,
            context_switches = 0,
            data_directory = host.DataDirectory,
            engine = host.StoreEngine,
            config_files = host.ConfigFiles,
            partitions = host.Node.Operations.Unreachable,
            being_drained = host.IsDrained,
            product_name = NodeIdentity.OwnName,
            product_version = NodeIdentity.OwnVersion,
            rabbitmq_version = host.Identity.ProductVersion,
            platform = RuntimeInformation.FrameworkDescription,
            listeners = ListenersOf(host),
        });
    }

    /// <summary>What the memory of the process is for; by RabbitMQ's names, 0 where that is a part that is not counted apart. Of another node it is not known.</summary>
    private IResult ShowMemory(PathNames names, bool isRelative)
    {
        using var use = host.Enter();
        if (use is null) return Answer.Stopped;
        if (!host.Node.Cluster.Nodes.Any(node => node.Name == names["node"])) return Answer.NotFound;
        if (!IsThis(names)) return Answer.Of(new { memory = "not_available" });
        var (status, heap) = (host.Node.Status(), GC.GetTotalMemory(forceFullCollection: false));
        var total = Math.Max(1, status.ResidentBytes);
        var parts = new Dictionary<string, long>
        {
            // Bodies of messages, and what the broker counts with them.
            ["binary"] = Math.Min(status.MemoryUsedBytes, heap),
            ["other_proc"] = Math.Max(0, heap - status.MemoryUsedBytes),
            ["allocated_unused"] = Math.Max(0, GC.GetGCMemoryInfo().TotalCommittedBytes - heap),
            ["other_system"] = Math.Max(0, total - Math.Max(heap, GC.GetGCMemoryInfo().TotalCommittedBytes)),
        };
        foreach (var name in ForTools.MemoryParts) parts.TryAdd(name, 0);
        if (isRelative)
        {
            var shares = parts.ToDictionary(part => part.Key, part => part.Value == 0 ? 0 : Math.Max(1, (long)Math.Round(part.Value * 100.0 / total)));
            shares["total"] = 100;
            return Answer.Of(new { memory = shares });
        }
        var memory = parts.ToDictionary(part => part.Key, part => (object)part.Value);
        memory["total"] = new { erlang = heap, rss = status.ResidentBytes, allocated = GC.GetGCMemoryInfo().TotalCommittedBytes };
        memory["strategy"] = "rss";
        return Answer.Of(new { memory });
    }

    /// <summary>Without these some tools do not take a node for one; 0 is what there is not here.</summary>
    private static object ShowDisk(StoreCounters store) => new
    {
        io_read_count = store.Reads.Count,
        io_read_bytes = store.Reads.Bytes,
        io_read_avg_time = store.Reads.AverageMs,
        io_write_count = store.Writes.Count,
        io_write_bytes = store.Writes.Bytes,
        io_write_avg_time = store.Writes.AverageMs,
        io_sync_count = store.Flushes.Count,
        io_sync_avg_time = store.Flushes.AverageMs,
        io_seek_count = 0,
        io_seek_avg_time = 0,
        io_reopen_count = 0,
        io_file_handle_open_attempt_count = 0,
        io_file_handle_open_attempt_avg_time = 0,
        mnesia_ram_tx_count = 0,
        mnesia_disk_tx_count = 0,
        msg_store_read_count = store.MessagesRead.Count,
        msg_store_write_count = store.MessagesWritten.Count,
        queue_index_read_count = 0,
        queue_index_write_count = 0,
        queue_index_journal_write_count = 0,
    };

    private static JsonElement Join(object[] more, object main)
    {
        var joined = JsonSerializer.SerializeToNode(main, Answer.Json)!.AsObject();
        foreach (var (name, value) in more.SelectMany(part => JsonSerializer.SerializeToNode(part, Answer.Json)!.AsObject())) joined[name] = value?.DeepClone();
        return JsonSerializer.SerializeToElement(joined, Answer.Json);
    }

    /// <summary>The listeners of HTTP, as RabbitMQ's overview shows them beside the others.</summary>
    internal static object[] ContextsOf(INodeHost host) =>
    [
        .. host.Listeners.Where(listener => listener.Protocol.StartsWith("http", StringComparison.Ordinal)).Select(listener => new
        {
            description = listener.Protocol.EndsWith("/prometheus", StringComparison.Ordinal) ? "RabbitMQ Prometheus" : "RabbitMQ Management",
            path = "/",
            node = host.Identity.Name,
            ip = listener.EndPoint.Address.ToString(),
            // A text, as in RabbitMQ, unlike those of listeners.
            port = $"{listener.EndPoint.Port}",
            ssl_opts = Array.Empty<object>(),
            ssl = listener.Protocol.StartsWith("https", StringComparison.Ordinal),
        }),
    ];

    /// <summary>As RabbitMQ's overview shows them.</summary>
    internal static object[] ListenersOf(INodeHost host) =>
    [
        .. host.Listeners.Select(listener => new
        {
            node = host.Identity.Name,
            protocol = listener.Protocol,
            ip_address = listener.EndPoint.Address.ToString(),
            port = listener.EndPoint.Port,
        }),
    ];
}
