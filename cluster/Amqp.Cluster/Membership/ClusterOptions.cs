using System.Net;

namespace Amqp.Cluster.Membership;

/// <summary>How a node finds its cluster, and how the others find it.</summary>
public sealed record ClusterOptions
{
    /// <summary>Behind the port of the links are two for etcd.</summary>
    private const int PortMax = 65_533;

    /// <summary>Where etcd is.</summary>
    public ClusterMode Mode { get; init; } = ClusterMode.EtcdManaged;

    /// <summary>The name of this node, <c>rabbit@host</c>. It stays the same as long as the node is a member.</summary>
    public required string Node { get; init; }

    /// <summary>
    /// Where other nodes reach this one, and where it listens. Null: what it has in <see cref="Bootstrap"/>, or else what the host part of its name resolves to here.
    /// </summary>
    public IPAddress? Address { get; init; }

    /// <summary>Of the links between nodes. The next one is for etcd's members among each other, the one after for etcd's clients.</summary>
    public int Port { get; init; } = NodeAddress.DefaultPort;

    /// <summary>
    /// Nodes of the cluster that this one joins (<see cref="NodeAddress"/>); one that answers is enough. Of no account once this node is a member. A node that has seeds never begins a cluster of its own.
    /// </summary>
    public IReadOnlyList<string> Seeds { get; init; } = [];

    /// <summary>
    /// The nodes that begin a cluster together, this one among them, the same on each of them (<see cref="NodeAddress"/>, each with its name). All of them have to be there for that. Of no account
    /// once they have. Neither this nor <see cref="Seeds"/>: this node begins a cluster alone, which others may join.
    /// </summary>
    public IReadOnlyList<string> Bootstrap { get; init; } = [];

    /// <summary>Of an external etcd: <c>http://10.0.0.9:2379</c>, or https, where etcd's certificates and the cluster's have to be of the same authority.</summary>
    public IReadOnlyList<Uri> Endpoints { get; init; } = [];

    /// <summary>The path of etcd; null: it is looked for in the PATH.</summary>
    public string? EtcdProgram { get; init; }

    /// <summary>Where etcd's data, its certificates and what this node knows of the others are; nothing else may be there.</summary>
    public required string Folder { get; init; }

    /// <summary>The epoch of this start is to be above: what this node had as long as it was alone has positions up to this one.</summary>
    public uint EpochAbove { get; init; }

    internal int PeerPort => Port + 1;

    internal int ClientPort => Port + 2;

    internal IReadOnlyList<NodeAddress> SeedAddresses => [.. Seeds.Select(NodeAddress.Parse)];

    internal IReadOnlyList<NodeAddress> BootstrapAddresses => [.. Bootstrap.Select(NodeAddress.Parse)];

    /// <summary>Looks at all of it, before anything is started.</summary>
    /// <exception cref="ClusterException">Something is wrong; the message says what, and what to do.</exception>
    public void Validate()
    {
        if (NodeAddress.HostOf(Node) is null) throw new ClusterException($"Cluster:Node is '{Node}', and has to be a name of the form rabbit@host.");
        if (Port is < 1 or > PortMax) throw new ClusterException($"Cluster:Port is {Port}, and has to be from 1 to {PortMax}: the two ports behind it are etcd's.");
        if (string.IsNullOrWhiteSpace(Folder)) throw new ClusterException("The folder for etcd's data is not set.");
        if (Address is not null && (Address.Equals(IPAddress.Any) || Address.Equals(IPAddress.IPv6Any)))
            throw new ClusterException($"Cluster:Address is {Address}, and has to be an address at which other nodes reach this one: they are told it.");
        if (Mode == ClusterMode.EtcdExternal) ValidateExternal();
        else ValidateManaged();
    }

    /// <summary>Where other nodes reach this one.</summary>
    /// <exception cref="ClusterException">That is not known; the message says what to do.</exception>
    public async Task<IPAddress> ResolveAddress(CancellationToken cancellation)
    {
        if (Address is not null) return Address;
        if (BootstrapAddresses.FirstOrDefault(each => each.Node == Node) is { } own && IPAddress.TryParse(own.Host, out var written)) return written;
        var host = NodeAddress.HostOf(Node)!;
        try
        {
            var found = await new NodeAddress(Node, host, Port).Resolve(cancellation);
            var reachable = found.FirstOrDefault(each => !IPAddress.IsLoopback(each.Address));
            if (reachable is not null) return reachable.Address;
            if (IsAlone && found.Count > 0) return found[0].Address;
            throw new ClusterException(
                $"The host part of this node's name, {host}, is {string.Join(", ", found.Select(each => each.Address))} on this machine, where other nodes cannot reach it "
                + "(a line in /etc/hosts says so, probably). Set Cluster:Address to an address of this machine that they can reach.");
        }
        catch (IOException exception)
        {
            throw new ClusterException($"The host part of this node's name cannot be used: {exception.Message}. Set Cluster:Address to the address at which other nodes reach this one.", exception);
        }
    }

    private bool IsAlone => Mode == ClusterMode.EtcdManaged && Seeds.Count == 0 && Bootstrap.Count <= 1;

    private void ValidateExternal()
    {
        if (Endpoints.Count == 0) throw new ClusterException("Cluster:Mode is EtcdExternal, and Cluster:Endpoints is empty: give the addresses of etcd for its clients, such as https://10.0.0.9:2379.");
        if (Endpoints.FirstOrDefault(each => !each.IsAbsoluteUri || each.Scheme is not ("http" or "https")) is { } wrong)
            throw new ClusterException($"Cluster:Endpoints has '{wrong}', and has to have addresses such as https://10.0.0.9:2379.");
        if (Seeds.Count + Bootstrap.Count > 0) throw new ClusterException("With Cluster:Mode EtcdExternal the nodes find each other in etcd: remove Cluster:Seeds and Cluster:Bootstrap.");
    }

    private void ValidateManaged()
    {
        if (Endpoints.Count > 0) throw new ClusterException("Cluster:Endpoints is for Cluster:Mode EtcdExternal: set that, or remove the endpoints.");
        _ = SeedAddresses;
        var together = BootstrapAddresses;
        if (together.Count == 0) return;
        if (together.FirstOrDefault(each => each.Node is null) is { } nameless)
            throw new ClusterException($"Cluster:Bootstrap has {nameless} without the name of the node: write rabbit@host={nameless}. Only Cluster:Seeds may be without.");
        if (together.GroupBy(each => each.Node).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new ClusterException($"Cluster:Bootstrap has {twice.Key} twice.");
        if (together.Count > ClusterMembership.VotersMax)
            throw new ClusterException($"Cluster:Bootstrap has {together.Count} nodes, and at most {ClusterMembership.VotersMax} can begin a cluster. Let the others join it: give them Cluster:Seeds.");
        var own = together.FirstOrDefault(each => each.Node == Node);
        if (own is null && Seeds.Count == 0)
            throw new ClusterException($"Cluster:Bootstrap does not have this node, {Node}. Add it, the same way on all nodes, if it is to begin the cluster with them; if it is to join them, give it Cluster:Seeds.");
        if (own is null) return;
        if (own.Port != Port) throw new ClusterException($"Cluster:Bootstrap has this node at port {own.Port}, and its Cluster:Port is {Port}: write the port there too ({Node}=address:{Port}), on all nodes.");
        if (Address is not null && IPAddress.TryParse(own.Host, out var written) && !written.Equals(Address))
            throw new ClusterException($"Cluster:Bootstrap has this node at {written}, and its Cluster:Address is {Address}: correct one of them.");
    }
}
