using Amqp.Broker;
using Amqp.Core.Errors;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Amqp.Management.Logins;

/// <summary>Who sends a request: a user who has logged in, or an operator of this host, who may do everything.</summary>
/// <param name="user">Null: an operator of this host.</param>
internal sealed class Requester(User? user)
{
    public static readonly Requester OperatorOfHost = new(user: null);

    /// <summary>Null: an operator of this host.</summary>
    public User? User => user;

    /// <summary>Whose permissions an action needs; null: none, it is an operator of this host.</summary>
    public string? Name => user?.Name;

    public bool IsOperatorOfHost => user is null;

    public bool IsAdministrator => Has(User.Administrator);

    public bool IsMonitor => Has(User.Administrator, User.Monitoring);

    public bool IsPolicymaker => Has(User.Administrator, User.Policymaker);

    /// <summary>It may use the management at all.</summary>
    public bool MayManage => Has(User.Administrator, User.Monitoring, User.Policymaker, User.Management);

    /// <summary>Lets a handler have it as an argument.</summary>
    public static ValueTask<Requester> BindAsync(HttpContext context) => ValueTask.FromResult(context.Features.GetRequiredFeature<Requester>());

    /// <summary>It has permissions there, and so may open it.</summary>
    public bool MayOpen(VirtualHost vhost) => user is null || vhost.Permissions.ContainsKey(user.Name);

    /// <summary>Lists show it what is in there (<c>filter_vhost</c>).</summary>
    public bool SeesInside(VirtualHost vhost) => IsAdministrator || MayOpen(vhost);

    /// <summary>Virtual hosts whose things lists show it, by name.</summary>
    public IEnumerable<VirtualHost> VhostsInside(TopologySnapshot topology) => topology.VirtualHosts.Values.Where(SeesInside).OrderBy(vhost => vhost.Name, StringComparer.Ordinal);

    /// <summary>It learns that there is this virtual host, and how much happens in it (<c>list_visible_vhosts</c>).</summary>
    public bool Sees(VirtualHost vhost) => IsMonitor || MayOpen(vhost);

    /// <summary>Lists show it connections and channels of that user only (<c>filter_user</c>); null: of all.</summary>
    public string? SeesClientsOf => IsMonitor ? null : user!.Name;

    /// <summary>Changes the topology, and says who it was.</summary>
    public Task<TopologyResult> Change(BrokerNode node, TopologyCommand command) => node.Change(command with { By = user?.Name ?? TopologyCommand.OperatorOfHost });

    /// <exception cref="BrokerException">403: it may not do that.</exception>
    public void Check(VirtualHost vhost, Access access, Resource resource)
    {
        if (vhost.CheckAccess(user?.Name, access, resource) is { } refused) throw new BrokerException(refused);
    }

    private bool Has(params ReadOnlySpan<string> tags) => user is null || user.Tags.AsSpan().ContainsAny(tags);
}
