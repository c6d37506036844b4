using Amqp.Cluster.Etcd;
using Amqp.Cluster.Mirroring;
using Amqp.Core.Topology;
using Amqp.Replication;

namespace Amqp.Cluster.Tests.Mirroring;

/// <summary>Who has which queue, in an etcd.</summary>
public class QueueRecordsTests
{
    [Test]
    public async Task Of_many_changes_those_happen_whose_record_is_as_they_expect_and_of_the_others_it_is_told_how_it_is()
    {
        await using var servers = await EtcdServers.Start();
        using var client = servers.NewClient();
        var records = new QueueRecords(client);
        QueueChange[] first = [.. Enumerable.Range(1, 40).Select(queue => Change(queue, revision: 0, epoch: 1))];
        var made = await records.Propose(first, default);
        Assert.That(made.Select(record => record.Configuration.Epoch), Has.Exactly(40).Items.And.All.EqualTo(1));

        // Two are changed by another node meanwhile, and one is removed.
        var other = await records.Propose([Change(3, made[2].Configuration.Revision, epoch: 7), Change(5, made[4].Configuration.Revision, epoch: 7)], default);
        await records.Remove([new QueueId(9)], default);
        var told = await records.Propose([.. made.Select(record => Change(record.Queue.Value, record.Configuration.Revision, epoch: 2)), Change(41, revision: 0, epoch: 2)], default);

        var expected = Enumerable.Range(1, 41).Where(queue => queue != 9).ToDictionary(queue => (long)queue, queue => queue is 3 or 5 ? 7u : 2u);
        Assert.That(told.ToDictionary(record => record.Queue.Value, record => record.Configuration.Epoch), Is.EquivalentTo(expected));
        var (_, stored) = await records.Load(default);
        Assert.That(stored.Select(record => $"{record}"), Is.EquivalentTo(told.Select(record => $"{record}")).And.SupersetOf(other.Select(record => $"{record}")), "this is what there is, with its revisions");
    }

    private static QueueChange Change(long queue, long revision, uint epoch) => new(new QueueId(queue), revision, new QueueConfiguration
    {
        Revision = 0,
        Epoch = epoch,
        Leader = new Member("n1", default, Boot: 1),
        Replicas = ["n1"],
        InSync = [],
    });
}
