using System.IO.Pipelines;
using System.Net;

namespace Amqp.Broker.Connections;

/// <summary>A client's byte stream, whatever carries it.</summary>
/// <param name="Pipe">What it sends and what it is sent.</param>
/// <param name="Name">Shown to people: <c>127.0.0.1:50312 -> 127.0.0.1:5672</c>.</param>
/// <param name="RemoteAddress">The client's address, without its port.</param>
/// <param name="IsLoopback">The client is on this host.</param>
/// <param name="Abort">Drops the stream at once; pending reads and writes end.</param>
public sealed record Transport(IDuplexPipe Pipe, string Name, string RemoteAddress, bool IsLoopback, Action Abort)
{
    /// <summary>Clients are asked for certificates here, whether they have one or not.</summary>
    public bool AsksForCertificate { get; init; }

    /// <summary>The user that the client's certificate stands for; null without one, or when it names no user.</summary>
    public string? CertificateUser { get; init; }

    /// <summary>Who has logged in already, by other means, and need not do it again; null: the client has to.</summary>
    public string? KnownUser { get; init; }

    /// <summary>Called once, when the client has logged in: the transport may keep such clients longer. It must neither block nor throw.</summary>
    public Action LoggedIn { get; init; } = static () => { };

    /// <summary>Bytes that the client's system has taken of what it was sent, so far; from any thread. As far as that can be known:
    /// what was flushed is known anyway.</summary>
    public Func<long> BytesTaken { get; init; } = static () => 0;

    /// <summary>The client's end: an address and a port.</summary>
    public IPEndPoint? Peer { get; init; }

    /// <summary>The broker's end.</summary>
    public IPEndPoint? Local { get; init; }

    /// <summary>Null without TLS.</summary>
    public TlsInfo? Tls { get; init; }
}

/// <summary>How a stream is encrypted, and whom the client's certificate names, in RabbitMQ's words; null where there is no certificate.</summary>
/// <param name="Protocol"><c>tlsv1.3</c></param>
/// <param name="KeyExchange"><c>any</c> (TLS 1.3), <c>ecdhe_rsa</c></param>
/// <param name="Cipher"><c>aes_256_gcm</c></param>
/// <param name="Hash"><c>aead</c>, <c>sha256</c></param>
/// <param name="PeerSubject"><c>CN=client,O=Example</c></param>
/// <param name="PeerIssuer">Likewise.</param>
/// <param name="PeerValidity">From when until when: <c>2026-01-01T00:00:00Z - 2027-01-01T00:00:00Z</c></param>
public sealed record TlsInfo(
    string Protocol, string KeyExchange, string Cipher, string Hash, string? PeerSubject, string? PeerIssuer, string? PeerValidity);
