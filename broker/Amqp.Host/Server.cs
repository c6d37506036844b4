using Amqp.Broker;
using Amqp.Cluster.Membership;
using Amqp.Host.Listeners;
using Amqp.Host.Logging;
using Amqp.Host.Options;
using Amqp.Host.RabbitConfig;
using Amqp.Host.Telemetry;
using Amqp.Management;
using Amqp.Management.Prometheus;
using Amqp.Storage;
using Amqp.Storage.Lite;
using Amqp.Storage.Segments;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Amqp.Host;

/// <summary>
/// Puts the broker together, once and in this order: options, data directory, control socket, definitions, messages, node, sockets of
/// clients. What is started last is stopped first.
/// </summary>
internal sealed partial class Server : IAsyncDisposable
{
    /// <summary>Bytes of a request's body, which are read when its user has logged in: a list of users to be deleted may be long. RabbitMQ has 20,000,000, and counts bits.</summary>
    private const int BodyBytesMax = 4 << 20;

    private readonly BrokerOptions _options;
    private readonly WebApplication _application;
    private readonly ILogger<Server> _logger;
    private readonly string _controlSocket;
    private readonly RabbitConfiguration _rabbit;
    private readonly HttpListener _management;
    private readonly HttpListener _metrics;
    private DataDirectory? _directory;
    private AmqpListeners? _listeners;
    private NodeHost? _host;
    private OtlpExport? _telemetry;
    private readonly int _connectionsPossible = OpenFiles.ConnectionsMax();
    private bool _hasControlSocket;
    private int _exitCode;

    private Server(WebApplicationBuilder builder, RabbitConfiguration rabbit)
    {
        _rabbit = rabbit;
        _options = OptionsReader.Read(builder.Configuration);
        _controlSocket = ControlSocket.PathOf(_options);
        _management = new HttpListener("Management", _options.Listeners.Management);
        _metrics = new HttpListener("Prometheus", _options.Listeners.Prometheus, ListenersOptions.PrometheusPort) { ProtocolSuffix = "/prometheus" };
        ControlSocket.Use(builder, _controlSocket);
        builder.Services.AddResponseCompression();
        OtlpExport.AddTo(builder.Logging, _options.OpenTelemetry, _options.Node.Name);
        builder.WebHost.ConfigureKestrel(Configure);
        builder.WebHost.UseSockets(sockets => sockets.CreateBoundListenSocket =
            endPoint => _management.Bind(endPoint) ?? _metrics.Bind(endPoint) ?? ControlSocket.Bind(endPoint, _controlSocket));
        _application = builder.Build();
        _logger = Logger<Server>();
        foreach (var (isWarning, text) in rabbit.Notes) LogNote(_logger, isWarning ? LogLevel.Warning : LogLevel.Information, text);
        if (_metrics.Missing is { } missing) LogWithoutMetrics(_logger, missing);
    }

    private int ConnectionsMax => _options.Limits.Connections > 0 ? Math.Min(_options.Limits.Connections, _connectionsPossible) : _connectionsPossible;

    /// <summary>Starts everything; clients can connect when it returns.</summary>
    /// <exception cref="OptionsException">The configuration is wrong.</exception>
    /// <exception cref="StorageException">The data directory cannot be used.</exception>
    /// <exception cref="ListenException">The port cannot be listened on.</exception>
    public static async Task<Server> Start(string[] args)
    {
        var builder = CreateBuilder(args);
        var server = new Server(builder, RabbitConfiguration.AddTo(builder.Configuration));
        try
        {
            server.OpenDirectory();
            await server.OpenManagement();
            await server._host!.Start(server._application.Lifetime.ApplicationStopping);
            server._telemetry = OtlpExport.Start(server._host, server._options.OpenTelemetry, server.Logger<OtlpExport>());
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
        if (_host!.IsRunning) LogStarted(_logger);
        var lifetime = _application.Services.GetRequiredService<IHostApplicationLifetime>();
        var stopping = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (lifetime.ApplicationStopping.Register(stopping.SetResult)) await stopping.Task;
        LogStopping(_logger);
        await _host.End();
        await _application.StopAsync();
        return _exitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (_telemetry is not null) await _telemetry.DisposeAsync();
        if (_host is not null) await _host.DisposeAsync();
        if (_listeners is not null) await _listeners.DisposeAsync();
        await _application.DisposeAsync();
        if (_hasControlSocket) ControlSocket.Delete(_controlSocket);
        _directory?.Dispose();
    }

    private static WebApplicationBuilder CreateBuilder(string[] args)
    {
        // The file beside the program, unless the working directory has one of its own.
        var here = Directory.GetCurrentDirectory();
        var root = File.Exists(Path.Combine(here, "appsettings.json")) ? here : AppContext.BaseDirectory;
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = root });
        // "json" is one of the framework's.
        builder.Logging.AddConsole(console => console.FormatterName = builder.Configuration["Logging:Console:FormatterName"] ?? LineFormatter.FormatterName);
        builder.Logging.AddConsoleFormatter<LineFormatter, ConsoleFormatterOptions>();
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Services.AddSingleton<RecentLines>().AddSingleton<ILoggerProvider>(services => services.GetRequiredService<RecentLines>());
        builder.Services.AddSingleton<LogLevelSwitch>()
            .AddSingleton<IConfigureOptions<LoggerFilterOptions>>(services => services.GetRequiredService<LogLevelSwitch>())
            .AddSingleton<IOptionsChangeTokenSource<LoggerFilterOptions>>(services => services.GetRequiredService<LogLevelSwitch>());
        ManagementApi.AddServices(builder.Services);
        // Its warnings are about HTTP on a slow machine, and no operator could do anything about them.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Error);
        // A start that fails is told by Program in one line.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        // Lifetime messages of the framework speak of applications; ours speak of the broker.
        builder.Services.Configure<ConsoleLifetimeOptions>(lifetime => lifetime.SuppressStatusMessages = true);
        return builder;
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = BodyBytesMax;
        _management.Use(kestrel, static _ => { });
        _metrics.Use(kestrel, static connection => connection.Features.Set(new MetricsConnection()));
    }

    private void OpenDirectory()
    {
        var (engine, why) = EngineChoice.For(_options.Storage.Engine, _options.Storage.Directory, StoreEngines.All);
        _directory = DataDirectory.Open(_options.Storage.Directory, engine.Name);
        LogIdentity(_logger, NodeIdentity.OwnName, NodeIdentity.OwnVersion, _options.Node.Name, _directory.FullPath);
        LogEngine(_logger, engine.Name, why);
        var logs = _application.Services.GetRequiredService<ILoggerFactory>();
        _listeners = new AmqpListeners(_options, new Admission(ConnectionsMax, _options.Limits.ConnectionsNotLoggedIn, TimeProvider.System, Logger<Admission>()), logs);
        _host = new NodeHost(_options, ending => RunningNode.Start(_options, _directory, engine, logs, EndBecauseOf, Leave, ending), _listeners, Logger<NodeHost>())
        {
            DataDirectory = _directory.FullPath,
            StoreEngine = _directory.Engine,
            ConfigFiles = [.. ConfigFiles()],
            ConnectionsMax = ConnectionsMax,
            RecentLines = _application.Services.GetRequiredService<RecentLines>(),
            LevelSwitch = _application.Services.GetRequiredService<LogLevelSwitch>(),
            Ending = _application.Lifetime.StopApplication,
            Resetting = new NodeReset(_options, _directory, _controlSocket, logs),
        };
        MetricsPages.Map(_application, _host);
        ManagementApi.Map(_application, _host, logs);
    }

    /// <summary>Nothing that clients are told from here on would hold, so the process ends.</summary>
    private void EndBecauseOf(Exception exception, string what)
    {
        LogNotStored(_logger, exception, what, _directory!.FullPath);
        _exitCode = 1;
        _application.Lifetime.StopApplication();
    }

    /// <summary>The node cannot stay in its cluster. One that was removed is there for operators, who may let it join again; any other comes back as a whole when the process is started again.</summary>
    private void Leave(Exception exception)
    {
        if (exception is RemovedException removed)
        {
            _ = StopRemoved(removed);
            return;
        }
        if (exception is ClusterException) LogCannotStay(_logger, exception.Message);
        else LogCannotFollow(_logger, exception);
        _exitCode = 1;
        _application.Lifetime.StopApplication();
    }

    private async Task StopRemoved(RemovedException removed)
    {
        try
        {
            await _host!.StopRemoved(removed);
        }
#pragma warning disable CA1031 // Nothing waits for it; a node that is half stopped is of no use.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogRemovedInDisorder(_logger, exception);
            _exitCode = 1;
            _application.Lifetime.StopApplication();
        }
    }

    private IEnumerable<string> ConfigFiles() => _rabbit.Files.Concat(JsonFiles());

    private IEnumerable<string> JsonFiles() => ((IConfigurationRoot)_application.Configuration).Providers
        .OfType<JsonConfigurationProvider>()
        .Select(provider => provider.Source.FileProvider?.GetFileInfo(provider.Source.Path!))
        .Where(file => file is { Exists: true })
        .Select(file => file!.PhysicalPath!);

    private ILogger<T> Logger<T>() => _application.Services.GetRequiredService<ILogger<T>>();

    private async Task OpenManagement()
    {
        try
        {
            await _application.StartAsync();
            _hasControlSocket = true;
            _host!.HttpListeners = [.. _management.Open, .. _metrics.Open];
            foreach (var listener in _host.HttpListeners) LogListening(_logger, listener.Protocol.ToUpperInvariant(), listener.EndPoint);
        }
        catch (Exception exception) when (exception is (IOException and not ListenException) or System.Net.Sockets.SocketException)
        {
            throw new ListenException(
                $"the control socket {_controlSocket} cannot be made: {exception.InnerException?.Message ?? exception.Message}. "
                + "Its directory has to be there and writable, on a file system that has sockets; choose another path with Control:Socket.",
                exception);
        }
    }

    [LoggerMessage(Message = "{Note}")]
    private static partial void LogNote(ILogger logger, LogLevel level, string note);

    [LoggerMessage(Level = LogLevel.Warning, Message = "There are no metrics for Prometheus: {Reason}")]
    private static partial void LogWithoutMetrics(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Server startup complete")]
    private static partial void LogStarted(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "Stopping")]
    private static partial void LogStopping(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Product} {Version}, node {Name}, data directory {Directory}")]
    private static partial void LogIdentity(ILogger logger, string product, string version, string name, string directory);

    [LoggerMessage(Level = LogLevel.Information, Message = "Messages are kept by the engine {Engine}: {Why}")]
    private static partial void LogEngine(ILogger logger, string engine, string why);

    [LoggerMessage(Level = LogLevel.Critical, Message = "{What} cannot be stored any more, stopping. Look at the disk under {Directory}: is it full, read-only or failing?")]
    private static partial void LogNotStored(ILogger logger, Exception exception, string what, string directory);

    [LoggerMessage(Level = LogLevel.Critical, Message = "The node cannot stay in its cluster, stopping: {Reason}")]
    private static partial void LogCannotStay(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Critical, Message = "The node cannot follow its cluster any more, stopping. Started again, it reads anew what the cluster has")]
    private static partial void LogCannotFollow(ILogger logger, Exception exception);

    [LoggerMessage(Level = LogLevel.Critical, Message = "The node was removed from its cluster, and could not be stopped in order; the process ends")]
    private static partial void LogRemovedInDisorder(ILogger logger, Exception exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Protocol} listening on {EndPoint}")]
    private static partial void LogListening(ILogger logger, string protocol, System.Net.IPEndPoint endPoint);
}
