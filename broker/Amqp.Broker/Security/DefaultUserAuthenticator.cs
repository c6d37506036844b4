using System.Security.Cryptography;
using System.Text;
using Amqp.Core;

namespace Amqp.Broker;

/// <summary>The one user that a new broker has, as RabbitMQ's guest: by default it may log in only from this host.</summary>
public sealed class DefaultUserAuthenticator(string user, string password, bool loopbackOnly) : IAuthenticator
{
    private readonly byte[] _passwordHash = SHA256.HashData(Encoding.UTF8.GetBytes(password));

    public string? Refuse(string name, string secret, bool fromLoopback)
    {
        // Compared by hash and in constant time: how long it takes tells nothing about the password or its length.
        var matches = CryptographicOperations.FixedTimeEquals(_passwordHash, SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
        if (name != user || !matches) return $"user '{name}' - invalid credentials";
        return loopbackOnly && !fromLoopback ? BrokerError.LoopbackUserOnly(name).Text : null;
    }
}
