using Amqp.Management.Definitions;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Amqp.Management.Endpoints;

/// <summary>All that is declared, as a file that other brokers of this kind read, and such files of others.</summary>
internal sealed class DefinitionEndpoints(INodeHost host, ILogger<DefinitionEndpoints> logger)
{
    public void Map(IEndpointRouteBuilder api)
    {
        // The second is its name of old.
        foreach (var path in (string[])["/definitions", "/all-configuration"])
        {
            api.MapGet(path, (HttpContext context) => Download(context, DefinitionsExport.Of(host)))
                .For(Right.Administrator, "Exports users, virtual hosts, permissions, policies, parameters, queues, exchanges and bindings");
            api.MapPost(path, (Body body, Requester who) => Import(body, who, vhost: null))
                .For(Right.Administrator, "Imports such a file: adds what is not there, and leaves the rest").WithMetadata(new Limit()).WithBody("""{"vhosts":[{"name":"orders"}],"queues":[{"name":"new","vhost":"orders","durable":true,"auto_delete":false,"arguments":{}}]}""");
        }
        api.MapGet("/definitions/{vhost}", (HttpContext context, PathNames names) =>
            host.Node.Topology.Find(names["vhost"]) is { } vhost ? Download(context, DefinitionsExport.Of(host, vhost)) : Answer.BadRequest("vhost_not_found"))
            .For(Right.Administrator, "Exports the policies, parameters, queues, exchanges and bindings of a virtual host");
        api.MapPost("/definitions/{vhost}", async (PathNames names, Body body, Requester who) =>
            host.Node.Topology.Find(names["vhost"]) is { } vhost ? await Import(body, who, vhost) : Answer.NotFound)
            .For(Right.Administrator, "Imports such a file into a virtual host").WithMetadata(new Limit()).WithBody("""{"queues":[{"name":"new","durable":true,"auto_delete":false,"arguments":{}}]}""");
    }

    /// <summary>With <c>download=name</c>, browsers keep it as a file of that name.</summary>
    private static IResult Download(HttpContext context, object definitions)
    {
        var name = new string([.. context.Request.Query["download"].ToString().Where(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or '@')]);
        if (name.Length > 0) context.Response.Headers.ContentDisposition = $"attachment; filename={name}";
        return Answer.Of(definitions);
    }

    private async Task<IResult> Import(Body body, Requester who, Core.Topology.VirtualHost? vhost)
    {
        await new DefinitionsImport(host.Node, who, TimeProvider.System, logger).Import(body, vhost);
        return Answer.Done;
    }

    /// <summary>Of the body: 100,000 queues with their bindings are 30 MB.</summary>
    private sealed class Limit : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => 128 << 20;
    }
}
