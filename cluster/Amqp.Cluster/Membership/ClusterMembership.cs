using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Amqp.Cluster.Etcd;
using Amqp.Cluster.Links;
using Amqp.Cluster.Metadata;
using Amqp.Cluster.Security;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>
/// How this node becomes a member of its cluster and stays one. In this order:
/// <code>
/// Start   the port of the links is opened: other nodes may ask from now on who this one is
///         etcd is started, joined or reached (ClusterEntry); this node becomes a member; the epoch of its start is taken
/// Open    the links carry what their user posts; this node is registered as running, under its lease; the view follows the others
/// </code>
/// </summary>
public sealed partial class ClusterMembership : IAsyncDisposable
{
    /// <summary>Nodes that run etcd: more of them make every change slower, and two of five may be down.</summary>
    public const int VotersMax = 5;

    /// <summary>Longer than etcd needs to choose a leader; where it has no majority any more, a stop takes so long in vain.</summary>
    private static readonly TimeSpan PatienceToSayThatItStops = TimeSpan.FromSeconds(5);

    private readonly LocalNode _self;
    private readonly LocalState _state;
    private readonly Twins _twins;
    private readonly LinkRelay _relay = new();
    private readonly LinkListener _listener;
    private readonly Action<Exception> _failed;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private EtcdServer? _server;
    private EtcdMaintenance? _maintenance;
    private EtcdClient? _client;
    private Registry? _registry;
    private ClusterView? _view;
    private NodeLease? _lease;
    private volatile bool _stopsInOrder;
    private int _hasFailed;
    private int _isDisposed;

    private ClusterMembership(LocalNode self, LocalState state, Action<Exception> failed, ILoggerFactory loggers)
    {
        (_self, _state, _failed, _loggers) = (self, state, failed, loggers);
        _logger = loggers.CreateLogger<ClusterMembership>();
        _twins = new Twins(self, _logger);
        Links = new NodeLinks(self.Name, epoch: 0, self.Certificates, self.LinkOptions, _relay, self.Time, loggers.CreateLogger<NodeLinks>()) { Answerer = (_, question) => state.Answer(question) };
        _listener = Listen();
    }

    /// <summary>The name of this node.</summary>
    public string Self => _self.Name;

    /// <summary>Of this start: <see cref="EtcdMetadataStore.Epoch"/>.</summary>
    public uint Epoch => _state.Epoch;

    /// <summary>Of this node's data. A node whose folder was emptied has another one, and has nothing of what it had.</summary>
    public Guid Directory => _state.File.Directory;

    /// <summary>This node began the cluster, alone or with others, so it may write the first definitions, if there are none.</summary>
    public bool BeginsDefinitions => !_state.File.HasJoined;

    /// <summary>Nodes that were given up (<c>forget_cluster_node --offline</c>), and whose queues are still to be given to others or deleted.</summary>
    internal ImmutableArray<string> LeftBehind => _state.File.Left;

    /// <summary>Calls to etcd: at this node's member first, at those of the others when it fails.</summary>
    public EtcdClient Client => _client!;

    /// <summary>The links to the other members; they follow <see cref="View"/>.</summary>
    public NodeLinks Links { get; }

    /// <summary>Where other nodes connect to.</summary>
    public IPEndPoint Listener => _listener.Address;

    /// <summary>Who is a member and runs; empty until <see cref="Open"/>.</summary>
    public ClusterView View => _view!;

    /// <summary>The lease of this node was not renewed for two thirds of its time. What it leads confirms nothing and delivers nothing until it is renewed.</summary>
    public bool LeaseIsInDoubt => _lease is { IsInDoubt: true };

    /// <summary>The lease has come into doubt (true), or is renewed again (false). Called by its loop; it must neither block nor throw. <see cref="LeaseIsInDoubt"/> knows it earlier.</summary>
    public Action<bool> LeaseDoubted { get; set; } = _ => { };

    /// <summary>
    /// Brings this node to its cluster. That takes as long as it takes until a majority of the members is there; the log says every few seconds which nodes are waited for.
    /// </summary>
    /// <param name="certificates">Of this node, for <see cref="ClusterOptions.ResolveAddress"/>. They stay the caller's.</param>
    /// <param name="version">Of the broker.</param>
    /// <param name="failed">Called at most once, when this node cannot stay a member: it was removed (<see cref="RemovedException"/>), or another process has its name. It must end.</param>
    /// <exception cref="RemovedException">It is a member no more.</exception>
    /// <exception cref="ClusterException">It cannot become a member; the message says what to do.</exception>
    /// <exception cref="OperationCanceledException">Until then the others did not come.</exception>
    public static async Task<ClusterMembership> Start(
        ClusterOptions options, ClusterCertificates certificates, LinkOptions linkOptions, string version, Action<Exception> failed, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellation)
    {
        options.Validate();
        var self = new LocalNode(options, await options.ResolveAddress(cancellation), certificates, linkOptions, version, time);
        var together = options.BootstrapAddresses;
        var state = new LocalState(self, together.Any(each => each.Node == options.Node) ? Founding.TokenOf(together) : "");
        var membership = new ClusterMembership(self, state, failed, loggers);
        try
        {
            await membership.Enter(cancellation);
            return membership;
        }
        catch
        {
            await membership.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Registers this node as running, and connects it to the others. Called once, when its user is ready to be told of them, and before anything at its start needs another node.
    /// </summary>
    /// <exception cref="ClusterException">Another process with its name runs.</exception>
    public async Task Open(ILinkUser user, CancellationToken cancellation)
    {
        _relay.Use(user, _view!);
        Links.Begin(Epoch);
        var record = new NodeRecord(Self, Epoch, Directory, _self.Version, _self.Address.ToString(), _self.Options.Port);
        _lease = new NodeLease(Client, _registry!, record, _twins, inDoubt => LeaseDoubted(inDoubt), Fail, _logger);
        await _lease.Begin(cancellation);
        _state.IsOpen = true;
        await _view!.Begin(cancellation);
        LogOpen(_logger, Self, Epoch);
    }

    /// <summary>Instead of <see cref="Open"/>, when this node is only to leave: it learns who is there, and does not count as running.</summary>
    internal Task Look(CancellationToken cancellation)
    {
        Links.Begin(Epoch);
        return _view!.Begin(cancellation);
    }

    /// <summary>That was done.</summary>
    internal void LeftBehindIsDone() => _state.Save(_state.File with { Left = [] });

    /// <summary>
    /// Members that do not count as running, and whose process answers all the same: etcd was away for longer than a lease, and they have not registered anew. Asked when this node starts, and its links
    /// have nothing to say yet.
    /// </summary>
    /// <returns>Their names, and the epochs of their starts.</returns>
    internal async Task<IReadOnlyDictionary<string, uint>> Unregistered(CancellationToken cancellation)
    {
        var running = View.Nodes.Where(node => node.IsRunning).Select(node => node.Name).ToHashSet();
        var answers = await Task.WhenAll(View.Members.Where(member => member.Name != Self && !running.Contains(member.Name)).Select(Ask));
        return answers.OfType<NodeAnswer>().Where(answer => answer.IsOpen).ToDictionary(answer => answer.Node, answer => answer.Epoch);

        async Task<NodeAnswer?> Ask(MemberRecord member)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(_self.LinkOptions.SilenceMs);
            try
            {
                return await _self.Ask(member.Links, member.Name, patience.Token);
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException)
            {
                cancellation.ThrowIfCancellationRequested();
                return null;
            }
        }
    }

    /// <summary>Takes another node out of the cluster: what it had of queues is gone for the cluster. It has to be down.</summary>
    /// <exception cref="ClusterException">It is no member, or runs.</exception>
    /// <exception cref="OperationCanceledException">Etcd did not do that until then, as when too few nodes are there.</exception>
    public async Task Forget(string node, CancellationToken cancellation)
    {
        var member = await _registry!.FindMember(node, cancellation) ?? throw new ClusterException("The node selected is not in the cluster.");
        if (node == Self || View.Nodes.Any(each => each.Name == node && each.IsRunning))
            throw new ClusterException($"RabbitMQ on node {node} must be stopped with 'rabbitmqctl -n {node} stop_app' before it can be removed");
        if (_self.Options.Mode == ClusterMode.EtcdManaged) await RemoveFromEtcd(member, cancellation);
        await _registry.Delete(node, cancellation);
        LogForgotten(_logger, node);
    }

    /// <summary>
    /// Takes this node out of its cluster, for <c>reset</c>: the others forget it, and what it knew of them is deleted. After that there is nothing left to do with this object; a new one begins or joins a
    /// cluster again.
    /// </summary>
    /// <exception cref="ClusterException">No other node is there that could do that.</exception>
    /// <exception cref="OperationCanceledException">Etcd did not do that until then. The node has ended all the same, and leaving can be tried again after another start.</exception>
    public async Task Leave(CancellationToken cancellation)
    {
        var members = View.Members;
        if (members.Length > 1) CheckThatOthersStay(members);
        Interlocked.Exchange(ref _hasFailed, 1); // that it was removed is what it wants
        await View.DisposeAsync();
        if (_lease is not null) await _lease.DisposeAsync();
        try
        {
            if (members.Length > 1)
            {
                Client.UseEndpoints(ClusterEntry.Endpoints(_self, hasOwn: false, members));
                if (_server is not null) await RemoveFromEtcd(_self.Record(Directory, isVoter: true), cancellation);
            }
            if (members.Length > 1) await _registry!.Delete(Self, cancellation);
            else if (_server is null) await _registry!.Clear(cancellation);
        }
        finally
        {
            await DisposeAsync();
        }
        System.IO.Directory.Delete(_self.Folder, recursive: true);
        LogLeft(_logger, Self);
    }

    /// <summary>How the cluster is, as this node sees it.</summary>
    public async Task<ClusterStatus> Status(CancellationToken cancellation)
    {
        var (leader, alarms, failure) = await EtcdStatus(cancellation);
        var running = View.Nodes.ToDictionary(node => node.Name);
        return new ClusterStatus(
            [.. View.Members.Select(member => new ClusterMemberStatus(
                member.Name, running.TryGetValue(member.Name, out var node) && node.IsRunning, node.Epoch, member.IsVoter, member.Version, member.Links))],
            leader, alarms, failure, LeaseIsInDoubt, [.. Links.Status.OrderBy(link => link.Node, StringComparer.Ordinal).ThenBy(link => link.Lane)]);
    }

    /// <summary>This start of the node is about to be stopped in order, which the others are told with its end: queues that no other node could lead wait for it
    /// (<c>ha-promote-on-shutdown</c>).</summary>
    public void StopsInOrder() => _stopsInOrder = true;

    /// <summary>The node ends because something of it has failed, in whatever order it ends.</summary>
    public void HasFailed() => Interlocked.Exchange(ref _hasFailed, 1);

    /// <summary>That start of a node was stopped in order, and did not fail. Asks etcd.</summary>
    internal async Task<bool> WasStoppedInOrder(string node, Guid directory, long epoch, CancellationToken cancellation) =>
        await _registry!.FindMember(node, cancellation) is { } member && member.Directory == directory && member.StoppedEpoch == epoch;

    /// <summary>Ends it in order: the others are told at once.</summary>
    public ValueTask DisposeAsync() => End(isGraceful: true);

    /// <summary>Ends it as if the process were killed: nothing is given back.</summary>
    internal ValueTask Abandon() => End(isGraceful: false);

    /// <summary>As if this process stood still: its lease ends.</summary>
    internal Task StopRenewing() => _lease!.Abandon();

    private async ValueTask End(bool isGraceful)
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        if (!isGraceful && _lease is not null) await _lease.Abandon();
        else if (_lease is not null)
        {
            if (_stopsInOrder && Volatile.Read(ref _hasFailed) == 0) await SayThatItStops();
            await _lease.DisposeAsync();
        }
        await _listener.DisposeAsync();
        if (_view is not null) await _view.DisposeAsync();
        await Links.DisposeAsync();
        if (_maintenance is not null) await _maintenance.DisposeAsync();
        _client?.Dispose();
        if (_server is not null) await _server.DisposeAsync();
    }

    /// <summary>Before its lease is given back: a node that sees it gone, and asks then, knows why.</summary>
    private async Task SayThatItStops()
    {
        try
        {
            using var patience = new CancellationTokenSource(PatienceToSayThatItStops, Client.Time);
            await _registry!.ChangeMember(_self.Record(Directory, isVoter: _server is not null) with { StoppedEpoch = Epoch }, patience.Token);
        }
        catch (Exception exception) when (exception is Grpc.Core.RpcException or OperationCanceledException)
        {
            LogNotSaid(_logger, exception.Message);
        }
    }

    private LinkListener Listen()
    {
        try
        {
            return LinkListener.Start(_self.Links, Links);
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.AddressAlreadyInUse)
        {
            throw new ClusterException(
                $"Another process has the port of the links, {_self.Links}: another node on this machine, perhaps this one, started before. `ss -ltnp` shows which it is. End it, or give this node another Cluster:Port.", exception);
        }
        catch (SocketException exception)
        {
            throw new ClusterException($"Other nodes cannot be listened for at {_self.Links}: {exception.Message}. Cluster:Address has to be an address of this machine.", exception);
        }
    }

    private async Task Enter(CancellationToken cancellation)
    {
        _server = await new ClusterEntry(_self, _state, _twins, _loggers).Enter(cancellation);
        _client = _self.NewClient(ClusterEntry.Endpoints(_self, _server is not null, _state.File.Members));
        _registry = new Registry(_client);
        var known = await _registry.FindMember(Self, cancellation);
        if (_state.File.IsRegistered && known?.Directory != Directory) throw new RemovedException(Self);
        foreach (var left in _state.File.Left) await _registry.Delete(left, cancellation);
        await _twins.Refuse(_registry, cancellation);
        // As long as it has not said that it runs, its last start counts.
        var record = _self.Record(Directory, isVoter: _server is not null) with { StoppedEpoch = known?.StoppedEpoch ?? 0 };
        await _registry.PutMember(record, cancellation);
        // Until the view knows better: those that begin the cluster with this one may not have come so far yet.
        // One that was given up, and is one of the majority that has come: it was not meant.
        _state.Save(_state.File with { IsRegistered = true, GivenUp = [], Members = [.. _state.File.Members.Where(member => member.Name != Self), record] });
        _state.Epoch = await new DefinitionsLog(_client).NewEpoch(_self.Options.EpochAbove, cancellation);
        _state.IsReady = true;
        _view = new ClusterView(Self, _registry, FollowMembers, Fail, _self.Time, _logger);
        if (_server is null) return;
        _ = EndIfRemoved(_server);
        _maintenance = new EtcdMaintenance(_self.NewClient([_self.OwnEtcd]), Self, EtcdServerOptions.StoredBytesMaxDefault, _loggers.CreateLogger<EtcdMaintenance>());
        _maintenance.Begin();
    }

    /// <summary>On the view's loop.</summary>
    private async Task FollowMembers(ImmutableArray<MemberRecord> members)
    {
        var before = _state.File.Members;
        if (members.All(member => member.Name != Self))
        {
            Fail(new RemovedException(Self));
            return;
        }
        Client.UseEndpoints(ClusterEntry.Endpoints(_self, _server is not null, members));
        var addresses = members.ToDictionary(member => member.Name, member => member.Links);
        foreach (var gone in before.Where(member => member.Name != Self && (!addresses.TryGetValue(member.Name, out var address) || !address.Equals(member.Links)))) await Links.Remove(gone.Name);
        foreach (var (node, address) in addresses.Where(each => each.Key != Self)) Links.Add(node, address);
        try
        {
            _state.Save(_state.File with { Members = members });
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            LogNotSaved(_logger, _self.Folder, exception.Message);
        }
    }

    private async Task RemoveFromEtcd(MemberRecord member, CancellationToken cancellation)
    {
        var members = new EtcdMembers(Client);
        var url = new EtcdPeer(member.Name, member.Links.Address, member.Port + 1).Url;
        foreach (var found in (await members.List(cancellation)).Where(each => each.Name == member.Name || (!each.IsStarted && each.PeerUrls.Contains(url)))) await members.Remove(found.Id, cancellation);
    }

    private void CheckThatOthersStay(ImmutableArray<MemberRecord> members)
    {
        var others = View.Nodes.Where(node => node.IsRunning && node.Name != Self).Select(node => node.Name).ToHashSet();
        if (others.Count == 0) throw new ClusterException("You cannot leave a cluster if no online nodes are present.");
        if (_server is not null && !members.Any(member => member.IsVoter && member.Name != Self))
            throw new ClusterException("You cannot reset a node when it is the only disc node in a cluster. Start another node of it again first: it runs etcd then.");
    }

    private async Task<(string? Leader, ImmutableArray<EtcdAlarm> Alarms, string? Failure)> EtcdStatus(CancellationToken cancellation)
    {
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(2 * Client.Options.CallMs);
            var members = new EtcdMembers(Client);
            var leader = await members.Leader(patience.Token);
            var names = (await members.List(patience.Token)).ToDictionary(member => member.Id, member => member.Name);
            var alarms = await EtcdMaintenance.Alarms(Client, patience.Token);
            return (leader?.Name, [.. alarms.Select(alarm => new EtcdAlarm(names.GetValueOrDefault(alarm.MemberID, ""), EtcdMaintenance.NameOf(alarm.Alarm)))], null);
        }
        catch (Exception exception) when (exception is Grpc.Core.RpcException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            return (null, [], "etcd does not answer: a majority of its members is not there, or cannot be reached from here");
        }
    }

    private async Task EndIfRemoved(EtcdServer server)
    {
        await server.Removed;
        Fail(new RemovedException(Self));
    }

    private void Fail(Exception exception)
    {
        if (Volatile.Read(ref _isDisposed) != 0 || Interlocked.Exchange(ref _hasFailed, 1) != 0) return;
        _failed(exception);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "That this node is stopped in order could not be written to etcd ({Reason}). The others take it for failed: for queues that have no other copy in sync, ha-promote-on-failure counts, and not ha-promote-on-shutdown")]
    private static partial void LogNotSaid(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node} is a member of its cluster and runs, with epoch {Epoch}")]
    private static partial void LogOpen(ILogger logger, string node, uint epoch);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} was removed from the cluster")]
    private static partial void LogForgotten(ILogger logger, string node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} has left its cluster, and what it knew of it is deleted")]
    private static partial void LogLeft(ILogger logger, string node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "What this node knows of the others could not be written to {Folder} ({Reason}). It needs that when all nodes were down and it does not run etcd")]
    private static partial void LogNotSaved(ILogger logger, string folder, string reason);
}
