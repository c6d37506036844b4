using Amqp.Broker;
using Amqp.Broker.Security;
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
    private readonly List<ListenOptions> _listeners = [];
    private DataDirectory? _directory;
    private LocalMetadataStore? _store;
    private MessageStore? _messages;
    private BrokerNode? _node;
    private int _exitCode;

    private Server(WebApplicationBuilder builder)
    {
        _options = OptionsReader.Read(builder.Configuration);
        var amqp = _options.Listeners.Amqp;
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            foreach (var endPoint in AmqpListener.EndPoints(amqp))
            {
                kestrel.Listen(endPoint, listener =>
                {
                    _listeners.Add(listener);
                    listener.Run(connection => AmqpListener.Serve(_node!, connection)); // the node is started before the sockets
                });
            }
        });
        _application = builder.Build();
        _logger = _application.Services.GetRequiredService<ILogger<Server>>();
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
            _application.Services.GetRequiredService<ILogger<LocalMetadataStore>>(),
            failed: exception => EndBecauseOf(exception, "Definitions"));
        _messages = MessageStore.Open(
            _directory,
            engine,
            _store,
            _application.Services.GetRequiredService<ILogger<MessageStore>>(),
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
        var security = _options.Security;
        _node = new BrokerNode(
            new NodeIdentity(_options.Node.Name, _options.Node.Product, _options.Node.ProductVersion),
            _options.Limits,
            _store!,
            _messages!,
            new DefaultUserAuthenticator(security.DefaultUser, security.DefaultPassword, security.DefaultUserLoopbackOnly),
            TimeProvider.System,
            _application.Services.GetRequiredService<ILoggerFactory>());
    }

    private async Task Listen()
    {
        var amqp = _options.Listeners.Amqp;
        try
        {
            await _application.StartAsync();
        }
        catch (Exception exception) when (exception is IOException or System.Net.Sockets.SocketException)
        {
            throw new ListenException(
                $"cannot listen for AMQP on {amqp.Address}:{amqp.Port}: {exception.InnerException?.Message ?? exception.Message}. "
                + "Another broker may have the port; stop it, or choose another with --Listeners:Amqp:Port=<port>.",
                exception);
        }
        foreach (var listener in _listeners) _logger.LogInformation("AMQP listening on {EndPoint}", listener.IPEndPoint);
    }
}
