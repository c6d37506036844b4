using System.Buffers.Binary;
using System.Collections.Immutable;
using Amqp.Cluster.Etcd;
using Amqp.Core;
using Amqp.Core.Topology;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;

namespace Amqp.Cluster.Metadata;

/// <summary>
/// The definitions of a cluster in etcd: a snapshot, and a log of what was changed since. Each entry of the log has a number, and who makes it first has it; so
/// all nodes see the same changes in the same order, and a change that was made on an older basis does not happen. An entry can only follow one that is there: a snapshot leaves
/// the last one, so that a node that is far behind does not take a number which the snapshot has made free.
/// </summary>
internal sealed class DefinitionsLog(EtcdClient client)
{

    private readonly string _log = client.Prefix + "definitions/log/";
    private readonly string _snapshot = client.Prefix + "definitions/snapshot";
    private readonly string _parts = client.Prefix + "definitions/parts/";
    private readonly string _epoch = client.Prefix + "epoch";

    /// <summary>A number that nothing of this cluster had before; they grow.</summary>
    /// <param name="above">It is above that, too.</param>
    public async Task<uint> NewEpoch(uint above, CancellationToken cancellation)
    {
        while (true)
        {
            var known = await client.Get(_epoch, cancellation);
            var next = Math.Max(above, known is null ? 0 : BinaryPrimitives.ReadUInt32BigEndian(known.Value.Span)) + 1;
            var bytes = new byte[sizeof(uint)];
            BinaryPrimitives.WriteUInt32BigEndian(bytes, next);
            try
            {
                var request = new TxnRequest { Compare = { IsAsOf(_epoch, known) }, Success = { Put(_epoch, bytes) } };
                if ((await client.Transact(request, cancellation)).Succeeded) return next;
            }
            catch (RpcException exception) when (EtcdClient.IsTransient(exception) && !cancellation.IsCancellationRequested)
            {
                // If it happened, that number is used by nothing.
            }
        }
    }

    /// <summary>Makes a new cluster's first snapshot, if there is none.</summary>
    public async Task Create(TopologySnapshot first, CancellationToken cancellation)
    {
        while (await client.Get(_snapshot, cancellation) is null)
        {
            try
            {
                await WriteSnapshot(first, sequence: 0, before: null, cancellation);
            }
            catch (RpcException exception) when (EtcdClient.IsTransient(exception) && !cancellation.IsCancellationRequested)
            {
                // It may have happened.
            }
        }
    }

    /// <summary>All that is there, as of one moment; null: nothing is, the cluster has not been made.</summary>
    /// <exception cref="FormatException">A newer version wrote it.</exception>
    public async Task<LoadedDefinitions?> Load(CancellationToken cancellation)
    {
        var (revision, found) = await client.List(client.Prefix + "definitions/", revision: 0, cancellation);
        if (found.Find(value => value.Key == _snapshot) is not { } stored) return null;
        var snapshot = DefinitionsEntry.Read(stored.Value);
        var parts = found.Where(value => value.Key.StartsWith(_parts, StringComparison.Ordinal)).ToLookup(value => value.Key[_parts.Length..].Split('/')[0]);
        var topology = Replay(TopologySnapshot.Initial, Changes(snapshot)).NumberingQueuesAbove(snapshot.LastQueue);
        var (sequence, bytes) = (snapshot.Sequence, 0L);
        foreach (var value in found.Where(value => value.Key.StartsWith(_log, StringComparison.Ordinal)))
        {
            if (SequenceOf(value) <= snapshot.Sequence) continue;
            sequence = SequenceOf(value);
            topology = Replay(topology, Changes(DefinitionsEntry.Read(value.Value)));
            bytes += value.Value.Length;
        }
        return new LoadedDefinitions(topology.UnderPolicies(), sequence, revision, stored, bytes);

        IEnumerable<TopologyChange> Changes(DefinitionsEntry entry) =>
            entry.Changes.Concat(entry.Parts == 0 ? [] : parts[$"{entry.Id:N}"].SelectMany(part => DefinitionsEntry.ReadPart(part.Value)));
    }

    /// <summary>The snapshot as it is stored now.</summary>
    public Task<EtcdValue?> Snapshot(CancellationToken cancellation) => client.Get(_snapshot, cancellation);

    /// <summary>An entry that came, whole.</summary>
    public async Task<(Guid Id, ImmutableArray<TopologyChange> Changes)> Read(EtcdValue value, CancellationToken cancellation)
    {
        var entry = DefinitionsEntry.Read(value.Value);
        if (entry.Parts == 0) return (entry.Id, entry.Changes);
        // As of then: a snapshot may have taken their place.
        var (_, parts) = await client.List(PartsOf(entry.Id), value.Created, cancellation);
        return (entry.Id, [.. parts.SelectMany(part => DefinitionsEntry.ReadPart(part.Value))]);
    }

    /// <summary>The entries that there are, as of one moment.</summary>
    public Task<(long Revision, List<EtcdValue> Values)> Entries(CancellationToken cancellation) => client.List(_log, revision: 0, cancellation);

    /// <summary>What comes from a revision on.</summary>
    public EtcdWatch Watch(long from, Action<EtcdValue> changed, Microsoft.Extensions.Logging.ILogger logger) => new(client, _log, from, changed, logger);

    public long SequenceOf(EtcdValue value) =>
        DecimalDigits.TryParse(value.Key.AsSpan(_log.Length), out var sequence) ? sequence : throw new FormatException($"'{value.Key}' is no entry of the definitions");

    /// <summary>Writes the changes for an entry to come.</summary>
    public async Task<DefinitionsEntry> Prepare(Guid id, IEnumerable<TopologyChange> changes, CancellationToken cancellation)
    {
        var all = changes.ToImmutableArray();
        var entry = new DefinitionsEntry(id, all, Parts: 0);
        if (all.Length <= 1 || entry.ToBytes().Length <= DefinitionsEntry.PartBytesMax) return entry;
        return entry with { Changes = [], Parts = await WriteParts(entry.Id, all, cancellation) };
    }

    /// <summary>Asks for this entry to have this number. Who has it is seen in the log; asking again does no harm.</summary>
    /// <exception cref="RpcException">It failed, and may have happened.</exception>
    public Task Propose(long sequence, DefinitionsEntry entry, CancellationToken cancellation)
    {
        var key = KeyOf(sequence);
        var request = new TxnRequest { Compare = { IsNew(key), IsThere(KeyOf(sequence - 1)) }, Success = { Put(key, entry.ToBytes()) } };
        // They may have been swept by now, if this comes late.
        if (entry.Parts > 0) request.Compare.Add(IsThere($"{PartsOf(entry.Id)}{0:d8}"));
        return client.Transact(request, cancellation);
    }

    /// <summary>Puts a snapshot in the place of the log up to a number.</summary>
    /// <param name="before">The snapshot that it is to follow; if another one does by now, nothing happens. Null: the first one.</param>
    /// <returns>It, or null.</returns>
    /// <exception cref="RpcException">It failed, and may have happened; the log is whole in any case.</exception>
    public async Task<EtcdValue?> WriteSnapshot(TopologySnapshot topology, long sequence, EtcdValue? before, CancellationToken cancellation)
    {
        var id = Guid.NewGuid();
        var parts = await WriteParts(id, topology.AsChanges(), cancellation);
        var value = new DefinitionsEntry(id, [], parts) { Sequence = sequence, LastQueue = topology.LastQueueId }.ToBytes();
        var request = new TxnRequest { Compare = { IsAsOf(_snapshot, before) }, Success = { Put(_snapshot, value), Delete(_log, KeyOf(sequence)) } };
        if (before is null) request.Success.Add(Put(KeyOf(sequence), new DefinitionsEntry(id, [], Parts: 0).ToBytes()));
        var answer = await client.Transact(request, cancellation);
        if (!answer.Succeeded) return null;
        if (before is not null) await Sweep(before.Changed, cancellation);
        return new EtcdValue(_snapshot, value, answer.Header.Revision, answer.Header.Revision);
    }

    /// <summary>Parts from before the last snapshot are those of it, of entries that it replaced, and of commits that never came to be.</summary>
    private async Task Sweep(long revision, CancellationToken cancellation)
    {
        var (_, parts) = await client.List(_parts, revision: 0, cancellation, keysOnly: true);
        foreach (var id in parts.Where(part => part.Created < revision).Select(part => part.Key[_parts.Length..].Split('/')[0]).Distinct())
            await client.Transact(new TxnRequest { Success = { Delete($"{_parts}{id}/") } }, cancellation);
    }

    private async Task<int> WriteParts(Guid id, IEnumerable<TopologyChange> changes, CancellationToken cancellation)
    {
        var count = 0;
        foreach (var part in DefinitionsEntry.Split(changes))
            await client.Transact(new TxnRequest { Success = { Put($"{PartsOf(id)}{count++:d8}", part) } }, cancellation);
        return count;
    }

    private string KeyOf(long sequence) => $"{_log}{sequence:d16}";

    private string PartsOf(Guid id) => $"{_parts}{id:N}/";

    private static TopologySnapshot Replay(TopologySnapshot topology, IEnumerable<TopologyChange> changes)
    {
        foreach (var change in changes)
            topology = TopologyReducer.Replay(topology, change)?.Topology ?? throw new FormatException($"The definitions in etcd cannot be repeated: {change} needs what is not there.");
        return topology;
    }

    private static Compare IsNew(string key) => new() { Key = ByteString.CopyFromUtf8(key), Target = Compare.Types.CompareTarget.Create, Result = Compare.Types.CompareResult.Equal, CreateRevision = 0 };

    private static Compare IsThere(string key) => new() { Key = ByteString.CopyFromUtf8(key), Target = Compare.Types.CompareTarget.Create, Result = Compare.Types.CompareResult.Greater, CreateRevision = 0 };

    private static Compare IsAsOf(string key, EtcdValue? known) => known is null
        ? IsNew(key)
        : new() { Key = ByteString.CopyFromUtf8(key), Target = Compare.Types.CompareTarget.Mod, Result = Compare.Types.CompareResult.Equal, ModRevision = known.Changed };

    private static RequestOp Put(string key, ReadOnlyMemory<byte> value) =>
        new() { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFrom(value.Span) } };

    private static RequestOp Delete(string prefix) =>
        new() { RequestDeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(prefix), RangeEnd = EtcdClient.EndOf(prefix) } };

    private static RequestOp Delete(string from, string end) =>
        new() { RequestDeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(from), RangeEnd = ByteString.CopyFromUtf8(end) } };
}

/// <summary>What etcd has of the definitions, as of one moment.</summary>
/// <param name="Sequence">The last number of the log.</param>
/// <param name="Revision">Of etcd, at that moment.</param>
/// <param name="Snapshot">As it is stored.</param>
/// <param name="LogBytes">What the log takes beside it.</param>
internal sealed record LoadedDefinitions(TopologySnapshot Topology, long Sequence, long Revision, EtcdValue Snapshot, long LogBytes);
