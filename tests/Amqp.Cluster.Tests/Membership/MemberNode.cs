using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using Amqp.Cluster.Etcd;
using Amqp.Cluster.Links;
using Amqp.Cluster.Membership;
using Amqp.Cluster.Tests.Etcd;
using Amqp.Cluster.Tests.Links;
using Amqp.Testing;

namespace Amqp.Cluster.Tests.Membership;

/// <summary>A node of a cluster, as far as membership goes: it can be started, stopped, killed and wiped, and keeps its folder and its ports.</summary>
internal sealed class MemberNode : ILinkUser, IAsyncDisposable
{
    private static readonly TestAuthority Authority = new();

    private ClusterMembership? _membership;

    /// <param name="folder">Of all nodes of the test; each has its own in it.</param>
    public MemberNode(string folder, string name) => Options = new ClusterOptions
    {
        Node = $"rabbit@{name}",
        Address = IPAddress.Loopback,
        Port = Ports.Free(count: 3),
        Folder = Path.Combine(folder, name),
        EtcdProgram = EtcdServers.Program,
    };

    public ClusterOptions Options { get; set; }

    public string Name => Options.Node;

    /// <summary>As it stands in a list of nodes.</summary>
    public string Address => $"{Name}={Options.Address}:{Options.Port}";

    public LogOfNode Log { get; } = new();

    public ClusterMembership Membership => _membership!;

    /// <summary>Why it cannot stay a member.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>What its view told.</summary>
    public ConcurrentQueue<ClusterChange> Changes { get; } = new();

    /// <summary>Processes that its links saw end.</summary>
    public ConcurrentQueue<(string Node, uint Epoch)> Ended { get; } = new();

    public ConcurrentQueue<bool> Doubts { get; } = new();

    /// <summary>Nodes that it can send to, on all lanes.</summary>
    public IReadOnlyList<string> Connected => [.. Membership.Links.Status.Where(link => link.IsConnected).GroupBy(link => link.Node).Where(lanes => lanes.Count() == 3).Select(lanes => lanes.Key).Order()];

    /// <summary>Nodes that run, as it sees it.</summary>
    public IReadOnlyList<string> Running => [.. Membership.View.Nodes.Where(node => node.IsRunning).Select(node => node.Name)];

    public IReadOnlyList<string> Members => [.. Membership.View.Nodes.Select(node => node.Name)];

    /// <summary>Of its member of etcd; null: it has none, or that does not run.</summary>
    public int? EtcdProcess => EtcdNode.ProcessOf(Options.Folder);

    public MemberNode With(Func<ClusterOptions, ClusterOptions> change)
    {
        Options = change(Options);
        return this;
    }

    public async Task Start(CancellationToken cancellation = default)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(2 * Patience.Start);
        var membership = await ClusterMembership.Start(
            Options, Authority.Of(Name), new LinkOptions(), "1.2.3", failure => Failure = failure, TimeProvider.System, Log, patience.Token);
        membership.View.Changed += Changes.Enqueue;
        membership.LeaseDoubted += Doubts.Enqueue;
        _membership = membership;
        await membership.Open(this, patience.Token);
    }

    public async Task Stop()
    {
        if (_membership is not null) await _membership.DisposeAsync();
        _membership = null;
    }

    /// <summary>As by kill -9, with its etcd.</summary>
    public async Task Kill()
    {
        await _membership!.Abandon();
        _membership = null;
    }

    /// <summary>It loses its disk.</summary>
    public void Wipe() => Directory.Delete(Options.Folder, recursive: true);

    public async Task<IReadOnlyList<EtcdMember>> EtcdMembers()
    {
        using var patience = new CancellationTokenSource(Patience.Start);
        return await new EtcdMembers(Membership.Client).List(patience.Token);
    }

    public ValueTask DisposeAsync() => new(Stop());

    void ILinkUser.Changed(string node, uint epoch, LinkLane lane, bool isConnected)
    {
    }

    void ILinkUser.PeerChanged(string node, uint epoch, LinkLane lane, bool isConnected)
    {
    }

    void ILinkUser.Received(string node, uint epoch, LinkLane lane, byte kind, ReadOnlySequence<byte> payload)
    {
    }

    void ILinkUser.Gone(string node, uint epoch) => Ended.Enqueue((node, epoch));
}
