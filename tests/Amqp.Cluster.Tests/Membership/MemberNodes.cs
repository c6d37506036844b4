using Amqp.Testing;

namespace Amqp.Cluster.Tests.Membership;

/// <summary>Nodes of one cluster.</summary>
internal sealed class MemberNodes : List<MemberNode>, IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("members-").FullName;
    private readonly EtcdServers? _external;

    private MemberNodes(EtcdServers? external) => _external = external;

    /// <summary>Nodes that have begun a cluster together.</summary>
    public static async Task<MemberNodes> Begin(params string[] names)
    {
        EtcdServers.SkipWithoutEtcd();
        var nodes = new MemberNodes(external: null);
        foreach (var name in names) nodes.New(name);
        string[] together = [.. nodes.Select(node => node.Address)];
        foreach (var node in nodes) node.With(options => options with { Bootstrap = together });
        await Task.WhenAll(nodes.Select(node => node.Start()));
        return nodes;
    }

    /// <summary>Nodes on an etcd of an operator.</summary>
    public static async Task<MemberNodes> External(params string[] names)
    {
        EtcdServers.SkipWithoutEtcd();
        var nodes = new MemberNodes(await EtcdServers.Start());
        foreach (var name in names) await nodes.New(name).Start();
        return nodes;
    }

    /// <summary>Another one, which is not started.</summary>
    /// <param name="seed">That it joins through.</param>
    public MemberNode New(string name, MemberNode? seed = null)
    {
        var node = new MemberNode(_folder, name);
        if (_external is not null) node.With(options => options with { Mode = Cluster.Membership.ClusterMode.EtcdExternal, Endpoints = _external.Endpoints });
        if (seed is not null) node.With(options => options with { Seeds = [seed.Address] });
        Add(node);
        return node;
    }

    /// <summary>Each sees all of these run, and is connected to them.</summary>
    public static async Task SeeEachOther(params IReadOnlyCollection<MemberNode> nodes)
    {
        string[] names = [.. nodes.Select(node => node.Name).Order()];
        foreach (var node in nodes)
        {
            await Eventually.That(() => node.Running, Is.EqualTo(names), Patience.Start);
            await Eventually.That(() => node.Connected, Is.EqualTo(names.Where(name => name != node.Name)), Patience.Start);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(this.Select(node => node.Stop()));
        if (_external is not null) await _external.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
