using System.Globalization;
using Amqp.Cluster.Etcd;
using Amqp.Core;
using Amqp.Core.Topology;
using Amqp.Replication;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Mirroring;

/// <summary>
/// Who has which mirrored queue, in etcd: a record for each queue that is mirrored or was, changed on condition of its revision only. A queue that never was has none: it is where its
/// definition says.
/// </summary>
internal sealed class QueueRecords(EtcdClient client)
{
    /// <summary>Changes in one request: two operations each, and etcd takes 128.</summary>
    public const int ChangesMax = 60;

    private readonly string _prefix = client.Prefix + "queues/";

    /// <summary>All that there are, as of one moment.</summary>
    /// <returns>The revision that they are of, and they.</returns>
    public async Task<(long Revision, List<QueueRecord> Records)> Load(CancellationToken cancellation)
    {
        var (revision, values) = await client.List(_prefix, revision: 0, cancellation);
        return (revision, values.ConvertAll(Of));
    }

    /// <summary>What changes from a revision on, until that is cancelled.</summary>
    public Task Watch(long from, Action<QueueRecord> changed, ILogger logger, CancellationToken cancellation) =>
        new EtcdWatch(client, _prefix, from, value => changed(Of(value)), logger).Run(cancellation);

    /// <summary>The record as it is stored now; null: there is none.</summary>
    public async Task<QueueConfiguration?> Get(QueueId queue, CancellationToken cancellation) =>
        await client.Get(KeyOf(queue), cancellation) is { } value ? Of(value).Configuration : null;

    /// <summary>Asks for changes, each of which happens if the record still has the revision that its <see cref="QueueChange.Revision"/> says (0: there is none).</summary>
    /// <param name="changes">At most <see cref="ChangesMax"/>, each of another queue.</param>
    /// <returns>What is stored then, of each; less if the store cannot say.</returns>
    public async Task<IReadOnlyList<QueueRecord>> Propose(IReadOnlyList<QueueChange> changes, CancellationToken cancellation)
    {
        try
        {
            var request = new TxnRequest();
            foreach (var change in changes)
            {
                request.Compare.Add(Is(change));
                request.Success.Add(new RequestOp
                {
                    RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(KeyOf(change.Queue)), Value = ByteString.CopyFrom(QueueConfigurationJson.ToBytes(change.Configuration).Span) },
                });
                request.Failure.Add(new RequestOp { RequestRange = new RangeRequest { Key = ByteString.CopyFromUtf8(KeyOf(change.Queue)) } });
            }
            var answer = await client.Transact(request, cancellation);
            if (answer.Succeeded) return [.. changes.Select(change => new QueueRecord(change.Queue, change.Configuration with { Revision = answer.Header.Revision }))];
            // These are of the same moment, so that one of them at least has another revision. The others must not suffer for that.
            var there = answer.Responses.Select(response => response.ResponseRange.Kvs.Select(found => Of(new EtcdValue(found))).FirstOrDefault()).ToList();
            var outdated = there.Where((record, index) => record is not null && record.Configuration.Revision != changes[index].Revision);
            QueueChange[] others = [.. changes.Where((change, index) => (there[index]?.Configuration.Revision ?? 0) == change.Revision)];
            return [.. outdated.OfType<QueueRecord>(), .. others.Length == 0 ? [] : await Propose(others, cancellation)];
        }
        catch (RpcException exception) when (EtcdClient.IsTransient(exception) && !cancellation.IsCancellationRequested)
        {
            return []; // it may have happened; then the watch tells it
        }
    }

    /// <summary>The queues are deleted. That a record is left behind does no harm: it is removed when a node next starts.</summary>
    public async Task Remove(IReadOnlyCollection<QueueId> queues, CancellationToken cancellation)
    {
        foreach (var some in queues.Chunk(ChangesMax))
        {
            var request = new TxnRequest();
            foreach (var queue in some) request.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(KeyOf(queue)) } });
            try
            {
                await client.Transact(request, cancellation);
            }
            catch (RpcException exception) when (EtcdClient.IsTransient(exception) && !cancellation.IsCancellationRequested)
            {
                // As above.
            }
        }
    }

    private Compare Is(QueueChange change) => new()
    {
        Key = ByteString.CopyFromUtf8(KeyOf(change.Queue)),
        Target = Compare.Types.CompareTarget.Mod,
        Result = Compare.Types.CompareResult.Equal,
        ModRevision = change.Revision,
    };

    private string KeyOf(QueueId queue) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}{queue.Value}");

    private QueueRecord Of(EtcdValue value) => DecimalDigits.TryParse(value.Key.AsSpan(_prefix.Length), out var id)
        ? new QueueRecord(new QueueId(id), QueueConfigurationJson.Read(value.Value, value.Changed))
        : throw new FormatException($"'{value.Key}' is no record of a queue");
}

/// <summary>What etcd has of a queue.</summary>
internal sealed record QueueRecord(QueueId Queue, QueueConfiguration Configuration);

/// <summary>A change that is wanted.</summary>
/// <param name="Revision">Of the record that it is to follow; 0: there is to be none.</param>
internal sealed record QueueChange(QueueId Queue, long Revision, QueueConfiguration Configuration);
