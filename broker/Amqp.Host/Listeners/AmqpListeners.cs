using System.Collections.Immutable;
using System.Net;
using Amqp.Broker;
using Amqp.Host.Options;
using Amqp.Host.Sockets;
using Amqp.Management;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Amqp.Host.Listeners;

/// <summary>A port cannot be listened on.</summary>
public sealed class ListenException(string message, Exception inner) : IOException(message, inner);

/// <summary>The sockets of AMQP and AMQPS: opened and closed together, as often as operators want it.</summary>
internal sealed partial class AmqpListeners(BrokerOptions options, Admission admission, ILoggerFactory logs) : IAsyncDisposable
{
    private const string Amqp = "AMQP";
    private const string Amqps = "AMQPS";

    private readonly BlockPool _blocks = new();
    private readonly ILogger _logger = logs.CreateLogger<AmqpListeners>();
    private readonly List<(string Name, SocketListener Socket)> _open = [];

    // Made once: it goes on watching its files while nothing listens.
    private readonly TlsCertificates? _certificates = options.Listeners.Amqps.Certificates.Length == 0
        ? null
        : new TlsCertificates(options.Listeners.Amqps, TimeProvider.System, logs.CreateLogger<TlsCertificates>());

    public bool AreOpen => _open.Count > 0;

    public ImmutableArray<ListenerInfo> All =>
        [.. _open.Select(each => each.Name == Amqps ? new ListenerInfo("amqp/ssl", each.Socket.EndPoint) { Certificates = _certificates!.Describe } : new ListenerInfo("amqp", each.Socket.EndPoint))];

    /// <param name="node">It serves who connects.</param>
    /// <exception cref="ListenException">A port cannot be listened on; none is, then.</exception>
    public async Task Open(BrokerNode node)
    {
        var listener = new AmqpListener(node);
        if (options.Listeners.Amqp.Enabled) await Listen(listener, options.Listeners.Amqp, Amqp, certificates: null);
        if (_certificates is not null && options.Listeners.Amqps.Enabled) await Listen(listener, options.Listeners.Amqps, Amqps, _certificates);
        foreach (var (name, socket) in _open)
        {
            socket.Start();
            LogListening(name, socket.EndPoint);
        }
    }

    /// <summary>Connections have to be gone; those that are not are cut off.</summary>
    public async Task Close()
    {
        foreach (var (_, socket) in _open) await socket.Close();
        _open.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await Close();
        _blocks.Dispose();
    }

    private async Task Listen(AmqpListener listener, ListenerOptions place, string name, TlsCertificates? certificates)
    {
        var way = WayIn(listener, place, certificates);
        foreach (var endPoint in EndPoints.Of(place))
        {
            try
            {
                _open.Add((name, new SocketListener(endPoint, way, _blocks, logs.CreateLogger<SocketListener>())));
            }
            catch (System.Net.Sockets.SocketException exception)
            {
                await Close();
                throw new ListenException(
                    $"cannot listen on {name} {endPoint}: {exception.Message}. "
                    + "Another broker may have the port; stop it, or choose another with --Listeners:Amqp:Port=<port>.",
                    exception);
            }
        }
    }

    /// <summary>Through whose hands a connection goes, the last of them first.</summary>
    private ConnectionDelegate WayIn(AmqpListener listener, ListenerOptions place, TlsCertificates? certificates)
    {
        var external = place is TlsListenerOptions { ClientCaFile.Length: > 0 } asking ? asking.ClientNameFrom : default(ClientName?);
        ConnectionDelegate broker = connection => listener.Serve(connection, external);
        var decrypted = broker;
        if (certificates is not null)
        {
            var tls = new TlsListener(certificates, options.Listeners.Amqps.HandshakeMs, _blocks, TimeProvider.System, logs.CreateLogger<TlsListener>());
            decrypted = connection => tls.Serve(connection, broker);
        }
        var named = decrypted;
        if (place.ProxyProtocol)
        {
            var proxies = new ProxyListener(options.Limits.HandshakeMs, TimeProvider.System, logs.CreateLogger<ProxyListener>());
            named = connection => proxies.Serve(connection, decrypted);
        }
        return connection => admission.Admit(connection, named);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Protocol} listening on {EndPoint}")]
    private partial void LogListening(string protocol, IPEndPoint endPoint);
}
