using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Amqp.Broker.Observability;
using Amqp.Host.Options;
using Amqp.Management;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Amqp.Host.Listeners;

/// <summary>The TCP port of the management API: HTTP or, with a certificate, HTTPS.</summary>
internal static partial class ManagementListener
{
    /// <summary>Bytes of a request's body, which are read when its user has logged in: a list of users to be deleted may be long. RabbitMQ has 20,000,000, and counts bits.</summary>
    private const int BodyBytesMax = 4 << 20;

    /// <summary>Lets the application listen there.</summary>
    /// <param name="certificates">Asked when the first client connects, if the options have any.</param>
    public static void Use(WebApplicationBuilder builder, ManagementListenerOptions options, Func<TlsCertificates> certificates)
    {
        if (!options.Enabled) return;
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = BodyBytesMax;
            // Of this port: operators at the control socket always get in.
            var open = 0;
            foreach (var endPoint in EndPoints.Of(options))
            {
                kestrel.Listen(endPoint, listener =>
                {
                    listener.Protocols = HttpProtocols.Http1;
                    var full = new LogThrottle(TimeProvider.System);
                    var logger = kestrel.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ManagementListener));
                    listener.Use(next => async connection =>
                    {
                        try
                        {
                            if (Interlocked.Increment(ref open) <= options.Connections) await next(connection);
                            else if (full.IsDue(out var untold)) LogFull(logger, options.Connections, connection.RemoteEndPoint, untold);
                        }
                        finally
                        {
                            Interlocked.Decrement(ref open);
                        }
                    });
                    if (options.Tls.Certificates.Length > 0)
                        listener.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = hello => ValueTask.FromResult(certificates().For(hello.ClientHelloInfo.ServerName)) });
                });
            }
        });
    }

    /// <exception cref="ListenException">The port cannot be listened on.</exception>
    public static Socket Bind(EndPoint endPoint)
    {
        try
        {
            return SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint);
        }
        catch (SocketException exception)
        {
            throw new ListenException(
                $"cannot listen on HTTP {endPoint}: {exception.Message}. "
                + "Another broker may have the port; stop it, choose another with --Listeners:Management:Port=<port>, or do without with --Listeners:Management:Enabled=false.",
                exception);
        }
    }

    /// <summary>The sockets that an application that was started listens on.</summary>
    /// <param name="certificates">Null: without TLS.</param>
    public static ImmutableArray<ListenerInfo> OpenIn(WebApplication application, TlsCertificates? certificates) =>
    [
        .. application.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses
            .Where(address => !address.Contains("unix:", StringComparison.Ordinal))
            .Select(address => new Uri(address))
            .Select(address => new ListenerInfo(address.Scheme, new IPEndPoint(IPAddress.Parse(address.DnsSafeHost), address.Port)) { Certificates = () => certificates?.Describe() ?? [] }),
    ];

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Limit} connections are open to the management port, so the one of {Client} is closed; more are possible with Listeners:Management:Connections ({Untold} more since the last such line)")]
    private static partial void LogFull(ILogger logger, int limit, EndPoint? client, int untold);
}
