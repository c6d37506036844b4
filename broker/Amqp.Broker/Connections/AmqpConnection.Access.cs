using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Security;
using Amqp.Core.Topology;

namespace Amqp.Broker.Connections;

/// <content>Whose connection it is, in which virtual host, and what that allows.</content>
internal sealed partial class AmqpConnection
{
    private bool _isCounted;

    /// <summary>Who has logged in; empty before.</summary>
    public string User { get; set; } = "";

    /// <summary>What was opened; empty before.</summary>
    public string Vhost { get; private set; } = "";

    /// <summary>The connection's vhost as it is now.</summary>
    /// <exception cref="BrokerException">320: it was deleted.</exception>
    public VirtualHost VirtualHost => Services.Topology.Current.Find(Vhost) ?? throw new BrokerException(BrokerError.VhostDeleted(Vhost));

    /// <summary>Opens a virtual host, if it and its user have room for a connection and the user has permissions there.</summary>
    /// <exception cref="BrokerException">530: it is not there, or there is no room, or no permission.</exception>
    public void Enter(string vhost)
    {
        Vhost = vhost;
        // From here on a deletion of the user or the virtual host finds this connection; an earlier one is seen below.
        Interlocked.MemoryBarrier();
        var topology = Services.Topology.Current;
        var found = topology.Find(vhost) ?? throw new BrokerException(BrokerError.VhostNotFound(vhost));
        Count(found.Limits.MaxConnections, topology.FindUser(User)?.Limits.MaxConnections);
        if (!found.Permissions.ContainsKey(User)) throw new BrokerException(BrokerError.VhostAccessRefused(vhost, User));
    }

    /// <exception cref="BrokerException">403: the user may not do that.</exception>
    public void CheckAccess(Access access, Resource resource)
    {
        if (VirtualHost.CheckAccess(User, access, resource) is { } refused) throw new BrokerException(refused);
    }

    private void Count(long? limitOfVhost, long? limitOfUser)
    {
        var usage = Services.Usage;
        if (!usage.TryAdd(UsageKind.ConnectionsOfVhost, Vhost, limitOfVhost))
            throw new BrokerException(BrokerError.VhostConnectionLimitReached(Vhost, User, limitOfVhost!.Value));
        if (!usage.TryAdd(UsageKind.ConnectionsOfUser, User, limitOfUser))
        {
            usage.Remove(UsageKind.ConnectionsOfVhost, Vhost);
            throw new BrokerException(BrokerError.UserConnectionLimitReached(User, limitOfUser!.Value));
        }
        _isCounted = true;
    }

    /// <summary>It is closing, and makes room for another one.</summary>
    private void Uncount()
    {
        if (!_isCounted) return;
        _isCounted = false;
        Services.Usage.Remove(UsageKind.ConnectionsOfVhost, Vhost);
        Services.Usage.Remove(UsageKind.ConnectionsOfUser, User);
    }
}
