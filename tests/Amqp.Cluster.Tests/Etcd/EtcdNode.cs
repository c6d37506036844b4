using System.Net;
using Amqp.Cluster.Etcd;
using Amqp.Cluster.Security;
using Amqp.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Cluster.Tests.Etcd;

/// <summary>A node that runs a member of etcd and talks to it over TLS.</summary>
internal sealed class EtcdNode(EtcdServerOptions options, string secret = EtcdNode.Secret) : IAsyncDisposable
{
    public const string Secret = "a secret that all nodes share";

    private readonly ClusterCertificates _certificates = ClusterCertificates.FromSecret(secret, options.Self.Name, options.Self.Address, TimeProvider.System);
    private EtcdServer? _server;
    private EtcdClient? _client;

    public EtcdServerOptions Options => options;

    public ClusterCertificates Certificates => _certificates;

    public EtcdClient Client => _client!;

    public EtcdOptions ClientOptions => _server!.ClientOptions;

    public EtcdMembers Members => new(Client);

    /// <summary>Of etcd itself; null: it does not run.</summary>
    public int? ProcessId => ProcessOf(options.Folder);

    public static EtcdPeer NewPeer(string name) => new($"rabbit@{name}", IPAddress.Loopback, Ports.Free());

    /// <param name="folder">Of all nodes of the test; each has its own in it.</param>
    public static EtcdServerOptions OptionsOf(string folder, EtcdPeer self, IReadOnlyList<EtcdPeer> initial, bool isNew) => new()
    {
        Program = EtcdServers.Program!,
        Folder = Path.Combine(folder, self.Name),
        Self = self,
        ClientPort = Ports.Free(),
        InitialCluster = initial,
        IsNew = isNew,
        Token = "test",
    };

    /// <summary>Etcd's process whose data are in a folder.</summary>
    public static int? ProcessOf(string folder)
    {
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            try
            {
                var arguments = File.ReadAllText(Path.Combine(process, "cmdline")).Split('\0');
                if (arguments[0].EndsWith("/etcd", StringComparison.Ordinal) && Array.Exists(arguments, argument => argument.StartsWith(folder, StringComparison.Ordinal)))
                {
                    return int.Parse(Path.GetFileName(process), System.Globalization.CultureInfo.InvariantCulture);
                }
            }
            catch (IOException)
            {
                // It has ended meanwhile.
            }
        }
        return null;
    }

    public async Task Start(ILogger<EtcdServer>? logger = null)
    {
        using var patience = new CancellationTokenSource(Patience.Start);
        _server = new EtcdServer(options, _certificates, TimeProvider.System, logger ?? NullLogger<EtcdServer>.Instance);
        await _server.Start(patience.Token);
        _client = new EtcdClient(_server.ClientOptions, TimeProvider.System);
    }

    public async Task Stop()
    {
        _client?.Dispose();
        _client = null;
        if (_server is not null) await _server.DisposeAsync();
        _server = null;
    }

    /// <summary>Its disk is lost.</summary>
    public void Wipe() => Directory.Delete(options.Folder, recursive: true);

    public async ValueTask DisposeAsync()
    {
        await Stop();
        _certificates.Dispose();
    }
}
