using System.IO.Pipelines;

namespace Amqp.Broker.Connections;

/// <summary>A client's byte stream, whatever carries it.</summary>
/// <param name="Pipe">What it sends and what it is sent.</param>
/// <param name="Name">Shown to people: <c>127.0.0.1:50312 -> 127.0.0.1:5672</c>.</param>
/// <param name="RemoteAddress">The client's address, without its port.</param>
/// <param name="IsLoopback">The client is on this host.</param>
/// <param name="Abort">Drops the stream at once; pending reads and writes end.</param>
public sealed record Transport(IDuplexPipe Pipe, string Name, string RemoteAddress, bool IsLoopback, Action Abort)
{
    /// <summary>Clients may log in by their certificates here, so EXTERNAL is offered.</summary>
    public bool OffersExternal { get; init; }

    /// <summary>The user that the client's certificate stands for; null without one, or when it names nobody.</summary>
    public string? CertificateUser { get; init; }

    /// <summary>Called once, when the client has logged in: whoever carries the stream may bear with those longer. It must neither block nor throw.</summary>
    public Action LoggedIn { get; init; } = static () => { };
}
