using System.Globalization;
using System.Net;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using ClusterClient = Etcdserverpb.Cluster.ClusterClient;

namespace Amqp.Cluster.Etcd;

/// <summary>
/// Who is a member of etcd. A change is refused for some seconds after another one, or after a start, and may have happened though its call failed: so each is
/// tried until it is seen to have happened, and the caller says for how long.
/// </summary>
public sealed class EtcdMembers(EtcdClient client)
{
    private static readonly TimeSpan PauseBetweenTries = TimeSpan.FromMilliseconds(250);

    private static readonly EtcdMember NoRoom = new(0, "", [], IsLearner: true);

    /// <summary>All members, as of a moment after the call began.</summary>
    public async Task<IReadOnlyList<EtcdMember>> List(CancellationToken cancellation)
    {
        // A member tells what it knows, which may be old. After it has answered this read it knows all that happened before.
        var current = new RangeRequest { Key = ByteString.CopyFromUtf8(client.Prefix), KeysOnly = true };
        var answer = await client.Read(async (channel, options) =>
        {
            await new KV.KVClient(channel).RangeAsync(current, options);
            return await new ClusterClient(channel).MemberListAsync(new MemberListRequest(), options);
        }, cancellation);
        return [.. answer.Members.Select(member => new EtcdMember(member))];
    }

    /// <summary>The member that leads; null: none does.</summary>
    public async Task<EtcdMember?> Leader(CancellationToken cancellation)
    {
        var status = await client.Read((channel, options) => new Maintenance.MaintenanceClient(channel).StatusAsync(new StatusRequest(), options).ResponseAsync, cancellation);
        return (await List(cancellation)).FirstOrDefault(member => member.Id == status.Leader);
    }

    /// <summary>
    /// Adds one that does not vote yet. Etcd takes one such at a time; while there is another this waits. Added already, and not started since: that is it.
    /// </summary>
    /// <returns>Its number, and what it has to be started with.</returns>
    /// <exception cref="InvalidOperationException">A member with this address was started already: it has to be removed first.</exception>
    /// <exception cref="OperationCanceledException">Etcd did not take it until then; the message says why.</exception>
    public async Task<(ulong Id, IReadOnlyList<EtcdPeer> InitialCluster)> AddLearner(EtcdPeer joiner, CancellationToken cancellation) =>
        (await AddLearner(joiner, membersMax: int.MaxValue, cancellation))!.Value;

    /// <summary>The same, if it is one of so many members at most.</summary>
    /// <returns>Null: there are as many without it.</returns>
    /// <exception cref="InvalidOperationException">A member with this address was started already: it has to be removed first.</exception>
    /// <exception cref="OperationCanceledException">Etcd did not take it until then; the message says why.</exception>
    public async Task<(ulong Id, IReadOnlyList<EtcdPeer> InitialCluster)?> AddLearner(EtcdPeer joiner, int membersMax, CancellationToken cancellation)
    {
        var request = new MemberAddRequest { IsLearner = true, PeerURLs = { joiner.Url } };
        var (added, members) = await Change(
            $"adding {joiner}", Added, (channel, options) => new ClusterClient(channel).MemberAddAsync(request, options).ResponseAsync, cancellation);
        return added == NoRoom ? null : (added.Id, [.. members.Select(member => member.Id == added.Id ? joiner : member.Peer)]);

        EtcdMember? Added(IReadOnlyList<EtcdMember> members)
        {
            var found = members.FirstOrDefault(member => member.PeerUrls.Contains(joiner.Url));
            if (found is null) return members.Count < membersMax ? null : NoRoom;
            if (found is { IsLearner: true, IsStarted: false }) return found;
            throw new InvalidOperationException($"The cluster has a member at {joiner.Url} already, {found.Name}. If it has lost its data it has to be removed from the cluster before it joins again.");
        }
    }

    /// <summary>Lets it vote, as soon as it has what the others have.</summary>
    /// <exception cref="InvalidOperationException">It is no member any more.</exception>
    /// <exception cref="OperationCanceledException">It did not catch up until then, or not enough others are there; the message says which.</exception>
    public Task Promote(ulong id, CancellationToken cancellation)
    {
        var request = new MemberPromoteRequest { ID = id };
        return Change($"promoting {id:x}", Promoted, (channel, options) => new ClusterClient(channel).MemberPromoteAsync(request, options).ResponseAsync, cancellation);

        EtcdMember? Promoted(IReadOnlyList<EtcdMember> members)
        {
            var found = members.FirstOrDefault(member => member.Id == id) ?? throw new InvalidOperationException($"The member {id:x} was removed from the cluster.");
            return found.IsLearner ? null : found;
        }
    }

    /// <summary>Takes it out, if it is there. Its process ends by itself, if it hears of it; its data are of no use any more. A member cannot see its own removal: that is for another one to do.</summary>
    /// <exception cref="OperationCanceledException">Etcd did not do that until then, as when too few of the others are there; the message says why.</exception>
    public Task Remove(ulong id, CancellationToken cancellation)
    {
        var request = new MemberRemoveRequest { ID = id };
        return Change(
            $"removing {id:x}",
            members => members.All(member => member.Id != id) ? members : null,
            (channel, options) => new ClusterClient(channel).MemberRemoveAsync(request, options).ResponseAsync,
            cancellation);
    }

    /// <param name="done">What came of it; null: it has not happened yet.</param>
    private async Task<(T Done, IReadOnlyList<EtcdMember> Members)> Change<T, TAnswer>(
        string what, Func<IReadOnlyList<EtcdMember>, T?> done, Func<GrpcChannel, CallOptions, Task<TAnswer>> change, CancellationToken cancellation)
        where T : class
    {
        var refused = "nothing";
        try
        {
            while (true)
            {
                var members = await List(cancellation);
                if (done(members) is { } result) return (result, members);
                try
                {
                    await client.Once(change, cancellation);
                }
                catch (RpcException exception) when (EtcdClient.IsTransient(exception) || exception.StatusCode is StatusCode.FailedPrecondition or StatusCode.NotFound)
                {
                    if (!cancellation.IsCancellationRequested) refused = exception.Status.Detail;
                    await Task.Delay(PauseBetweenTries, client.Time, cancellation);
                }
            }
        }
        catch (OperationCanceledException exception)
        {
            throw new OperationCanceledException($"{what} has not happened. What etcd said last: {refused}", exception, cancellation);
        }
    }
}

/// <summary>A member of etcd.</summary>
/// <param name="Id">Of this membership: one that is removed and added again gets another.</param>
/// <param name="Name">Empty: it was added, and has never been started.</param>
/// <param name="PeerUrls">Where the others reach it.</param>
/// <param name="IsLearner">It gets everything and does not vote.</param>
public sealed record EtcdMember(ulong Id, string Name, IReadOnlyList<string> PeerUrls, bool IsLearner)
{
    internal EtcdMember(Member member)
        : this(member.ID, member.Name, [.. member.PeerURLs], member.IsLearner)
    {
    }

    public bool IsStarted => Name.Length > 0;

    /// <summary>As it stands in the list of an initial cluster, where etcd compares addresses only: one without a name gets one.</summary>
    internal EtcdPeer Peer
    {
        get
        {
            var url = new Uri(PeerUrls[0]);
            return new EtcdPeer(IsStarted ? Name : Id.ToString("x", CultureInfo.InvariantCulture), IPAddress.Parse(url.Host), url.Port);
        }
    }
}
