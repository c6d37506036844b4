using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;

namespace Amqp.Demos;

/// <summary>Three brokers of the demo's own that are one cluster, each with its member of etcd: n1, n2 and n3.</summary>
internal sealed class DemoCluster : IAsyncDisposable
{
    /// <summary>For the other nodes, and for both sides of etcd.</summary>
    private const int PortsOfNode = 3;

    // Below the ports that Linux gives to outgoing connections, so that none of them takes a node's port while it is down.
    private const int PortMin = 20_000;
    private const int PortMax = 32_000;

    private readonly BrokerProcess[] _nodes;

    private DemoCluster(BrokerProcess[] nodes) => _nodes = nodes;

    /// <summary>The node n1, n2 or n3.</summary>
    public BrokerProcess this[int number] => _nodes[number - 1];

    /// <summary>Starts the nodes and returns when all take connections.</summary>
    /// <exception cref="DemoException">One does not come up.</exception>
    public static async Task<DemoCluster> Start(CancellationToken cancel)
    {
        int[] ports = [];
        while (ports.Length < 3) ports = [.. ports, FreePorts(ports)];
        var together = string.Join(',', ports.Select((port, index) => string.Create(CultureInfo.InvariantCulture, $"{NameOf(index + 1)}=127.0.0.1:{port}")));
        var secret = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        var starting = ports.Select((port, index) => BrokerProcess.Start(
            [
                $"--Node:Name={NameOf(index + 1)}", "--Cluster:Mode=etcd-managed", "--Cluster:Address=127.0.0.1", string.Create(CultureInfo.InvariantCulture, $"--Cluster:Port={port}"),
                $"--Cluster:Bootstrap:0={together}", $"--Cluster:Secret={secret}",
            ],
            cancel)).ToArray();
        try
        {
            return new DemoCluster(await Task.WhenAll(starting));
        }
        catch
        {
            foreach (var node in starting.Where(node => node.IsCompletedSuccessfully)) await (await node).DisposeAsync();
            throw;
        }
    }

    /// <summary>What a node says of a queue.</summary>
    /// <param name="node">The number of the node that is asked.</param>
    public async Task<QueueStanding> Standing(string queue, int node, CancellationToken cancel)
    {
        var listed = JsonDocument.Parse(await this[node].Rabbitmqctl(["list_queues", "name", "pid", "state", "--formatter", "json"], cancel)).RootElement;
        var found = listed.EnumerateArray().First(each => each.GetProperty("name").GetString() == queue);
        var (place, state) = (found.GetProperty("pid").GetString(), found.GetProperty("state").GetString()!);
        var leader = state == "running" ? Enumerable.Range(1, _nodes.Length).FirstOrDefault(number => place?.StartsWith($"<{NameOf(number)}.", StringComparison.Ordinal) == true) : 0;
        return new QueueStanding(leader == 0 ? null : leader, state);
    }

    public async ValueTask DisposeAsync() => await Task.WhenAll(_nodes.Select(node => node.DisposeAsync().AsTask()));

    private static string NameOf(int number) => string.Create(CultureInfo.InvariantCulture, $"n{number}@127.0.0.1");

    /// <summary>The first of three ports behind each other that nothing uses.</summary>
    private static int FreePorts(int[] taken)
    {
        while (true)
        {
            var first = Random.Shared.Next(PortMin, PortMax);
            if (taken.All(other => Math.Abs(other - first) >= PortsOfNode) && Enumerable.Range(first, PortsOfNode).All(IsFree)) return first;
        }
    }

    private static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}

/// <param name="Leader">The number of its node; null: no node leads.</param>
/// <param name="State">In rabbitmqctl's words.</param>
internal sealed record QueueStanding(int? Leader, string State);
