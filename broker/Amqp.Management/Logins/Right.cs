using Amqp.Core.Topology;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Amqp.Management.Logins;

/// <summary>
/// What a user needs to be let in at an endpoint: RabbitMQ's rules (<c>rabbit_web_dispatch_access_control</c>). An endpoint that names none is for operators of this host only.
/// </summary>
/// <param name="Needs">In words, for the document of the API.</param>
/// <param name="Refusal">What others are told.</param>
/// <param name="Allows">By who asks, and the virtual host in the path or in the header <c>X-Vhost</c>; null: there is none there, or none of that name, which the endpoint tells.</param>
internal sealed record Right(string Needs, string Refusal, Func<Requester, VirtualHost?, bool> Allows)
{
    private const string VhostRefusal = "User not authorised to access virtual host";
    private const string ObjectRefusal = "User not authorised to access object";

    /// <summary>Without a login.</summary>
    public static readonly Right Anyone = new("No login.", "", (_, _) => true);

    /// <summary>What RabbitMQ has no path for, and what acts on the process.</summary>
    public static readonly Right OperatorOfHost = new("The control socket.", "Only the user who runs the broker may do that, by its control socket", (who, _) => who.IsOperatorOfHost);

    public static readonly Right Administrator = new("The tag administrator.", "Not administrator user", (who, _) => who.IsAdministrator);

    public static readonly Right Monitoring = new("The tag monitoring or administrator.", "Not monitor user", (who, _) => who.IsMonitor);

    /// <summary>Every user of the management; what it sees depends on who it is.</summary>
    public static readonly Right Management = new("A tag of the management.", "Not management user", (_, _) => true);

    /// <summary>Who may open the virtual host.</summary>
    public static readonly Right InVhost = new("A tag of the management, and permission to open the virtual host (or the tag administrator).", VhostRefusal, (who, vhost) => vhost is null || who.SeesInside(vhost));

    /// <summary>Who may know of the virtual host.</summary>
    public static readonly Right OfVhost = new("A tag of the management, and permission to open the virtual host (or the tag monitoring).", VhostRefusal, (who, vhost) => vhost is null || who.Sees(vhost));

    /// <summary>Policymakers of the virtual host.</summary>
    public static readonly Right Policies = new("The tag policymaker and permission to open the virtual host, or the tag administrator.", ObjectRefusal, (who, vhost) => who.IsAdministrator || (who.IsPolicymaker && (vhost is null || who.MayOpen(vhost))));

    public static readonly Right GlobalParameters = new("The tag policymaker or administrator.", ObjectRefusal, (who, _) => who.IsPolicymaker);
}

/// <summary>How endpoints name it.</summary>
internal static class RightExtensions
{
    /// <param name="does">What the endpoint does, in one sentence of the API's document.</param>
    public static TBuilder For<TBuilder>(this TBuilder endpoint, Right right, string does)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(right).WithSummary(does);
}
