using System.Security.Cryptography;
using System.Text;
using Amqp.Core.Errors;
using Amqp.Core.Ports;

namespace Amqp.Broker.Security;

/// <summary>The one user that a new broker has, as RabbitMQ's guest: by default it may log in only from this host.</summary>
public sealed class DefaultUserAuthenticator(string defaultUser, string defaultPassword, bool loopbackOnly) : IAuthenticator
{
    private readonly byte[] _passwordHash = SHA256.HashData(Encoding.UTF8.GetBytes(defaultPassword));

    public string? Refuse(string user, string password, bool fromLoopback)
    {
        // Compared by hash and in constant time: how long it takes tells nothing about the password or its length.
        var matches = CryptographicOperations.FixedTimeEquals(_passwordHash, SHA256.HashData(Encoding.UTF8.GetBytes(password)));
        if (user != defaultUser || !matches) return $"user '{user}' - invalid credentials";
        return loopbackOnly && !fromLoopback ? BrokerError.LoopbackUserOnly(user).Text : null;
    }
}
