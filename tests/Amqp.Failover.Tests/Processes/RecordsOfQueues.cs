using Amqp.Cluster.Etcd;
using Amqp.Cluster.Mirroring;
using Amqp.Cluster.Security;
using Amqp.Replication;
using Amqp.Testing;
using Amqp.Testing.Clusters;
using Grpc.Core;

namespace Amqp.Failover.Tests.Processes;

/// <summary>What etcd has of mirrored queues, read as a node would: who leads, and who is in sync.</summary>
internal sealed class RecordsOfQueues : IDisposable
{
    private readonly ClusterCertificates _certificates;
    private readonly EtcdClient _client;
    private readonly QueueRecords _records;

    public RecordsOfQueues(ClusterProcesses cluster)
    {
        var address = cluster.OwnAddress;
        _certificates = ClusterCertificates.FromSecret(cluster.Secret, $"tests@{address}", address, TimeProvider.System);
        _client = new EtcdClient(new EtcdOptions { Endpoints = cluster.EtcdEndpoints, Certificate = _certificates.Node, Authorities = _certificates.Authorities }, TimeProvider.System);
        _records = new QueueRecords(_client);
    }

    /// <summary>Of a queue that is mirrored; waits until it is, and until etcd answers.</summary>
    public async Task<QueueConfiguration> Of(long queue)
    {
        QueueConfiguration? found = null;
        await Eventually.True(async () => (found = await Find(queue)) is not null, TimeSpan.FromMinutes(1), $"a record of queue {queue}");
        return found!;
    }

    /// <summary>Null: there is none, or etcd does not say at this moment.</summary>
    public async Task<QueueConfiguration?> Find(long queue)
    {
        try
        {
            return (await _records.Load(CancellationToken.None)).Records.Find(record => record.Queue.Value == queue)?.Configuration;
        }
        catch (RpcException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        _client.Dispose();
        _certificates.Dispose();
    }
}
