using System.Threading.Channels;
using Amqp.Cluster.Etcd;
using Amqp.Core.Ports;
using Amqp.Core.Topology;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Metadata;

/// <summary>
/// The topology of a cluster, in etcd (<see cref="DefinitionsLog"/>). A commit asks for the next number of the log, again and again until that is decided
/// by what the log then has under that number, as this node sees it: its own entry, and it is done; another one's, and it is a conflict. So everything that
/// this node tells is told in the order of the log.
/// <code>
/// log:        40   41   42                 this node has told up to 42, and commits for 43
///                            43 = own      Done
///                            43 = other    told to the topology service; Conflict
///                            nothing       for CommitMs: Unknown; if it comes later, it is told as another one's
/// </code>
/// One loop owns the state; it is given what the watch sees and what is committed.
/// </summary>
public sealed partial class EtcdMetadataStore : IMetadataStore, IAsyncDisposable
{
    private static readonly TimeSpan PauseBetweenTries = TimeSpan.FromMilliseconds(100);

    private readonly DefinitionsLog _log;
    private readonly EtcdOptions _options;
    private readonly TimeProvider _time;
    private readonly TopologySnapshot? _first;
    private readonly ILogger<EtcdMetadataStore> _logger;
    private readonly Action<Exception> _failed;
    private readonly CancellationTokenSource _ended = new();
    private readonly Channel<Mail> _mail = Channel.CreateUnbounded<Mail>(new UnboundedChannelOptions { SingleReader = true });
    private Task _running = Task.CompletedTask;

    // The loop's.
    private Action<StoredChanges> _changed = _ => { };
    private Commitment? _pending;
    private long _sequence;
    private EtcdValue? _snapshot;
    private long _logBytes;
    private long _snapshotAt;

    /// <param name="first">What a cluster begins with that this node is to make; null: another one makes it, and this one waits for that.</param>
    /// <param name="failed">Called once, when this node cannot follow the definitions any more: the process must end, and start again.</param>
    public EtcdMetadataStore(EtcdClient client, TopologySnapshot? first, ILogger<EtcdMetadataStore> logger, Action<Exception> failed)
    {
        (_log, _options, _time) = (new DefinitionsLog(client), client.Options, client.Time);
        (_first, _logger, _failed) = (first, logger, failed);
    }

    /// <summary>The log is replaced by a snapshot when it has grown so large, and larger than what was there at first. It is read when a node starts.</summary>
    public long LogBytesMax { get; init; } = 4 << 20;

    /// <summary>Milliseconds between two snapshots: parts of commits that are not decided yet must not be swept.</summary>
    public long SnapshotEveryMs { get; init; } = 60_000;

    /// <summary>Of this start, if it was taken already: the links to other nodes carry it too. Null: one is taken when the definitions are loaded.</summary>
    public uint? Epoch { get; init; }

    /// <summary>The other nodes; null: there are none.</summary>
    internal Followers? Followers { get; init; }

    /// <inheritdoc/>
    /// <exception cref="FormatException">A newer version wrote what is there.</exception>
    public async Task<StoredTopology> Load(Action<StoredChanges> changed, CancellationToken cancellation)
    {
        if (_first is not null) await _log.Create(_first, cancellation);
        LoadedDefinitions? loaded;
        while ((loaded = await _log.Load(cancellation)) is null)
        {
            LogWaits(_logger);
            await Task.Delay(TimeSpan.FromSeconds(1), _time, cancellation);
        }
        var epoch = Epoch ?? await _log.NewEpoch(above: 0, cancellation);
        (_changed, _sequence, _snapshot, _logBytes) = (changed, loaded.Sequence, loaded.Snapshot, loaded.LogBytes);
        _snapshotAt = _time.GetTimestamp();
        _running = Task.WhenAll(Watch(loaded.Revision + 1), Work());
        return new StoredTopology(loaded.Topology, loaded.Sequence, epoch, IsWhole: true);
    }

    /// <summary>Everything: other nodes have to know of transient queues, too.</summary>
    public bool Keeps(TopologyChange change) => true;

    /// <inheritdoc/>
    public void Commit(long basis, IReadOnlyList<TopologyResult> batch, Action<CommitAnswer> answered) =>
        _mail.Writer.TryWrite(new Mail(Commit: new Commitment(basis, batch, answered)));

    /// <inheritdoc/>
    public void Shown(long revision) => Followers?.Shown(revision);

    /// <inheritdoc/>
    public void WhenFollowed(long revision, Action then)
    {
        if (Followers is { } followers) followers.WhenFollowed(revision, then);
        else then();
    }

    /// <summary>Commits and tells nothing any more.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _running;
        _ended.Dispose();
    }

    private async Task Watch(long from)
    {
        try
        {
            while (!_ended.IsCancellationRequested)
            {
                try
                {
                    await _log.Watch(from, value => _mail.Writer.TryWrite(new Mail(Entry: value)), _logger).Run(_ended.Token);
                }
                catch (EtcdCompactedException)
                {
                    // Nothing was changed for so long that etcd has forgotten when that was; or else a snapshot has what is missing, and the next entry tells that.
                    var (revision, entries) = await _log.Entries(_ended.Token);
                    foreach (var entry in entries) _mail.Writer.TryWrite(new Mail(Entry: entry));
                    from = revision + 1;
                }
            }
        }
        catch (OperationCanceledException) when (_ended.IsCancellationRequested)
        {
            // It is over.
        }
#pragma warning disable CA1031 // Whatever ended it, the process must learn of it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            _failed(exception);
        }
    }

    private async Task Work()
    {
        try
        {
            await foreach (var mail in _mail.Reader.ReadAllAsync(_ended.Token))
            {
                if (mail.Entry is { } entry) await Take(entry);
                else if (mail.Commit is { } commit) Begin(commit);
                else if (mail.GivenUp is { } given && given == _pending) Decide(new CommitAnswer(CommitOutcome.Unknown, _sequence));
            }
        }
        catch (OperationCanceledException) when (_ended.IsCancellationRequested)
        {
            // It is over.
        }
#pragma warning disable CA1031 // Whatever ended the loop, the process must learn of it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            _failed(exception);
        }
    }

    private void Begin(Commitment commit)
    {
        _pending = commit;
        if (commit.Basis < _sequence) Decide(new CommitAnswer(CommitOutcome.Conflict, _sequence));
        else _ = ProposeUntilDecided(commit);
    }

    private void Decide(CommitAnswer answer)
    {
        var decided = _pending!;
        _pending = null;
        decided.Decided.Cancel();
        decided.Answered(answer);
    }

    /// <summary>What the log has next.</summary>
    private async Task Take(EtcdValue value)
    {
        var sequence = _log.SequenceOf(value);
        if (sequence <= _sequence) return;
        if (sequence > _sequence + 1) throw new InvalidOperationException($"number {sequence} of the definitions follows {_sequence}");
        var (id, changes) = await _log.Read(value, _ended.Token);
        _sequence = sequence;
        _logBytes += value.Value.Length;
        if (_pending is { } own && own.Id == id)
        {
            Decide(CommitAnswer.Done(sequence));
            await WriteSnapshotIfDue(own.Batch[^1].Topology);
            return;
        }
        _changed(new StoredChanges(sequence, changes));
        if (_pending is not null) Decide(new CommitAnswer(CommitOutcome.Conflict, sequence));
    }

    /// <summary>Asks until this node has seen what came of it, or for so long that its client is told that it is not known.</summary>
    private async Task ProposeUntilDecided(Commitment commit)
    {
        var begun = _time.GetTimestamp();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(commit.Decided.Token, _ended.Token);
        DefinitionsEntry? entry = null;
        try
        {
            while (_time.GetElapsedTime(begun).TotalMilliseconds < _options.CommitMs)
            {
                try
                {
                    entry ??= await _log.Prepare(commit.Id, commit.Batch.SelectMany(result => result.Changes), end.Token);
                    await _log.Propose(commit.Basis + 1, entry, end.Token);
                }
                catch (RpcException exception) when (EtcdClient.IsTransient(exception) && !end.IsCancellationRequested)
                {
                    LogTriedAgain(_logger, exception.Status.Detail);
                }
                await Task.Delay(PauseBetweenTries, _time, end.Token);
            }
        }
        catch (Exception exception) when (exception is RpcException or OperationCanceledException && end.IsCancellationRequested)
        {
            return;
        }
#pragma warning disable CA1031 // etcd refuses it: nothing of it happened, and its client is told that it is not known.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogRefused(_logger, exception);
        }
        _mail.Writer.TryWrite(new Mail(GivenUp: commit));
    }

    private async Task WriteSnapshotIfDue(TopologySnapshot topology)
    {
        if (_logBytes < LogBytesMax || _time.GetElapsedTime(_snapshotAt).TotalMilliseconds < SnapshotEveryMs) return;
        _snapshotAt = _time.GetTimestamp();
        try
        {
            var written = await _log.WriteSnapshot(topology, _sequence, _snapshot, _ended.Token);
            // If there is none, another node has been faster.
            (_snapshot, _logBytes) = (written ?? await _log.Snapshot(_ended.Token), 0);
            if (written is not null) LogSnapshot(_logger, _sequence);
        }
        catch (RpcException exception) when (EtcdClient.IsTransient(exception))
        {
            LogNoSnapshot(_logger, exception.Status.Detail);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The cluster has no definitions yet; waiting for the node that begins it")]
    private static partial void LogWaits(ILogger logger);

    [LoggerMessage(Level = LogLevel.Warning, Message = "etcd did not answer a change of definitions ({Reason}); it is asked again")]
    private static partial void LogTriedAgain(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "etcd refused a change of definitions")]
    private static partial void LogRefused(ILogger logger, Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Wrote a snapshot of the definitions in place of the log up to number {Sequence}")]
    private static partial void LogSnapshot(ILogger logger, long sequence);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A snapshot of the definitions was not written ({Reason}); the log goes on, and that is tried again later")]
    private static partial void LogNoSnapshot(ILogger logger, string reason);

    private readonly record struct Mail(EtcdValue? Entry = null, Commitment? Commit = null, Commitment? GivenUp = null);

    private sealed class Commitment(long basis, IReadOnlyList<TopologyResult> batch, Action<CommitAnswer> answered)
    {
        public long Basis => basis;

        public IReadOnlyList<TopologyResult> Batch => batch;

        public Action<CommitAnswer> Answered => answered;

        /// <summary>Of its entry.</summary>
        public Guid Id { get; } = Guid.NewGuid();

        /// <summary>Ends the asking.</summary>
        public CancellationTokenSource Decided { get; } = new();
    }
}
