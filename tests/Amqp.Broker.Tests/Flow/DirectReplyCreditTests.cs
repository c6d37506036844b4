using AMQP.Net;
using Amqp.Broker.Flow;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Flow;

/// <summary>Replies that their requester does not read are counted, and hold back the client that sends more of them.</summary>
internal sealed class DirectReplyCreditTests
{
    private const int WindowBytes = 1_000_000;
    private const int ReplyBytes = 10_000;
    private const int Replies = 1_000;

    private readonly TestNode _node = new(new Limits { PublishWindowBytes = WindowBytes, DiskFreeBytes = 0 });

    private MemoryBudget Memory => _node.Broker.Services.Memory;

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_requester_that_does_not_read_holds_back_its_responder_and_nothing_is_lost(bool readsAfterAll)
    {
        var (requester, responder) = (await Open(), await Open());
        var address = await Address(requester, responder);
        var replying = Task.Run(async () =>
        {
            for (var reply = 0; reply < Replies; reply++) await responder.Publish(1, address, new string('x', ReplyBytes));
        });
        await Eventually.That(() => Memory.UsedBytes, Is.GreaterThanOrEqualTo(WindowBytes));
        // A read takes what the pipe holds, and an output encodes a flush ahead: so a little more.
        Assert.That(Memory.UsedBytes, Is.LessThan(2 * WindowBytes));
        Assert.That(replying.IsCompleted, Is.False);

        if (readsAfterAll)
        {
            for (var reply = 0; reply < Replies; reply++) Assert.That((await requester.ExpectDelivery(1)).Body, Has.Length.EqualTo(ReplyBytes));
        }
        else
        {
            requester.Drop();
        }
        await replying.WaitAsync(Patience.Answer);
        await responder.Declare(1, "still there");
        await Eventually.That(() => Memory.UsedBytes, Is.Zero);
    }

    private async Task<TestClient> Open()
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        return client;
    }

    private static async Task<string> Address(TestClient requester, TestClient responder)
    {
        await responder.Declare(1, "requests");
        await responder.Consume(1, "requests", "responder", noAck: true);
        await requester.Consume(1, "amq.rabbitmq.reply-to", "requester", noAck: true);
        await requester.Request(1, "requests", replyTo: "amq.rabbitmq.reply-to");
        return await responder.ExpectRequest(1);
    }
}
