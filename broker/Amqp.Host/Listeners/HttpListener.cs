using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Amqp.Broker.Observability;
using Amqp.Host.Options;
using Amqp.Management;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Amqp.Host.Listeners;

/// <summary>A TCP port that speaks HTTP or, with a certificate, HTTPS: that of the management API, or that of metrics.</summary>
internal sealed partial class HttpListener
{
    /// <summary>Connections that wait to be accepted, until the server says how many it wants.</summary>
    private const int Backlog = 512;

    private readonly string _section;
    private readonly HttpListenerOptions _options;
    private readonly Dictionary<EndPoint, Socket?> _sockets = new(ReferenceEqualityComparer.Instance);
    private readonly List<ListenOptions> _listening = [];
    private TlsCertificates? _certificates;

    /// <param name="section">Of the options under Listeners.</param>
    /// <param name="optionalPort">A default: with that port, and if another broker has it, there is no such listener.</param>
    public HttpListener(string section, HttpListenerOptions options, int? optionalPort = null)
    {
        (_section, _options) = (section, options);
        if (!options.Enabled) return;
        foreach (var endPoint in EndPoints.Of(options))
        {
            try
            {
                // Taken at once, so that two brokers that start together do not both find it free.
                _sockets[endPoint] = options.Port == optionalPort ? Listen(endPoint) : null;
            }
            catch (ListenException exception)
            {
                Missing = exception.Message;
            }
        }
    }

    /// <summary>What RabbitMQ calls the protocol, behind <c>http</c> or <c>https</c>.</summary>
    public string ProtocolSuffix { get; init; } = "";

    /// <summary>Why it does not listen at all of its addresses; null: it does.</summary>
    public string? Missing { get; }

    /// <summary>The sockets of a server that was started.</summary>
    public ImmutableArray<ListenerInfo> Open =>
    [
        .. _listening.Select(listener => new ListenerInfo((_certificates is null ? "http" : "https") + ProtocolSuffix, listener.IPEndPoint!)
        {
            Certificates = () => _certificates?.Describe() ?? [],
        }),
    ];

    /// <summary>Lets the server listen there.</summary>
    /// <param name="mark">Called for each connection that is taken.</param>
    public void Use(KestrelServerOptions kestrel, Action<ConnectionContext> mark)
    {
        if (_sockets.Count == 0) return;
        var loggers = kestrel.ApplicationServices.GetRequiredService<ILoggerFactory>();
        if (_options.Tls.Certificates is { Length: > 0 } files)
            _certificates = new TlsCertificates(new TlsListenerOptions { Certificates = files }, TimeProvider.System, loggers.CreateLogger<TlsCertificates>());
        var logger = loggers.CreateLogger<HttpListener>();
        var full = new LogThrottle(TimeProvider.System);
        // Of this port: operators at the control socket always get in.
        var open = 0;
        foreach (var endPoint in _sockets.Keys.Cast<IPEndPoint>())
        {
            kestrel.Listen(endPoint, listener =>
            {
                _listening.Add(listener);
                listener.Protocols = HttpProtocols.Http1;
                listener.Use(next => async connection =>
                {
                    try
                    {
                        mark(connection);
                        if (Interlocked.Increment(ref open) <= _options.Connections) await next(connection);
                        else if (full.IsDue(out var untold)) LogFull(logger, _options.Connections, _section.ToLowerInvariant(), connection.RemoteEndPoint, _section, untold);
                    }
                    finally
                    {
                        Interlocked.Decrement(ref open);
                    }
                });
                if (_certificates is { } certificates)
                    listener.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = hello => ValueTask.FromResult(certificates.For(hello.ClientHelloInfo.ServerName)) });
            });
        }
    }

    /// <summary>A socket for the server, if the address is one of this listener.</summary>
    /// <exception cref="ListenException">The port cannot be listened on.</exception>
    public Socket? Bind(EndPoint endPoint) => _sockets.TryGetValue(endPoint, out var socket) ? socket ?? NewSocket(endPoint) : null;

    private Socket Listen(EndPoint endPoint)
    {
        var socket = NewSocket(endPoint);
        try
        {
            socket.Listen(Backlog);
            return socket;
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw CannotListen(endPoint, exception);
        }
    }

    private Socket NewSocket(EndPoint endPoint)
    {
        try
        {
            return SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint);
        }
        catch (SocketException exception)
        {
            throw CannotListen(endPoint, exception);
        }
    }

    private ListenException CannotListen(EndPoint endPoint, SocketException exception) => new(
        $"cannot listen on HTTP {endPoint}: {exception.Message}. "
        + $"Another broker may have the port; stop it, choose another with --Listeners:{_section}:Port=<port>, or do without with --Listeners:{_section}:Enabled=false.",
        exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Limit} connections are open to the {Port} port, so the one of {Client} is closed; more are possible with Listeners:{Section}:Connections ({Untold} more since the last such line)")]
    private static partial void LogFull(ILogger logger, int limit, string port, EndPoint? client, string section, int untold);
}
