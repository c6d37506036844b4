using System.Net;
using System.Net.Sockets;
using Amqp.Cluster.Etcd;
using Amqp.Cluster.Security;
using Amqp.Cluster.Tests.Etcd;
using Amqp.Testing;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Tests.Membership;

/// <summary>The etcd that a node runs: that others may use it, that a node outlives it, and that it is looked after.</summary>
public sealed class OwnEtcdTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("etcd-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task A_node_whose_etcd_is_killed_goes_on_with_that_of_the_others()
    {
        await using var nodes = await MemberNodes.Begin("one", "two", "three");
        await MemberNodes.SeeEachOther(nodes);
        var (one, killed) = (nodes[0], nodes[0].EtcdProcess!.Value);
        await Command.Run("/bin/kill", ["-STOP", $"{killed}"], Patience.Answer);
        Assert.That(await one.EtcdMembers(), Has.Count.EqualTo(3));
        await Eventually.Never(() => nodes[1].Running.Count < 3, TimeSpan.FromSeconds(6));
        await Command.Run("/bin/kill", ["-KILL", $"{killed}"], Patience.Answer);
        await Eventually.That(() => one.EtcdProcess, Is.Not.Null.And.Not.EqualTo(killed));
        Assert.That(nodes.SelectMany(node => node.Changes).Select(change => change.Kind), Has.None.EqualTo(Cluster.Membership.ClusterChangeKind.Ended));
    }

    [Test]
    public async Task Who_is_no_node_of_the_cluster_gets_nothing_at_the_address_for_other_nodes()
    {
        EtcdServers.SkipWithoutEtcd();
        var self = new EtcdPeer("rabbit@one", IPAddress.Parse("127.0.0.2"), Ports.Free());
        await using var node = new EtcdNode(EtcdNode.OptionsOf(_folder, self, [self], isNew: true));
        await node.Start();
        var at = new Uri($"https://127.0.0.2:{node.Options.ClientPort}");
        using (var member = new EtcdClient(node.ClientOptions with { Endpoints = [at] }, TimeProvider.System)) Assert.That(await member.Get("anything", default), Is.Null);
        using var other = ClusterCertificates.FromSecret("a secret of another cluster", "rabbit@one", IPAddress.Loopback, TimeProvider.System);
        var its = new EtcdOptions { Endpoints = [at], Authorities = node.Certificates.Authorities };
        foreach (var stranger in new[] { its, its with { Certificate = other.Node }, its with { Endpoints = [new Uri($"http://127.0.0.2:{node.Options.ClientPort}")] } })
        {
            using var client = new EtcdClient(stranger, TimeProvider.System);
            Assert.That(() => client.Transact(new TxnRequest(), default), Throws.TypeOf<RpcException>());
        }
    }

    [Test]
    public async Task A_full_etcd_is_reported_and_has_room_again_when_something_was_deleted()
    {
        EtcdServers.SkipWithoutEtcd();
        const long bytesMax = 16 << 20;
        var self = EtcdNode.NewPeer("one");
        await using var node = new EtcdNode(EtcdNode.OptionsOf(_folder, self, [self], isNew: true) with { StoredBytesMax = bytesMax });
        await node.Start();
        var log = new LogOfNode();
        await using var maintenance = new EtcdMaintenance(new EtcdClient(node.ClientOptions, TimeProvider.System), "rabbit@one", bytesMax, new Logger<EtcdMaintenance>(log)) { TryFullEvery = TimeSpan.Zero };
        await maintenance.Look(default);
        Assert.That(log.All, Is.Empty);

        var value = ByteString.CopyFrom(new byte[1 << 20]);
        var put = new TxnRequest { Success = { new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8("key"), Value = value } } } };
        long revision = 0;
        Assert.That(async () => { while (true) revision = (await node.Client.Transact(put, default)).Header.Revision; }, Throws.TypeOf<RpcException>().With.Message.Contains("space exceeded"));
        await maintenance.Look(default);
        // There may be room again already, of pages that etcd has let go without being asked.
        Assert.That(log.All, Has.Some.Contains("alarm NOSPACE"));

        await node.Client.Once((channel, options) => new KV.KVClient(channel).CompactAsync(new CompactionRequest { Revision = revision, Physical = true }, options).ResponseAsync, default);
        await Eventually.That(
            async () =>
            {
                await maintenance.Look(default);
                return await EtcdMaintenance.Alarms(node.Client, default);
            },
            Is.Empty);
        Assert.That(log.All, Has.Some.Contains("was written anew").And.Some.Contains("has room again"));
        await node.Client.Transact(put, default);
    }
}
