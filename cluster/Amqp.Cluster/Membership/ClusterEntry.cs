using Amqp.Cluster.Etcd;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>
/// How a node comes to its cluster when it starts.
/// <code>
/// etcd's folder has data          start it as it is: a restart
/// an operator has said join       ask the members of that cluster, as below
/// this node is in Bootstrap       begin a cluster with the others, or join it if they have
/// neither Bootstrap nor Seeds     begin a cluster alone
/// else                            ask a seed who the members are, be added to etcd by them, start, be promoted
/// </code>
/// A node beyond the number of voters runs no etcd and uses that of the others.
/// </summary>
internal sealed partial class ClusterEntry(LocalNode self, LocalState state, Twins twins, ILoggerFactory loggers)
{
    private static readonly TimeSpan PauseBetweenTries = TimeSpan.FromMilliseconds(300);

    private readonly ILogger _logger = loggers.CreateLogger<ClusterEntry>();

    /// <returns>The member of etcd that runs on this node; null: none does.</returns>
    /// <exception cref="RemovedException">It was a member and is none any more.</exception>
    /// <exception cref="ClusterException">It cannot come to a cluster; the message says what to do.</exception>
    public async Task<EtcdServer?> Enter(CancellationToken cancellation)
    {
        if (self.Options.Mode == ClusterMode.EtcdExternal) return null;
        if (ServerOptions([self.Peer], isNew: false).HasData) return await Restart(cancellation);
        var (together, seeds) = (self.Options.BootstrapAddresses, self.Options.SeedAddresses);
        if (!state.File.IsToJoin && together.Any(each => each.Node == self.Name) && await new Founding(self, state, _logger).Gather(together, cancellation) is { } founders)
        {
            state.Save(state.File with { Token = Founding.TokenOf(together), Members = founders });
            LogBegins(_logger, string.Join(", ", founders.Select(each => each.Name)));
            return await Begin([.. founders.Select(PeerOf)], cancellation);
        }
        var remembered = state.File.Members.Select(member => new NodeAddress(member.Name, member.Address, member.Port));
        NodeAddress[] all = state.File.IsToJoin ? [.. remembered] : [.. seeds, .. together, .. remembered];
        if (seeds.Count > 0 || all.Any(each => each.Node != self.Name)) return await Join(all, cancellation);
        state.Save(state.File with { Token = $"{Guid.NewGuid():N}", Members = [self.Record(state.File.Directory, isVoter: true)] });
        LogBegins(_logger, self.Name);
        return await Begin([self.Peer], cancellation);
    }

    /// <summary>Where etcd answers: the own member first, if there is one, and then those of the others.</summary>
    public static IReadOnlyList<Uri> Endpoints(LocalNode self, bool hasOwn, IEnumerable<MemberRecord> members) => self.Options.Mode == ClusterMode.EtcdExternal
        ? self.Options.Endpoints
        : [.. hasOwn ? [self.OwnEtcd] : Array.Empty<Uri>(), .. members.Where(member => member.IsVoter && member.Name != self.Name).Select(member => member.EtcdEndpoint)];

    private static EtcdPeer PeerOf(MemberRecord member) => new(member.Name, member.Links.Address, member.Port + 1);

    /// <summary>The others are gone for good, as an operator has said: etcd goes on with what this node has.</summary>
    private async Task GoOnAlone(CancellationToken cancellation)
    {
        LogGoesOn(_logger, self.Name, string.Join(", ", state.File.GivenUp));
        await using (await StartServer(ServerOptions([self.Peer], isNew: false) with { IsForced = true }, cancellation))
        {
            // Nodes that join from now on must not be put out by another start like this one.
            state.Save(state.File with
            {
                GivenUp = [], Left = [.. state.File.Left.Union(state.File.GivenUp)], Members = [.. state.File.Members.Where(member => !state.File.GivenUp.Contains(member.Name))],
            });
        }
    }

    private async Task<EtcdServer> Restart(CancellationToken cancellation)
    {
        if (state.File.GivenUp.Length > 0 && !state.File.VotersBut(self.Name).Any()) await GoOnAlone(cancellation);
        var server = await StartServer(ServerOptions([self.Peer], isNew: false), cancellation);
        try
        {
            // It may have been stopped while it joined.
            using var client = self.NewClient(Endpoints(self, hasOwn: true, state.File.Members));
            var members = new EtcdMembers(client);
            var own = (await members.List(cancellation)).FirstOrDefault(member => member.Name == self.Name || member.PeerUrls.Contains(self.Peer.Url)) ?? throw new RemovedException(self.Name);
            if (own.IsLearner) await Promote(members, own.Id, cancellation);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private Task<EtcdServer> Begin(IReadOnlyList<EtcdPeer> founders, CancellationToken cancellation) => StartServer(ServerOptions(founders, isNew: true), cancellation);

    private async Task<EtcdServer?> Join(IReadOnlyList<NodeAddress> seeds, CancellationToken cancellation)
    {
        var answer = await FindSeed(seeds, cancellation);
        using var client = self.NewClient(Endpoints(self, hasOwn: false, answer.Members));
        var (registry, members) = (new Registry(client), new EtcdMembers(client));
        await twins.Refuse(registry, cancellation);
        if (state.File.IsRegistered && await registry.FindMember(self.Name, cancellation) is null) throw new RemovedException(self.Name);
        state.Save(state.File with { Token = answer.Token, HasJoined = true, IsToJoin = false, Members = answer.Members });
        foreach (var before in (await members.List(cancellation)).Where(member => member.Name == self.Name))
        {
            // Its data are gone, or this node would have started with them.
            LogReplaces(_logger, self.Name);
            await Reporting(Counted(members.Remove(before.Id, cancellation)), "the others have to remove from etcd what this node was before it lost its data", cancellation);
        }
        await registry.PutMember(self.Record(state.File.Directory, isVoter: false), cancellation);
        var added = await Add(members, cancellation);
        if (added is not var (id, initial))
        {
            LogNoVoter(_logger, self.Name, ClusterMembership.VotersMax);
            return null;
        }
        var server = await StartServer(ServerOptions(initial, isNew: false), cancellation);
        try
        {
            await Promote(members, id, cancellation);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private async Task<(ulong Id, IReadOnlyList<EtcdPeer> InitialCluster)?> Add(EtcdMembers members, CancellationToken cancellation)
    {
        try
        {
            return await Reporting(members.AddLearner(self.Peer, ClusterMembership.VotersMax, cancellation),
                "etcd has not taken it yet: it takes one node at a time. If another node was added and does not come, start that one, or forget it (`forget_cluster_node`)", cancellation);
        }
        catch (InvalidOperationException exception)
        {
            throw new ClusterException(exception.Message, exception);
        }
    }

    private Task<bool> Promote(EtcdMembers members, ulong id, CancellationToken cancellation) =>
        Reporting(Counted(members.Promote(id, cancellation)), "its etcd is added to the others, and gets what they have", cancellation);

    /// <summary>Asks one seed after the other until one is a member that others can join through.</summary>
    private async Task<NodeAnswer> FindSeed(IReadOnlyList<NodeAddress> seeds, CancellationToken cancellation)
    {
        var waiting = new Waiting(self.Time, _logger);
        while (true)
        {
            var reasons = new List<string>();
            foreach (var seed in seeds.Where(seed => seed.Node != self.Name))
            {
                try
                {
                    foreach (var address in (await seed.Resolve(cancellation)).Where(address => !address.Equals(self.Links)))
                    {
                        if (await TrySeed(seed, address) is { } answer) return answer;
                    }
                }
                catch (IOException exception)
                {
                    reasons.Add($"{seed}: {exception.Message}");
                }
            }
            waiting.Tell(
                $"it is to join a cluster, and no seed can take it yet: {string.Join("; ", reasons)}. It never begins a cluster of its own while it has Cluster:Seeds; the nodes that are to do that need Cluster:Bootstrap");
            await Task.Delay(PauseBetweenTries, self.Time, cancellation);

            async Task<NodeAnswer?> TrySeed(NodeAddress seed, System.Net.IPEndPoint address)
            {
                try
                {
                    var answer = await self.Ask(address, seed.Node, cancellation);
                    if (answer is { IsReady: true, Members.IsDefaultOrEmpty: false } && answer.Node != self.Name) return answer;
                    reasons.Add($"{answer.Node} at {address}: {(answer.Token.Length > 0 ? "it is starting" : "it belongs to no cluster yet")}");
                }
                catch (IOException exception)
                {
                    reasons.Add($"{seed}: {exception.Message}");
                }
                return null;
            }
        }
    }

    private EtcdServerOptions ServerOptions(IReadOnlyList<EtcdPeer> initial, bool isNew) => new()
    {
        Program = self.Options.EtcdProgram ?? EtcdServerOptions.Find(),
        Folder = self.Folder,
        Self = self.Peer,
        ClientPort = self.Options.ClientPort,
        InitialCluster = initial,
        IsNew = isNew,
        Token = state.File.Token,
    };

    private async Task<EtcdServer> StartServer(EtcdServerOptions options, CancellationToken cancellation)
    {
        var server = new EtcdServer(options, self.Certificates, self.Time, loggers.CreateLogger<EtcdServer>());
        using var given = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            var starting = server.Start(given.Token);
            await new Waiting(self.Time, _logger).For(Task.WhenAny(starting, server.Removed), WhoIsMissing, cancellation);
            if (!server.Removed.IsCompleted)
            {
                await starting;
                return server;
            }
            await given.CancelAsync();
            await starting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw new RemovedException(self.Name);
        }
        catch
        {
            await given.CancelAsync();
            await server.DisposeAsync();
            throw;
        }

        async Task<string> WhoIsMissing()
        {
            var others = state.File.Members.Where(member => member.IsVoter && member.Name != self.Name).ToList();
            var missing = (await Task.WhenAll(others.Select(Try))).OfType<string>().ToList();
            return missing.Count > 0
                ? $"its etcd needs a majority of its {others.Count + 1} members, and does not find it. These nodes do not answer, so start those that do not run: {string.Join("; ", missing)}"
                : $"its etcd does not answer, though all other nodes do. Its log is {options.LogFile}";

            async Task<string?> Try(MemberRecord member)
            {
                try
                {
                    await self.Ask(member.Links, member.Name, cancellation);
                    return null;
                }
                catch (IOException exception)
                {
                    return $"{member.Name} at {member.Links} ({exception.Message})";
                }
            }
        }
    }

    private Task<T> Reporting<T>(Task<T> work, string reason, CancellationToken cancellation) =>
        new Waiting(self.Time, _logger).For(work, () => Task.FromResult(reason), cancellation);

    private static async Task<bool> Counted(Task work)
    {
        await work;
        return true;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Beginning a cluster: {Nodes}")]
    private static partial void LogBegins(ILogger logger, string nodes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The cluster has a node {Node} already, whose data are not here: this one takes its place, as a new member")]
    private static partial void LogReplaces(ILogger logger, string node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} goes on without these, which an operator has given up: {Nodes}. They must not be started again with the data that they have: together they would be another cluster")]
    private static partial void LogGoesOn(ILogger logger, string node, string nodes);

    [LoggerMessage(Level = LogLevel.Information, Message = "The cluster has {VotersMax} nodes that run etcd, so {Node} runs none and uses theirs")]
    private static partial void LogNoVoter(ILogger logger, string node, int votersMax);
}
