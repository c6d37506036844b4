using System.Globalization;
using System.Net;

namespace Amqp.Testing.Clusters;

/// <summary>
/// Hosts of their own for nodes: a network namespace for each, behind one that is the router between them, and this process as one host more. Cuts are made in the router, where packets
/// vanish as they do in a network: no node is told. Takes root, and <c>ip</c> of Debian's package iproute2.
/// <code>
/// n1 .4.2 --- .4.1 \
/// n2 .8.2 --- .8.1 - router .0.1 --- .0.2 this process: clients, and who looks at etcd
/// n3 .12.2 -- .12.1 /
/// </code>
/// </summary>
public sealed class NodeNetwork : IAsyncDisposable
{
    // Addresses that are for tests of networks (RFC 2544), so that nothing else of a machine has them: 198.18.x.0/24 for one network, four of them for each wire.
    private const int NetworksMax = 256;
    private const int AddressesOfWire = 4;

    private static readonly TimeSpan Within = TimeSpan.FromSeconds(30);
    private static int _number;

    private readonly HashSet<(BrokerPlace From, BrokerPlace To)> _cuts = [];
    private readonly string _name = string.Create(CultureInfo.InvariantCulture, $"{NamesOfRun}{Interlocked.Increment(ref _number)}");
    private readonly int _network;

    private NodeNetwork(int count)
    {
        do _network = Random.Shared.Next(NetworksMax);
        while (Directory.Exists($"/sys/class/net/{OwnWire}"));
        Hosts = [.. Enumerable.Range(1, count).Select(index => new BrokerPlace(AddressOf(index, end: 2), "nsenter", $"--net=/run/netns/{HostName(index)}", "dotnet"))];
    }

    /// <summary>With what the names of all network namespaces of this test run begin.</summary>
    public static string NamesOfRun { get; } = string.Create(CultureInfo.InvariantCulture, $"amqp{Environment.ProcessId}-");

    /// <summary>One for each node, in order.</summary>
    public IReadOnlyList<BrokerPlace> Hosts { get; }

    /// <summary>Of this process, as the hosts see it.</summary>
    public IPAddress Address => IPAddress.Parse(AddressOf(0, end: 2));

    /// <summary>The end of a wire that is in this process's namespace; its name tells which networks others have made.</summary>
    private string OwnWire => WireName(0);

    private string Router => $"{_name}-r";

    /// <summary>Skips the test, with the reason, where this machine does not permit it.</summary>
    public static async Task<NodeNetwork> Create(int count)
    {
        if (!Command.Exists("ip") || !Command.Exists("nsenter")) Assert.Ignore("hosts of their own need ip (Debian's package iproute2) and nsenter (util-linux)");
        var network = new NodeNetwork(count);
        try
        {
            await network.Build(count);
        }
        catch (InvalidOperationException exception)
        {
            await network.DisposeAsync();
            Assert.Ignore($"network namespaces cannot be made here: {exception.Message}");
        }
        return network;
    }

    /// <summary>What one node sends to another one is lost from now on.</summary>
    public async Task CutOneWay(ClusterNode from, ClusterNode to)
    {
        var way = (HostOf(from), HostOf(to));
        if (_cuts.Add(way)) await Rule("add", way);
    }

    public async Task Cut(ClusterNode one, ClusterNode other)
    {
        await CutOneWay(one, other);
        await CutOneWay(other, one);
    }

    /// <summary>Nothing is lost any more.</summary>
    public async Task Mend()
    {
        foreach (var way in _cuts) await Rule("del", way);
        _cuts.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        // A wire goes with either of its ends.
        foreach (var name in Hosts.Select((_, index) => HostName(index + 1)).Append(Router)) await Command.Run("ip", ["netns", "del", name], Within);
    }

    private async Task Build(int count)
    {
        await Ip("netns", "add", Router);
        await Ip("netns", "exec", Router, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward");
        await Wire(0, host: null);
        await Ip("route", "add", $"{Subnet()}/24", "via", AddressOf(0, end: 1));
        for (var index = 1; index <= count; index++)
        {
            await Ip("netns", "add", HostName(index));
            await Ip("-n", HostName(index), "link", "set", "lo", "up");
            await Wire(index, HostName(index));
            await Ip("-n", HostName(index), "route", "add", "default", "via", AddressOf(index, end: 1));
        }
    }

    /// <summary>Between the router and a host, or this process.</summary>
    private async Task Wire(int index, string? host)
    {
        var (here, there) = (WireName(index), string.Create(CultureInfo.InvariantCulture, $"wire{index}"));
        string[] inHost = host is null ? [] : ["-n", host];
        await Ip([.. inHost, "link", "add", here, "type", "veth", "peer", "name", there, "netns", Router]);
        await Ip([.. inHost, "address", "add", $"{AddressOf(index, end: 2)}/30", "dev", here]);
        await Ip([.. inHost, "link", "set", here, "up"]);
        await Ip("-n", Router, "address", "add", $"{AddressOf(index, end: 1)}/30", "dev", there);
        await Ip("-n", Router, "link", "set", there, "up");
    }

    private Task Rule(string verb, (BrokerPlace From, BrokerPlace To) way) => Ip("-n", Router, "rule", verb, "from", way.From.Address, "to", way.To.Address, "blackhole");

    private static async Task Ip(params string[] arguments)
    {
        var (code, text) = await Command.Run("ip", arguments, Within);
        if (code != 0) throw new InvalidOperationException($"ip {string.Join(' ', arguments)}: {text.Trim()}");
    }

    private BrokerPlace HostOf(ClusterNode node) => Hosts.Single(host => host.Address == node.Address);

    private string HostName(int index) => string.Create(CultureInfo.InvariantCulture, $"{_name}-{index}");

    // The kernel takes 15 characters.
    private string WireName(int index) => string.Create(CultureInfo.InvariantCulture, $"amqp{_network}-{index}");

    private string Subnet() => string.Create(CultureInfo.InvariantCulture, $"198.18.{_network}.0");

    private string AddressOf(int index, int end) => string.Create(CultureInfo.InvariantCulture, $"198.18.{_network}.{(index * AddressesOfWire) + end}");
}
