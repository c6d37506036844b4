using Amqp.Cluster.Etcd;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>
/// Who is a member and who runs, in etcd.
/// <code>
/// members/rabbit@one     where it is and which directory it has; stays while the node is down
/// nodes/rabbit@one       the epoch of its start; under the node's lease, so it goes when the node does
/// </code>
/// What is written here may be written again: a call that failed is made again until it succeeds.
/// </summary>
internal sealed class Registry(EtcdClient client)
{
    private static readonly TimeSpan PauseBetweenTries = TimeSpan.FromMilliseconds(100);

    public string Members { get; } = $"{client.Prefix}members/";

    public string Nodes { get; } = $"{client.Prefix}nodes/";

    public async Task<MemberRecord?> FindMember(string node, CancellationToken cancellation) =>
        await client.Get(Members + node, cancellation) is { } found ? MemberRecord.Read(found.Value.Span) : null;

    /// <returns>Its record, and the revision of that; null and 0: it does not run.</returns>
    public async Task<(NodeRecord? Node, long Revision)> FindNode(string node, CancellationToken cancellation) =>
        await client.Get(Nodes + node, cancellation) is { } found ? (NodeRecord.Read(found.Value.Span), found.Changed) : (null, 0);

    /// <summary>All members, and the revision that they are of.</summary>
    public async Task<(long Revision, List<MemberRecord> Members)> ListMembers(CancellationToken cancellation)
    {
        var (revision, found) = await client.List(Members, revision: 0, cancellation);
        return (revision, [.. found.Select(each => MemberRecord.Read(each.Value.Span)).OfType<MemberRecord>()]);
    }

    /// <summary>All nodes that run, and the revision that they are of.</summary>
    public async Task<(long Revision, List<NodeRecord> Nodes)> ListNodes(CancellationToken cancellation)
    {
        var (revision, found) = await client.List(Nodes, revision: 0, cancellation);
        return (revision, [.. found.Select(each => NodeRecord.Read(each.Value.Span)).OfType<NodeRecord>()]);
    }

    public Task PutMember(MemberRecord member, CancellationToken cancellation) => Until(new TxnRequest { Success = { Put(Members + member.Name, member.ToBytes(), lease: 0) } }, cancellation);

    /// <summary>Says how a member is, if it is still one. Tried until etcd answers: it may be choosing a leader, since the node that is stopped next is often not the first.</summary>
    public Task ChangeMember(MemberRecord member, CancellationToken cancellation) => Until(
        new TxnRequest
        {
            Compare = { new Compare { Key = Key(Members + member.Name), Target = Compare.Types.CompareTarget.Create, Result = Compare.Types.CompareResult.Greater, CreateRevision = 0 } },
            Success = { Put(Members + member.Name, member.ToBytes(), lease: 0) },
        },
        cancellation);

    /// <summary>Takes it out of both lists.</summary>
    public Task Delete(string node, CancellationToken cancellation) => Until(new TxnRequest { Success = { Delete(Members + node), Delete(Nodes + node) } }, cancellation);

    /// <summary>Deletes all that the cluster has in etcd: its last node leaves it.</summary>
    public Task Clear(CancellationToken cancellation) => Until(
        new TxnRequest { Success = { new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Key(client.Prefix), RangeEnd = EtcdClient.EndOf(client.Prefix) } } } }, cancellation);

    /// <summary>Says that a node runs, if it is a member, and if nothing else was said since the revision that its caller has looked at. Tried once.</summary>
    /// <param name="revision">Of its record; 0: there was none.</param>
    /// <exception cref="RpcException">It failed, and may have happened.</exception>
    public async Task<bool> PutNode(NodeRecord node, long revision, long lease, CancellationToken cancellation)
    {
        var request = new TxnRequest
        {
            Compare =
            {
                new Compare { Key = Key(Nodes + node.Name), Target = Compare.Types.CompareTarget.Mod, Result = Compare.Types.CompareResult.Equal, ModRevision = revision },
                new Compare { Key = Key(Members + node.Name), Target = Compare.Types.CompareTarget.Create, Result = Compare.Types.CompareResult.Greater, CreateRevision = 0 },
            },
            Success = { Put(Nodes + node.Name, node.ToBytes(), lease) },
        };
        return (await client.Transact(request, cancellation)).Succeeded;
    }

    /// <summary>What happens to members, or to nodes that run.</summary>
    public EtcdWatch Watch(string prefix, long from, Action<EtcdValue> changed, Action<string> removed, ILogger logger) =>
        new(client, prefix, from, changed, logger, key => removed(key[prefix.Length..]));

    private static ByteString Key(string key) => ByteString.CopyFromUtf8(key);

    private static RequestOp Put(string key, byte[] value, long lease) => new() { RequestPut = new PutRequest { Key = Key(key), Value = ByteString.CopyFrom(value), Lease = lease } };

    private static RequestOp Delete(string key) => new() { RequestDeleteRange = new DeleteRangeRequest { Key = Key(key) } };

    private async Task Until(TxnRequest request, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await client.Transact(request, cancellation);
                return;
            }
            catch (RpcException exception) when (EtcdClient.IsTransient(exception))
            {
                await Task.Delay(PauseBetweenTries, client.Time, cancellation);
            }
        }
    }
}
