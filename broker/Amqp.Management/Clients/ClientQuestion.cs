using System.Text.Json;
using Amqp.Broker.Observability;
using Amqp.Management.Http;

namespace Amqp.Management.Clients;

/// <summary>What one node asks another about its clients, as JSON; every answer is a JSON array. Later versions may say more.</summary>
/// <param name="What">One of the words below.</param>
/// <param name="Name">Only the connection of that name, and what is its own.</param>
/// <param name="User">Only connections of that user, and what is theirs.</param>
/// <param name="Vhost">Only connections to that virtual host, and what is theirs; only consumers of its queues.</param>
/// <param name="Reason">Told to clients that are closed.</param>
/// <param name="Channel">Only the channel of that name, with its consumers.</param>
/// <param name="Queue">Only consumers of the queue of that name.</param>
/// <param name="Past">Samples that are wanted; null: none.</param>
internal sealed record ClientQuestion(
    string What, string? Name = null, string? User = null, string? Vhost = null, string? Reason = null, string? Channel = null, string? Queue = null, Past? Past = null)
{
    /// <summary>Answered with the entries of <c>/api/connections</c>.</summary>
    public const string Connections = "connections";

    /// <summary>Answered with the entries of <c>/api/channels</c>.</summary>
    public const string Channels = "channels";

    /// <summary>Answered with the entries of <c>/api/consumers</c>.</summary>
    public const string Consumers = "consumers";

    /// <summary>Answered with one entry, what the node adds to <c>/api/overview</c>.</summary>
    public const string Totals = "totals";

    /// <summary>Answered with one entry, the node's name and its entries of <c>/api/auth/attempts</c>.</summary>
    public const string Logins = "logins";

    /// <summary>Answered with the entries of <c>/api/trace/{vhost}</c> of messages whose id is the name.</summary>
    public const string Trails = "trails";

    /// <summary>Has connections closed; answered with their names.</summary>
    public const string Close = "close";

    /// <summary>It is, or may have, what is asked for.</summary>
    public bool Wants(ConnectionInfo connection) => (Name is null || connection.Transport.Name == Name) && (User is null || connection.User == User) && (Vhost is null || connection.Vhost == Vhost);

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this);

    /// <exception cref="InvalidDataException">It is none.</exception>
    public static ClientQuestion Read(ReadOnlySpan<byte> json)
    {
        try
        {
            if (JsonSerializer.Deserialize<ClientQuestion>(json) is { What: not null } question) return question;
        }
        catch (JsonException)
        {
            // As below.
        }
        throw new InvalidDataException("this version does not understand the question: finish the upgrade of the nodes");
    }
}
