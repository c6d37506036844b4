using System.Text.Json;
using Amqp.Testing.Clusters;
using RabbitMQ.Client;

namespace Amqp.Ctl.Tests.Live;

/// <summary>Base of stories of three nodes of a cluster, each a process of its own with its own etcd, operated from all of them.</summary>
[Category("cluster")]
public abstract class ClusterFixture
{
    private ClusterProcesses? _cluster;

    private protected IReadOnlyList<ClusterNode> Nodes => _cluster!.Nodes;

    private protected string[] Names => [.. Nodes.Select(node => node.FullName)];

    [OneTimeSetUp]
    public async Task StartNodes()
    {
        _cluster = await ClusterProcesses.Start();
        for (var node = 0; node < Nodes.Count; node++) await Do(node, "await_online_nodes 3 -t 60");
    }

    [OneTimeTearDown]
    public async Task StopNodes()
    {
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    private protected Task<ToolResult> Run(int node, string line) => Tool.Run(Tool.Rabbitmqctl, Tool.Words(line), environment: Tool.BrokerIn(Nodes[node].Broker.Directory));

    private protected async Task<ToolResult> Do(int node, string line)
    {
        var result = await Run(node, line);
        Assert.That((result.Code, result.Error), Is.EqualTo((0, "")), $"{Names[node]} {line}: {result}");
        return result;
    }

    private protected async Task<JsonElement> Json(int node, string line) => JsonElement.Parse((await Do(node, $"{line} --formatter json")).Output);

    private protected static string[] Texts(JsonElement list) => [.. list.EnumerateArray().Select(item => item.GetString()!)];

    private protected Task<IConnection> Client(int node) =>
        new ConnectionFactory { HostName = "127.0.0.1", Port = Nodes[node].Port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();

    private protected async Task Publish(int node, string queue, int count)
    {
        await using var client = await Client(node);
        await using var channel = await client.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        for (var message = 0; message < count; message++) await channel.BasicPublishAsync("", queue, mandatory: true, new BasicProperties { Persistent = true }, "x"u8.ToArray());
    }
}
