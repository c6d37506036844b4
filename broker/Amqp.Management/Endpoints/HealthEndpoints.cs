using System.Globalization;
using Amqp.Core;
using Amqp.Management.Clients;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using AMQP.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>RabbitMQ's checks of how a node is: 200 with <c>{"status":"ok"}</c>, or 503 with what is wrong.</summary>
internal sealed class HealthEndpoints(INodeHost host)
{
    private const string AlivenessQueue = "aliveness-test";

    private static readonly object Ok = new { status = "ok" };

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/health/checks/alarms", () => CheckAlarms(Nodes(), "There are alarms in effect in the cluster"))
            .For(Right.Management, "Fails if a node of the cluster has an alarm");
        api.MapGet("/health/checks/local-alarms", () => CheckAlarms(Nodes().Where(IsThis), "There are alarms in effect on the node"))
            .For(Right.Management, "Fails if this node has an alarm");
        api.MapGet("/health/checks/certificate-expiration/{within}/{unit}", (PathNames names) => CheckCertificates(names["within"], names["unit"]))
            .For(Right.Management, "Fails if a certificate ends within so many days, weeks, months or years");
        api.MapGet("/health/checks/port-listener/{port}", (PathNames names) => CheckPort(names["port"]))
            .For(Right.Management, "Fails if nothing listens on a port");
        api.MapGet("/health/checks/protocol-listener/{protocol}", (PathNames names) => CheckProtocol(names["protocol"]))
            .For(Right.Management, "Fails if nothing listens for a protocol, such as amqp091");
        // A virtual host is there or not: none of them can be down alone.
        api.MapGet("/health/checks/virtual-hosts", () => Answer.Of(Ok)).For(Right.Management, "Fails if a virtual host does not run");
        api.MapGet("/healthchecks/node", () => CheckNode(host.Identity.Name)).For(Right.Management, "Shows whether this node is well");
        api.MapGet("/healthchecks/node/{node}", (PathNames names) => CheckNode(names["node"])).For(Right.Management, "Shows whether a node is well");
        api.MapGet("/aliveness-test/{vhost}", TestAliveness).For(Right.InVhost, "Declares a queue, publishes to it and consumes");
    }

    /// <summary>All nodes that run, as <c>/api/nodes</c> shows them.</summary>
    private object[] Nodes() => new NodeEndpoints(host).ShowAll();

    private bool IsThis(object node) => NameOf(node) == host.Identity.Name;

    private static string? NameOf(object node) => Fields.Text(node, "name");

    private static IResult CheckAlarms(IEnumerable<object> nodes, string reason)
    {
        var alarms = nodes.SelectMany(node => AlarmsOf(node).Select(resource => new { resource, node = NameOf(node) })).ToArray();
        return alarms.Length == 0 ? Answer.Of(Ok) : Answer.Failed(new { status = "failed", reason, alarms });
    }

    private static IEnumerable<string> AlarmsOf(object node)
    {
        if (Fields.Flag(node, "mem_alarm")) yield return "memory";
        if (Fields.Flag(node, "disk_free_alarm")) yield return "disk space";
    }

    private IResult CheckNode(string name)
    {
        if (Nodes().FirstOrDefault(node => NameOf(node) == name) is not { } found) return Answer.NotFound;
        if (!Fields.Flag(found, "running")) return Answer.Failed(new { status = "failed", reason = "nodedown" });
        var alarms = string.Join(',', AlarmsOf(found));
        return alarms.Length == 0 ? Answer.Of(Ok) : Answer.Failed(new { status = "failed", reason = $"resource alarm(s) in effect:[{alarms}]" });
    }

    private IResult CheckCertificates(string within, string unit)
    {
        // RabbitMQ's days, weeks, months and years.
        double? days = unit.ToLowerInvariant() switch { "days" => 1, "weeks" => 7, "months" => 365 / 12.0, "years" => 365, _ => null };
        if (days is null) return Answer.BadRequest("Time unit not recognised. Supported units: days, weeks, months, years.");
        if (!DecimalDigits.TryParse(within, out var count) || count > int.MaxValue) return Answer.BadRequest("Invalid expiration value.");
        var now = TimeProvider.System.GetUtcNow();
        var limit = now.AddDays(Math.Min(count * days.Value, (DateTimeOffset.MaxValue - now).Days));
        var expired =
            from listener in host.Listeners
            let certificates = listener.Certificates()
            let expiring = certificates.Where(certificate => certificate.ExpiresAt < limit).ToArray()
            where expiring.Length > 0
            select new
            {
                node = host.Identity.Name,
                protocol = listener.Protocol,
                @interface = $"{listener.EndPoint.Address}",
                port = listener.EndPoint.Port,
                certfile = certificates[0].File,
                cacertfile = certificates.FirstOrDefault(certificate => certificate.IsAuthority)?.File ?? "",
                certfile_expires_on = TimesOf(expiring, isAuthority: false),
                cacertfile_expires_on = TimesOf(expiring, isAuthority: true),
            };
        var found = expired.ToArray();
        return found.Length == 0 ? Answer.Of(Ok) : Answer.Failed(new { status = "failed", reason = "Certificates expiring", expired = found });

        static string[] TimesOf(CertificateInfo[] expiring, bool isAuthority) =>
            [.. expiring.Where(each => each.IsAuthority == isAuthority).Select(each => each.ExpiresAt.UtcDateTime.ToString("yyyy-MM-dd H:mm:ss", CultureInfo.InvariantCulture))];
    }

    private IResult CheckPort(string text)
    {
        if (!DecimalDigits.TryParse(text, out var port)) return Answer.BadRequest("Invalid port");
        var ports = host.Listeners.Select(listener => listener.EndPoint.Port).ToArray();
        return ports.Any(each => each == port) ? Answer.Of(new { status = "ok", port }) : Answer.Failed(new { status = "failed", reason = "No active listener", missing = port, ports });
    }

    private IResult CheckProtocol(string text)
    {
        var protocol = Normalize(text.ToLowerInvariant());
        var protocols = host.Listeners.Select(listener => listener.Protocol).ToArray();
        return protocols.Contains(protocol)
            ? Answer.Of(new { status = "ok", protocol })
            : Answer.Failed(new { status = "failed", reason = "No active listener", missing = protocol, protocols });
    }

    /// <summary>The other names that RabbitMQ knows a protocol by.</summary>
    private static string Normalize(string protocol) => protocol switch
    {
        "amqp091" or "amqp0.9.1" or "amqp0-9-1" or "amqp0_9_1" => "amqp",
        "amqps" => "amqp/ssl",
        "http1" or "http1.1" or "http_api" or "management" or "management_ui" or "ui" => "http",
        "cli" or "distribution" => ListenerInfo.Clustering,
        _ => protocol,
    };

    /// <summary>A message goes through a queue of its own and back. The queue stays, as in RabbitMQ: where it is asked for every few seconds, it need not be made anew each time.</summary>
    private async Task<IResult> TestAliveness(HttpContext context, PathNames names, Requester who)
    {
        if (host.Node.Topology.Find(names["vhost"]) is not { } vhost) return Answer.NotFound;
        return await UserChannel.Use(host, context, who, vhost, async channel =>
        {
            await channel.Send(new QueueDeclare(AlivenessQueue, Passive: false, Durable: false, Exclusive: false, AutoDelete: false, NoWait: false, FieldTable.Empty));
            await channel.Expect<QueueDeclareOk>();
            await channel.Send(default(ConfirmSelect));
            await channel.Expect<ConfirmSelectOk>();
            var properties = new MutableProperties().Encode();
            await channel.Send(new BasicPublish("", AlivenessQueue, Mandatory: false, Immediate: false), Content.Copy([.. properties, .. "test_message"u8], properties.Length));
            if (await channel.Receive() is not BasicAck) return Answer.Failed(new { status = "failed", reason = "aliveness-test queue does not take messages" });
            await channel.Send(new BasicGet(AlivenessQueue, NoAck: true));
            return await channel.Receive() is UserChannel.WithContent ? Answer.Of(Ok) : Answer.Failed(new { status = "failed", reason = "aliveness-test queue is empty" });
        });
    }
}
