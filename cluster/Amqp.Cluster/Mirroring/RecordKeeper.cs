using System.Threading.Channels;
using Amqp.Cluster.Etcd;
using Amqp.Core.Topology;
using Amqp.Replication;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Mirroring;

/// <summary>Asks etcd for what the copies of this node propose, many at a time, and tells what it has.</summary>
/// <param name="revisionOf">Of the record of a queue, as this node has last heard of it; 0: it has none.</param>
/// <param name="stored">Told of each record, as it is stored; from any thread, perhaps late or twice.</param>
/// <param name="asked">Told of each record that was asked for, as it is stored at that moment.</param>
/// <param name="failed">Called once, when this node cannot follow the records any more: the process must end, and start again.</param>
internal sealed partial class RecordKeeper(
    QueueRecords records, Func<QueueId, long> revisionOf, Action<QueueId, QueueConfiguration> stored, Action<QueueId, QueueConfiguration> asked, Action<Exception> failed, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan RetryEvery = TimeSpan.FromMilliseconds(500);

    // Each copy has one proposal at a time, and says it again after a second.
    private readonly Channel<QueueChange> _proposals = Channel.CreateUnbounded<QueueChange>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Channel<QueueId> _removals = Channel.CreateUnbounded<QueueId>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Channel<QueueId> _questions = Channel.CreateUnbounded<QueueId>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _ended = new();
    private Task _running = Task.CompletedTask;
    private long _revision;

    /// <summary>What is there. Called once.</summary>
    public async Task<IEnumerable<(QueueId Queue, QueueConfiguration Configuration)>> Load(CancellationToken cancellation)
    {
        var (revision, found) = await records.Load(cancellation);
        _revision = revision;
        return found.Select(record => (record.Queue, record.Configuration));
    }

    /// <summary>From here on changes are asked for, and told.</summary>
    public void Start() => _running = Task.WhenAll(Watch(), Propose(), Remove(), Answer());

    public void Propose(QueueChange change) => _proposals.Writer.TryWrite(change);

    public void Remove(QueueId queue) => _removals.Writer.TryWrite(queue);

    /// <summary>What is stored of the queue at this moment is to be told, and not what a watch tells, which may be late.</summary>
    public void Ask(QueueId queue) => _questions.Writer.TryWrite(queue);

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ended.Dispose();
    }

    private async Task Watch()
    {
        try
        {
            while (!_ended.IsCancellationRequested)
            {
                try
                {
                    await records.Watch(_revision + 1, record => stored(record.Queue, record.Configuration), logger, _ended.Token);
                }
                catch (EtcdCompactedException)
                {
                    // Etcd does not know any more what has changed since; what is there now is all that counts.
                    foreach (var (queue, configuration) in await Load(_ended.Token)) stored(queue, configuration);
                }
            }
        }
        catch (OperationCanceledException) when (_ended.IsCancellationRequested)
        {
            // It is over.
        }
#pragma warning disable CA1031 // Whatever ended it, the process must learn of it: this node would not hear who leads any more.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failed(exception);
        }
    }

    private async Task Propose()
    {
        var changes = new Dictionary<QueueId, QueueChange>();
        while (await _proposals.Reader.WaitToReadAsync(_ended.Token))
        {
            changes.Clear();
            while (changes.Count < QueueRecords.ChangesMax && _proposals.Reader.TryRead(out var change))
            {
                // Where ten thousand leaders are replaced, many changes are said again before it is their turn, and are done when it is. Of one queue the later one counts: the former was for the same
                // revision or an older one.
                if (change.Revision >= revisionOf(change.Queue)) changes[change.Queue] = change;
            }
            if (changes.Count == 0) continue;
            try
            {
                foreach (var record in await records.Propose([.. changes.Values], _ended.Token))
                {
                    changes.Remove(record.Queue);
                    stored(record.Queue, record.Configuration);
                }
            }
#pragma warning disable CA1031 // One that cannot be asked must not end the asking for others.
            catch (Exception exception) when (exception is not OperationCanceledException)
#pragma warning restore CA1031
            {
                LogRefused(logger, exception, changes.Count);
            }
            // A copy says again what has no answer; before the first record there is none that could.
            foreach (var change in changes.Values.Where(change => change.Revision == 0)) _ = ProposeAgain(change);
        }
    }

    private async Task ProposeAgain(QueueChange change)
    {
        await Task.Delay(RetryEvery, time, _ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Propose(change);
    }

    private async Task Answer()
    {
        await foreach (var queue in _questions.Reader.ReadAllAsync(_ended.Token))
        {
            try
            {
                if (await records.Get(queue, _ended.Token) is { } configuration) asked(queue, configuration);
            }
            catch (RpcException exception) when (EtcdClient.IsTransient(exception) && !_ended.IsCancellationRequested)
            {
                await Task.Delay(RetryEvery, time, _ended.Token);
                Ask(queue);
            }
        }
    }

    private async Task Remove()
    {
        var queues = new List<QueueId>();
        while (await _removals.Reader.WaitToReadAsync(_ended.Token))
        {
            queues.Clear();
            while (queues.Count < QueueRecords.ChangesMax && _removals.Reader.TryRead(out var queue)) queues.Add(queue);
            await records.Remove(queues, _ended.Token);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "etcd has refused changes of who has {Count} mirrored queues; they are asked for again")]
    private static partial void LogRefused(ILogger logger, Exception exception, int count);
}
