using System.Globalization;
using System.Net;
using System.Security.Cryptography;

namespace Amqp.Testing.Clusters;

/// <summary>Brokers that are one cluster, each a process of its own with its member of etcd, on free ports of loopback or on hosts of their own. All of it ends with this, or with the test run.</summary>
public sealed class ClusterProcesses : IAsyncDisposable
{
    /// <summary>For the links, and behind it for the two sides of etcd.</summary>
    private const int PortsOfNode = 3;

    private static readonly string? Etcd = Command.Find("etcd", unpackedIn: "etcd");

    private readonly NodeNetwork? _network;

    private ClusterProcesses(int count, NodeNetwork? network, string[] options)
    {
        _network = network;
        BrokerPlace[] places = [.. Enumerable.Range(0, count).Select(index => network?.Hosts[index] ?? BrokerPlace.Here)];
        int[] ports = [.. Enumerable.Range(0, count).Select(_ => Ports.Free(PortsOfNode))];
        var together = string.Join(',', ports.Select((port, index) => string.Create(CultureInfo.InvariantCulture, $"n{index + 1}@{places[index].Address}={places[index].Address}:{port}")));
        string[] common =
        [
            "--Cluster:Mode=etcd-managed", $"--Cluster:Bootstrap:0={together}", $"--Cluster:EtcdProgram={Etcd}", $"--Cluster:Secret={Secret}", .. options,
        ];
        Nodes = [.. ports.Select((port, index) => new ClusterNode(string.Create(CultureInfo.InvariantCulture, $"n{index + 1}"), places[index], port, common))];
        EtcdEndpoints = [.. ports.Select((port, index) => new Uri(string.Create(CultureInfo.InvariantCulture, $"https://{places[index].Address}:{port + 2}")))];
    }

    public IReadOnlyList<ClusterNode> Nodes { get; }

    /// <summary>By which its nodes know each other.</summary>
    public string Secret { get; } = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    /// <summary>From which this process comes to its nodes, as they see it.</summary>
    public IPAddress OwnAddress => _network?.Address ?? IPAddress.Loopback;

    /// <summary>Where the members of etcd serve their clients.</summary>
    public IReadOnlyList<Uri> EtcdEndpoints { get; }

    public ClusterNode this[string name] => Nodes.Single(node => node.Name == name || node.FullName == name);

    /// <summary>The network between them. Only a cluster whose nodes have hosts of their own has one.</summary>
    public NodeNetwork Network => _network ?? throw new InvalidOperationException("all nodes are on one host");

    /// <summary>Starts them, and returns when all of them serve clients. Skips the test, with the reason, where there is no etcd.</summary>
    public static Task<ClusterProcesses> Start(int count = 3, params string[] options) => Start(count, network: null, options);

    /// <summary>The same with each node on a host of its own. Skips the test, with the reason, where this machine does not permit that.</summary>
    public static async Task<ClusterProcesses> StartApart(int count = 3, params string[] options) => await Start(count, await NodeNetwork.Create(count), options);

    private static async Task<ClusterProcesses> Start(int count, NodeNetwork? network, string[] options)
    {
        NeedEtcd();
        OrphanGuard.Begin();
        var cluster = new ClusterProcesses(count, network, options);
        try
        {
            await Task.WhenAll(cluster.Nodes.Select(node => node.Start()));
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
        return cluster;
    }

    /// <summary>The program etcd. Skips the test, with the reason, where there is none.</summary>
    public static string NeedEtcd()
    {
        if (Etcd is null) Assert.Ignore("etcd is missing: tools/scripts/install-test-needs.sh gets it");
        return Etcd;
    }

    public ClusterNode Other(params string[] than) => Nodes.First(node => node.IsUp && !than.Contains(node.Name));

    public Task StartAll() => Task.WhenAll(Nodes.Select(node => node.Start()));

    /// <param name="than">A node that cannot be asked, though its process is there.</param>
    public async Task<long> NumberOf(string queue, ClusterNode? than = null)
    {
        long? number = null;
        await Eventually.True(
            async () =>
            {
                foreach (var node in Nodes.Where(node => node.IsUp && node != than)) number ??= await node.NumberOf(queue);
                return number is not null;
            },
            TimeSpan.FromMinutes(1),
            $"a node knows {queue}");
        return number!.Value;
    }

    /// <summary>A policy for queues of that name only; it is there on every node when this returns.</summary>
    /// <param name="pattern">Instead: what names of its queues match.</param>
    public async Task SetPolicy(string queue, object definition, string? pattern = null)
    {
        var answer = await new ControlApi(Other().Broker).Put($"policies/%2F/{Uri.EscapeDataString(queue)}", new { pattern = pattern ?? $"^{queue}$", definition, priority = 1 });
        Assert.That((int)answer.Status, Is.InRange(200, 299), answer.Json?.ToJsonString());
    }

    public async Task ClearPolicy(string queue)
    {
        var answer = await new ControlApi(Other().Broker).Delete($"policies/%2F/{Uri.EscapeDataString(queue)}");
        Assert.That((int)answer.Status, Is.InRange(200, 299), answer.Json?.ToJsonString());
    }

    /// <summary>What all nodes have logged is kept as files in a folder.</summary>
    public void SaveLogs(string folder)
    {
        foreach (var node in Nodes) File.WriteAllLines(Path.Combine(folder, $"{node.Name}.log"), node.Broker.Log.Lines);
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(Nodes.Select(node => node.DisposeAsync().AsTask()));
        if (_network is not null) await _network.DisposeAsync();
    }
}
