using System.Net;
using System.Security.Cryptography;
using Amqp.Broker;
using Amqp.Cluster.Membership;
using Amqp.Core.Messages;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Host.Options;
using Amqp.Management.Definitions;
using Amqp.Storage;
using Amqp.Storage.Messages;
using Amqp.Storage.Metadata;
using Amqp.Storage.Segments;
using Microsoft.Extensions.Logging;

namespace Amqp.Host;

/// <summary>A node and the stores under it, from the opening of the data directory to its closing: a process can have one after the
/// other.</summary>
internal sealed partial class RunningNode : IAsyncDisposable
{
    private readonly LocalMetadataStore _store;
    private readonly MessageStore _messages;
    private readonly HostedCluster? _cluster;
    private readonly TaskCompletionSource _unused = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _uses = 1;

    private RunningNode(LocalMetadataStore store, MessageStore messages, HostedCluster? cluster, BrokerNode node)
    {
        _store = store;
        _messages = messages;
        _cluster = cluster;
        Node = node;
    }

    public BrokerNode Node { get; }

    /// <summary>Where other nodes of its cluster reach it; null: it is in none.</summary>
    public IPEndPoint? ClusterListener => _cluster?.Listener;

    /// <param name="failed">Told when one of the stores can store no more, and which.</param>
    /// <param name="left">Told when the node cannot stay in its cluster, and why.</param>
    /// <param name="cancellation">Ends the waiting for other nodes.</param>
    /// <exception cref="RemovedException">The other nodes have removed it from their cluster.</exception>
    /// <exception cref="StorageException">The data directory cannot be used.</exception>
    /// <exception cref="OptionsException">The default user or the definitions that the options want cannot be made, or the node cannot be in the cluster that they want.</exception>
    public static async Task<RunningNode> Start(
        BrokerOptions options, DataDirectory directory, StoreEngine engine, ILoggerFactory logs, Action<Exception, string> failed, Action<Exception> left, CancellationToken cancellation)
    {
        var running = await Open(options, directory, engine, logs, failed, left, cancellation);
        try
        {
            if (options.Definitions.File.Length > 0) await running.ImportDefinitions(options.Definitions.File, logs.CreateLogger<RunningNode>());
            else await running.MakeDefaultUser(options.Security, logs.CreateLogger<RunningNode>());
            return running;
        }
        catch
        {
            await running.DisposeAsync();
            throw;
        }
    }

    /// <returns>Null: the node is being stopped. Else it is not stopped before that is disposed of.</returns>
    public IDisposable? Enter()
    {
        for (int uses; (uses = Volatile.Read(ref _uses)) > 0;)
        {
            if (Interlocked.CompareExchange(ref _uses, uses + 1, uses) == uses) return new Use(this);
        }
        return null;
    }

    /// <summary>No request can enter any more; completes when those that have entered are done.</summary>
    public Task Unused()
    {
        Leave();
        return _unused.Task;
    }

    /// <summary>Ends the node, whose clients should be gone, and closes the stores in order.</summary>
    public async ValueTask DisposeAsync()
    {
        await Node.Stop();
        _messages.Dispose();
        if (_cluster is not null) await _cluster.DisposeAsync();
        _store.Dispose();
    }

    private static async Task<RunningNode> Open(
        BrokerOptions options, DataDirectory directory, StoreEngine engine, ILoggerFactory logs, Action<Exception, string> failed, Action<Exception> left, CancellationToken cancellation)
    {
        LocalMetadataStore? store = null;
        MessageStore? messages = null;
        HostedCluster? cluster = null;
        try
        {
            if (options.Cluster.IsNone) await EndedCluster.TakeBack(options, directory, logs);
            store = LocalMetadataStore.Open(
                directory, TimeProvider.System, logs.CreateLogger<LocalMetadataStore>(), exception => Fail(exception, "Definitions"));
            messages = MessageStore.Open(directory, engine, store, logs.CreateLogger<MessageStore>(), exception => Fail(exception, "Messages"));
            if (!options.Cluster.IsNone) cluster = await HostedCluster.Join(options, directory, store, messages, logs, left, cancellation);
            var parts = new NodeParts(
                options.Node.Identity,
                options.Limits,
                store,
                messages,
                options.Security.Logins,
                new SystemResources(directory.FullPath),
                TimeProvider.System,
                logs)
            {
                DelayLevels = DelayLevels.Parse(options.Delays.Levels)!,
            };
            var node = await BrokerNode.Start(cluster is null ? parts : cluster.Give(parts), cancellation);
            if (cluster is not null) await cluster.Serve(node);
            return new RunningNode(store, messages, cluster, node);
        }
        catch
        {
            messages?.Dispose();
            if (cluster is not null) await cluster.DisposeAsync();
            store?.Dispose();
            throw;
        }

        void Fail(Exception exception, string what)
        {
            cluster?.HasFailed();
            failed(exception, what);
        }
    }

    private async Task ImportDefinitions(string path, ILogger logger)
    {
        try
        {
            await DefinitionFiles.Import(Node, path, logger);
        }
        catch (InvalidDataException exception)
        {
            throw new OptionsException($"Option Definitions:File: {exception.Message}.");
        }
        if (Node.Topology.Users.IsEmpty) LogNoUserIn(logger, path);
    }

    /// <summary>On the first start, when there is no user to log in as.</summary>
    private async Task MakeDefaultUser(SecurityOptions security, ILogger logger)
    {
        if (!Node.Topology.Users.IsEmpty) return;
        if (_store.WasDamaged)
        {
            LogUsersDamaged(logger, LocalMetadataStore.FileName);
            return;
        }
        var salt = RandomNumberGenerator.GetBytes(PasswordHash.SaltBytes);
        var result = await Node.Change(new Commands(
        [
            new AddVhost(security.DefaultVhost, new VhostMetadata(TopologySnapshot.DefaultVhostDescription, [])),
            new AddUser(security.DefaultUser, PasswordHash.Of(security.DefaultPassword, salt), [User.Administrator]),
            new SetPermissions(security.DefaultVhost, security.DefaultUser, Permissions.All),
            .. security.DefaultVhost != TopologySnapshot.DefaultVhost && _store.Opening == 1 ? Remove(TopologySnapshot.DefaultVhost) : [],
        ]));
        // In a cluster another node may have made it at this moment.
        if (result.Error is { } error && Node.Topology.Users.IsEmpty) throw new OptionsException($"The default user cannot be made: {error.Text}.");
        if (result.Error is null) LogUserMade(logger, security.DefaultUser, security.DefaultVhost);
    }

    private static TopologyCommand[] Remove(string vhost) => [new DeleteVhost(vhost)];

    private void Leave()
    {
        if (Interlocked.Decrement(ref _uses) == 0) _unused.SetResult();
    }

    private sealed class Use(RunningNode node) : IDisposable
    {
        public void Dispose() => node.Leave();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "No client can log in: there are no users, and none in the definitions of {Path}. Make one with amqpctl add_user")]
    private static partial void LogNoUserIn(ILogger logger, string path);

    [LoggerMessage(Level = LogLevel.Error, Message = "No client can log in: there are no users, perhaps because {File} was damaged, and so none is made. Restore a backup of the data directory; or, if there never were users, delete {File}.damaged-* and start again")]
    private static partial void LogUsersDamaged(ILogger logger, string file);

    [LoggerMessage(Level = LogLevel.Information, Message = "There was no user yet: made user '{User}' with all permissions in virtual host '{Vhost}'")]
    private static partial void LogUserMade(ILogger logger, string user, string vhost);
}
