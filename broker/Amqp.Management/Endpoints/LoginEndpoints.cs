using System.Text.Json;
using Amqp.Core.Metrics;
using Amqp.Management.Clients;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>How often clients of a node logged in, or tried to.</summary>
internal sealed class LoginEndpoints(INodeHost host)
{
    private readonly OtherNodes _others = new(host);

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/auth/attempts/{node}", Find).For(Right.Monitoring, "Counts logins, by protocol");
        // Where they came from is not kept, as in RabbitMQ unless it is configured.
        api.MapGet("/auth/attempts/{node}/source", (PathNames names) =>
            Answer.OrNotFound(host.Node.Cluster.Nodes.Any(node => node.Name == names["node"]) ? Array.Empty<object>() : null))
            .For(Right.Monitoring, "Counts logins, by address and user");
    }

    /// <summary>Of this node.</summary>
    public object Here() => new { node = host.Identity.Name, attempts = Show() };

    private object[] Show() => [Show("http", host.Node.Churn.HttpLogins), Show("amqp091", host.Node.Churn.AmqpLogins)];

    private static object Show(string protocol, LoginTally logins) => new
    {
        protocol,
        auth_attempts = logins.Attempts,
        auth_attempts_failed = logins.Failed.Count,
        auth_attempts_succeeded = logins.Succeeded.Count,
    };

    private async Task<IResult> Find(PathNames names, CancellationToken cancellation)
    {
        if (names["node"] == host.Identity.Name) return Answer.Of(Show());
        if (!host.Node.Cluster.Nodes.Any(node => node.Name == names["node"])) return Answer.NotFound;
        var others = await _others.Ask(new ClientQuestion(ClientQuestion.Logins), cancellation);
        var there = others.Items.FirstOrDefault(node => Fields.Text(node, "node") == names["node"]);
        return there.ValueKind == JsonValueKind.Object ? Answer.Of(there.GetProperty("attempts")) : Answer.Silent(others.Silent);
    }
}
