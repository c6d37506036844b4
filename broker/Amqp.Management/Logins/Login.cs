using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Amqp.Broker.Observability;
using Amqp.Core.Errors;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Amqp.Management.Logins;

/// <summary>Lets requests in: those of operators of this host, and those of users with a password (basic authentication) who have the <see cref="Right"/> of the endpoint.</summary>
internal sealed partial class Login(INodeHost host, ILogger<Login> logger)
{
    private const string Realm = "Basic realm=\"RabbitMQ Management\"";

    private readonly LogThrottle _refused = new(TimeProvider.System);

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Before anything of a request is read but its header.</summary>
    public async Task LetIn(HttpContext context, RequestDelegate next)
    {
        // What is no endpoint of ours answers that there is none.
        if (context.GetEndpoint() is RouteEndpoint endpoint && Refuse(context, endpoint) is { } refusal) await refusal.ExecuteAsync(context);
        else await next(context);
    }

    private IResult? Refuse(HttpContext context, RouteEndpoint endpoint)
    {
        if (context.Features.Get<OperatorConnection>() is not null)
        {
            context.Features.Set(Requester.OperatorOfHost);
            return null;
        }
        var right = endpoint.Metadata.GetMetadata<Right>() ?? Right.OperatorOfHost;
        if (right == Right.Anyone) return null;
        using var use = host.Enter();
        if (use is null) return Answer.Stopped;
        if (!TryReadName(context.Request, out var name, out var password))
        {
            context.Response.Headers.WWWAuthenticate = Realm;
            return Results.StatusCode(StatusCodes.Status401Unauthorized);
        }
        var address = context.Connection.RemoteIpAddress ?? IPAddress.None;
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (host.Node.RefuseLogin(name, password, address) is { } reason)
        {
            if (_refused.IsDue(out var untold)) LogRefused(logger, address, reason, untold);
            return reason == BrokerError.LoopbackUserOnly(name).Text ? Answer.NotAuthorised("User can only log in via localhost") : Answer.NotAuthenticated;
        }
        // Deleted at this moment.
        if (host.Node.Topology.FindUser(name) is not { } user) return Answer.NotAuthenticated;
        var requester = new Requester(user);
        if (!requester.MayManage) return Answer.NotAuthorised("Not management user");
        if (!right.Allows(requester, VhostOf(context, endpoint))) return Answer.NotAuthorised(right.Refusal);
        context.Features.Set(requester);
        return null;
    }

    private VirtualHost? VhostOf(HttpContext context, RouteEndpoint endpoint)
    {
        var name = endpoint.RoutePattern.GetParameter("vhost") is not null ? new PathNames(context)["vhost"] : context.Request.Headers["X-Vhost"].ToString();
        return name.Length > 0 ? host.Node.Topology.Find(name) : null;
    }

    private static bool TryReadName(HttpRequest request, out string name, out string password)
    {
        (name, password) = ("", "");
        if (!AuthenticationHeaderValue.TryParse(request.Headers.Authorization.ToString(), out var header)) return false;
        if (!header.Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase) || header.Parameter is not { } encoded) return false;
        try
        {
            var text = Utf8.GetString(Convert.FromBase64String(encoded));
            if (text.IndexOf(':', StringComparison.Ordinal) is not (>= 0 and var colon)) return false;
            (name, password) = (text[..colon], text[(colon + 1)..]);
            return true;
        }
        catch (Exception exception) when (exception is FormatException or DecoderFallbackException)
        {
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "HTTP access denied to {Address}: {Reason} ({Untold} more since the last such line)")]
    private static partial void LogRefused(ILogger logger, IPAddress address, string reason, int untold);
}
