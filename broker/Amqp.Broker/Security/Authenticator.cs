using Amqp.Broker.Connections;
using Amqp.Broker.Topology;
using Amqp.Core;
using Amqp.Core.Errors;
using Amqp.Core.Security;

namespace Amqp.Broker.Security;

/// <summary>Who may log in: the users of the topology, with their passwords.</summary>
/// <param name="loopbackUsers">Those who may do so from this host only.</param>
internal sealed class Authenticator(TopologyService topology, IReadOnlySet<string> loopbackUsers, FailedLogins failed)
{
    /// <summary>Compared with when there is no such user, so that the time it takes does not tell.</summary>
    private static readonly PasswordHash OfNoUser = PasswordHash.Of("no user", [1, 2, 3, 4]);

    /// <param name="address">The client's.</param>
    /// <param name="isLoopback">It is on this host.</param>
    /// <returns>Null to let the user in, or the reason of the refusal, for the log. The client learns no reason.</returns>
    public string? Refuse(string name, string password, string address, bool isLoopback)
    {
        var user = topology.Current.FindUser(name);
        // No user has such a name, and the log need not have it.
        if (name.Length > Limits.NameBytes) name = name[..Limits.NameBytes] + "...";
        var key = new LoginKey(address, user?.Name);
        if (failed.AreTooMany(key))
            return $"user '{name}' - too many failed logins from {address}, so the password was not looked at";
        var reason = Check(user, name, password, isLoopback);
        if (reason is not null) failed.Add(key);
        return reason;
    }

    /// <summary>The same for a client that its certificate speaks for; there is nothing to guess, so nothing is counted.</summary>
    public string? RefuseExternal(Transport transport, out string name)
    {
        name = transport.CertificateUser ?? "";
        if (name.Length == 0) return "the client presented no TLS (x.509) certificate, or no name was found in it";
        if (topology.Current.FindUser(name) is null) return $"user '{name}' - invalid credentials: there is no user of the name in the certificate";
        return loopbackUsers.Contains(name) && !transport.IsLoopback ? BrokerError.LoopbackUserOnly(name).Text : null;
    }

    private string? Check(User? user, string name, string password, bool isLoopback)
    {
        if (password.Length == 0) return $"user '{name}' attempted to log in with a blank password, which is prohibited";
        var fits = (user?.Password ?? OfNoUser).Fits(password);
        if (user is null || !fits) return $"user '{name}' - invalid credentials";
        return loopbackUsers.Contains(name) && !isLoopback ? BrokerError.LoopbackUserOnly(name).Text : null;
    }
}
