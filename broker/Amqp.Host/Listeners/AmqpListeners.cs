using System.Collections.Immutable;
using System.Net;
using Amqp.Host.Options;
using Amqp.Management;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Amqp.Host.Listeners;

/// <summary>A port cannot be listened on.</summary>
public sealed class ListenException(string message, Exception inner) : IOException(message, inner);

/// <summary>The sockets of AMQP and AMQPS: opened and closed together, as often as operators want it.</summary>
internal sealed partial class AmqpListeners(BrokerOptions options, Door door, AmqpListener listener, IServiceProvider services) : IAsyncDisposable
{
    private const string Amqp = "AMQP";
    private const string Amqps = "AMQPS";

    private readonly ILogger _logger = services.GetRequiredService<ILogger<AmqpListeners>>();
    private readonly List<(string Name, ListenOptions Listener)> _open = [];

    // Made once: it goes on watching its files while nothing listens.
    private readonly TlsCertificates? _certificates = options.Listeners.Amqps.Certificates.Length == 0
        ? null
        : new TlsCertificates(options.Listeners.Amqps, TimeProvider.System, services.GetRequiredService<ILogger<TlsCertificates>>());

    private KestrelServer? _server;

    public bool AreOpen => _server is not null;

    public ImmutableArray<ListenerInfo> All =>
        [.. _open.Select(each => new ListenerInfo(each.Name == Amqps ? "amqp/ssl" : "amqp", each.Listener.IPEndPoint!))];

    /// <exception cref="ListenException">A port cannot be listened on; none is, then.</exception>
    public async Task Open()
    {
        var kestrel = new KestrelServerOptions { ApplicationServices = services };
        Listen(kestrel, options.Listeners.Amqp, Amqp, certificates: null);
        if (_certificates is not null) Listen(kestrel, options.Listeners.Amqps, Amqps, _certificates);
        var server = new KestrelServer(
            Microsoft.Extensions.Options.Options.Create(kestrel),
            services.GetRequiredService<IConnectionListenerFactory>(),
            services.GetRequiredService<ILoggerFactory>());
        try
        {
            await server.StartAsync(new NoHttp(), CancellationToken.None);
            _server = server;
            foreach (var (name, socket) in _open) LogListening(name, socket.IPEndPoint!);
        }
        catch (Exception exception) when (exception is IOException or System.Net.Sockets.SocketException)
        {
            server.Dispose();
            var places = string.Join(" and ", _open.Select(each => $"{each.Name} {each.Listener.IPEndPoint}").Distinct());
            _open.Clear();
            throw new ListenException(
                $"cannot listen on {places}: {exception.InnerException?.Message ?? exception.Message}. "
                + "Another broker may have the port; stop it, or choose another with --Listeners:Amqp:Port=<port>.",
                exception);
        }
    }

    /// <summary>Those who are connected have to be gone; whoever is not is cut off.</summary>
    public async Task Close()
    {
        if (_server is null) return;
        await _server.StopAsync(new CancellationToken(canceled: true));
        _server.Dispose();
        _server = null;
        _open.Clear();
    }

    public async ValueTask DisposeAsync() => await Close();

    private void Listen(KestrelServerOptions kestrel, ListenerOptions place, string name, TlsCertificates? certificates)
    {
        foreach (var endPoint in AmqpListener.EndPoints(place))
        {
            kestrel.Listen(endPoint, socket =>
            {
                _open.Add((name, socket));
                socket.Use(next => connection => door.Admit(connection, next));
                if (place.ProxyProtocol)
                {
                    var proxies = new ProxyListener(options.Limits.HandshakeMs, TimeProvider.System, services.GetRequiredService<ILogger<ProxyListener>>());
                    socket.Use(next => connection => proxies.Serve(connection, next));
                }
                if (certificates is not null)
                {
                    var tls = new TlsListener(
                        certificates, options.Listeners.Amqps.HandshakeMs, TimeProvider.System, services.GetRequiredService<ILogger<TlsListener>>());
                    socket.Use(next => connection => tls.Serve(connection, next));
                }
                var external = place is TlsListenerOptions { ClientCaFile.Length: > 0 } asking ? asking.ClientNameFrom : default(ClientName?);
                socket.Run(connection => listener.Serve(connection, external));
            });
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Protocol} listening on {EndPoint}")]
    private partial void LogListening(string protocol, IPEndPoint endPoint);

    /// <summary>Kestrel wants one, and no connection gets to it.</summary>
    private sealed class NoHttp : IHttpApplication<object>
    {
        public object CreateContext(IFeatureCollection contextFeatures) => throw NotHere();

        public Task ProcessRequestAsync(object context) => throw NotHere();

        public void DisposeContext(object context, Exception? exception) => throw NotHere();

        private static InvalidOperationException NotHere() => new("there is no HTTP on an AMQP socket");
    }
}
