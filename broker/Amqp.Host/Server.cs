using System.Security.Cryptography;
using Amqp.Broker;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Host.Listeners;
using Amqp.Host.Logging;
using Amqp.Host.Options;
using Amqp.Storage;
using Amqp.Storage.Lite;
using Amqp.Storage.Messages;
using Amqp.Storage.Metadata;
using Amqp.Storage.Segments;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Amqp.Host;

/// <summary>A port cannot be listened on.</summary>
public sealed class ListenException(string message, Exception inner) : Exception(message, inner);

/// <summary>
/// Puts the broker together, once and in this order: options, data directory, definitions, messages, node, sockets. What is started
/// last is stopped first.
/// </summary>
internal sealed class Server : IAsyncDisposable
{
    private readonly BrokerOptions _options;
    private readonly WebApplication _application;
    private readonly ILogger<Server> _logger;
    private readonly List<(string Name, ListenOptions Listener)> _listeners = [];
    private DataDirectory? _directory;
    private LocalMetadataStore? _store;
    private MessageStore? _messages;
    private BrokerNode? _node;
    private readonly Door _door;
    private AmqpListener? _listener;
    private readonly int _connectionsMax = OpenFiles.ConnectionsMax();
    private int _exitCode;

    private Server(WebApplicationBuilder builder)
    {
        _options = OptionsReader.Read(builder.Configuration);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            Listen(kestrel, _options.Listeners.Amqp, "AMQP", certificates: null);
            var amqps = _options.Listeners.Amqps;
            if (amqps.Certificates.Length == 0) return;
            Listen(kestrel, amqps, "AMQPS", new TlsCertificates(amqps, TimeProvider.System, Logger<TlsCertificates>(kestrel.ApplicationServices)));
        });
        _application = builder.Build();
        _logger = Logger<Server>();
        _door = new Door(
            _options.Limits.Connections > 0 ? Math.Min(_options.Limits.Connections, _connectionsMax) : _connectionsMax,
            _options.Limits.ConnectionsNotLoggedIn,
            TimeProvider.System,
            Logger<Door>());
    }

    /// <summary>Starts everything; clients can connect when it returns.</summary>
    /// <exception cref="OptionsException">The configuration is wrong.</exception>
    /// <exception cref="StorageException">The data directory cannot be used.</exception>
    /// <exception cref="ListenException">The port cannot be listened on.</exception>
    public static async Task<Server> Start(string[] args)
    {
        var server = new Server(CreateBuilder(args));
        try
        {
            server.OpenStorage();
            server.StartNode();
            await server.MakeDefaultUser();
            await server.Listen();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Serves until a signal or a failure ends the process; returns the exit code.</summary>
    public async Task<int> Run()
    {
        _logger.LogInformation("Server startup complete");
        var lifetime = _application.Services.GetRequiredService<IHostApplicationLifetime>();
        var stopping = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (lifetime.ApplicationStopping.Register(stopping.SetResult)) await stopping.Task;
        _logger.LogInformation("Stopping");
        await _node!.Stop();
        await _application.StopAsync();
        return _exitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await _application.DisposeAsync();
        _messages?.Dispose();
        _store?.Dispose();
        _directory?.Dispose();
    }

    private static WebApplicationBuilder CreateBuilder(string[] args)
    {
        // The file beside the program, unless the working directory has one of its own.
        var here = Directory.GetCurrentDirectory();
        var root = File.Exists(Path.Combine(here, "appsettings.json")) ? here : AppContext.BaseDirectory;
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = root });
        RabbitVariables.AddTo(builder.Configuration);
        builder.Logging.AddConsole(console => console.FormatterName = LineFormatter.FormatterName);
        builder.Logging.AddConsoleFormatter<LineFormatter, ConsoleFormatterOptions>();
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        // A start that fails is told by Program in one line.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        // Lifetime messages of the framework speak of applications; ours speak of the broker.
        builder.Services.Configure<ConsoleLifetimeOptions>(lifetime => lifetime.SuppressStatusMessages = true);
        builder.Services.Replace(ServiceDescriptor.Singleton<IMemoryPoolFactory<byte>, BlockPoolFactory>());
        return builder;
    }

    private void OpenStorage()
    {
        var (engine, why) = EngineChoice.For(_options.Storage.Engine, _options.Storage.Directory, BuiltInEngines.All);
        _directory = DataDirectory.Open(_options.Storage.Directory, engine.Name);
        _logger.LogInformation("Node {Name}, data directory {Directory}", _options.Node.Name, _directory.FullPath);
        _logger.LogInformation("Messages are kept by the engine {Engine}: {Why}", engine.Name, why);
        _store = LocalMetadataStore.Open(
            _directory,
            TimeProvider.System,
            Logger<LocalMetadataStore>(),
            failed: exception => EndBecauseOf(exception, "Definitions"));
        _messages = MessageStore.Open(
            _directory,
            engine,
            _store,
            Logger<MessageStore>(),
            failed: exception => EndBecauseOf(exception, "Messages"));
    }

    /// <summary>Nothing that clients are told from here on would hold, so the process ends.</summary>
    private void EndBecauseOf(Exception exception, string what)
    {
        _logger.LogCritical(exception, "{What} cannot be stored any more, stopping. Look at the disk under {Directory}: is it full, read-only or failing?", what, _directory!.FullPath);
        _exitCode = 1;
        _application.Lifetime.StopApplication();
    }

    private void StartNode()
    {
        var loopbackUsers = _options.Security.LoopbackUsers.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        _node = new BrokerNode(
            new NodeIdentity(_options.Node.Name, _options.Node.Product, _options.Node.ProductVersion),
            _options.Limits,
            _store!,
            _messages!,
            loopbackUsers.ToHashSet(),
            new SystemResources(_directory!.FullPath),
            TimeProvider.System,
            _application.Services.GetRequiredService<ILoggerFactory>());
        _listener = new AmqpListener(_node);
    }

    private void Listen(KestrelServerOptions kestrel, ListenerOptions options, string name, TlsCertificates? certificates)
    {
        foreach (var endPoint in AmqpListener.EndPoints(options))
        {
            kestrel.Listen(endPoint, listener =>
            {
                _listeners.Add((name, listener));
                listener.Use(next => connection => _door.Admit(connection, next));
                if (options.ProxyProtocol)
                {
                    var proxies = new ProxyListener(_options.Limits.HandshakeMs, TimeProvider.System, Logger<ProxyListener>(kestrel.ApplicationServices));
                    listener.Use(next => connection => proxies.Serve(connection, next));
                }
                if (certificates is not null)
                {
                    var tls = new TlsListener(certificates, _options.Listeners.Amqps.HandshakeMs, TimeProvider.System, Logger<TlsListener>(kestrel.ApplicationServices));
                    listener.Use(next => connection => tls.Serve(connection, next));
                }
                var external = options is TlsListenerOptions { ClientCaFile.Length: > 0 } asking ? asking.ClientNameFrom : default(ClientName?);
                listener.Run(connection => _listener!.Serve(connection, external)); // made with the node, before the sockets
            });
        }
    }

    private ILogger<T> Logger<T>() => Logger<T>(_application.Services);

    private static ILogger<T> Logger<T>(IServiceProvider services) => services.GetRequiredService<ILogger<T>>();

    /// <summary>On the first start: before, nobody could log in.</summary>
    private async Task MakeDefaultUser()
    {
        if (!_node!.Topology.Users.IsEmpty) return;
        if (_store!.WasDamaged)
        {
            _logger.LogError(
                "Nobody can log in: there are no users, perhaps because {File} was damaged, and so none is made. Restore a backup of the data "
                + "directory; or, if there never were users, delete {File}.damaged-* and start again", LocalMetadataStore.FileName, LocalMetadataStore.FileName);
            return;
        }
        var security = _options.Security;
        var salt = RandomNumberGenerator.GetBytes(PasswordHash.SaltBytes);
        var result = await _node.Change(new Commands(
        [
            new AddVhost(security.DefaultVhost, "Default virtual host", []),
            new AddUser(security.DefaultUser, PasswordHash.Of(security.DefaultPassword, salt), [User.Administrator]),
            new SetPermissions(security.DefaultVhost, security.DefaultUser, Permissions.All),
            .. security.DefaultVhost != TopologySnapshot.DefaultVhost && _store!.Opening == 1 ? Remove(TopologySnapshot.DefaultVhost) : [],
        ]));
        if (result.Error is { } error) throw new OptionsException($"The default user cannot be made: {error.Text}.");
        _logger.LogInformation("There was no user yet: made user '{User}' with all permissions in virtual host '{Vhost}'", security.DefaultUser, security.DefaultVhost);
    }

    private static TopologyCommand[] Remove(string vhost) => [new DeleteVhost(vhost)];

    private async Task Listen()
    {
        try
        {
            await _application.StartAsync();
        }
        catch (Exception exception) when (exception is IOException or System.Net.Sockets.SocketException)
        {
            throw new ListenException(
                $"cannot listen on {Places()}: {exception.InnerException?.Message ?? exception.Message}. "
                + "Another broker may have the port; stop it, or choose another with --Listeners:Amqp:Port=<port>.",
                exception);
        }
        foreach (var (name, listener) in _listeners) _logger.LogInformation("{Protocol} listening on {EndPoint}", name, listener.IPEndPoint);
    }

    private string Places() => string.Join(" and ", _listeners.Select(each => $"{each.Name} {each.Listener.IPEndPoint}").Distinct());
}
