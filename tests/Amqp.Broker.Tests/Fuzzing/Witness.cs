using AMQP.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Fuzzing;

/// <summary>A client that does everything right while others do not, and expects to be served as if it was alone.</summary>
internal sealed class Witness
{
    private readonly TestNode _node;
    private readonly TestClient _client;
    private int _messages;

    private Witness(TestNode node, TestClient client)
    {
        _node = node;
        _client = client;
    }

    public static async Task<Witness> Come(TestNode node)
    {
        var client = await node.Connect();
        await client.OpenChannel(1);
        await client.Declare(1, "of the witness", durable: true, exclusive: true);
        await client.Consume(1, "of the witness", "witness");
        await client.Send(1, new ConfirmSelect(NoWait: false));
        await client.Expect<ConfirmSelectOk>(1);
        return new Witness(node, client);
    }

    /// <summary>A message goes in and comes out.</summary>
    public async Task TryService()
    {
        var body = $"message {++_messages}";
        _client.WriteMessage(1, "of the witness", body);
        await _client.Flush();
        Assert.That((await _client.ExpectDelivery(1)).Body, Is.EqualTo(body));
        Assert.That((await _client.Expect<BasicAck>(1)).DeliveryTag, Is.EqualTo((ulong)_messages));
        await _client.Send(1, new BasicAck((ulong)_messages, Multiple: false));
    }

    /// <summary>Every queue that is left, its own included.</summary>
    public async Task DeleteEverything()
    {
        await _client.Send(1, new BasicCancel("witness", NoWait: false));
        await _client.Expect<BasicCancelOk>(1);
        var queues = () => _node.Broker.Services.Topology.Current.Find("/")!.Queues.Values;
        // Exclusive ones go behind their connections.
        await Eventually.That(() => queues().Count(queue => queue.Exclusive), Is.EqualTo(1));
        foreach (var queue in queues())
        {
            await _client.Send(1, new QueueDelete(queue.Name, IfUnused: false, IfEmpty: false, NoWait: false));
            await _client.Expect<QueueDeleteOk>(1);
        }
    }

    public async Task Go()
    {
        _client.Drop();
        await _client.Served;
    }
}
