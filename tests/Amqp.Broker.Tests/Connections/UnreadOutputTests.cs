using System.IO.Pipelines;
using AMQP.Net;
using Amqp.Broker.Connections;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Connections;

/// <summary>Clients that do not read what they are sent.</summary>
internal sealed class UnreadOutputTests
{
    private readonly TestNode _node = new(new Limits { UnreadAnswerBytes = 100_000, DiskFreeBytes = 0 });

    [Test]
    public async Task A_client_that_does_not_read_its_answers_is_not_read_itself()
    {
        const int Many = 100_000;
        var client = await Open();
        await client.Declare(1, "q");
        var asked = 0;
        var asking = Task.CompletedTask;
        for (; asked < Many; asked++)
        {
            client.Write(1, TestClient.Declaration("q", passive: true));
            if (asked % 100 != 0) continue;
            asking = client.Flush();
            if (await Task.WhenAny(asking, Task.Delay(TimeSpan.FromMilliseconds(500))) != asking) break;
        }
        Assert.That(asked, Is.LessThan(Many));

        for (var answered = 0; answered < asked; answered++) await client.Expect<QueueDeclareOk>(1);
        await asking.WaitAsync(Patience.Answer);
    }

    [Test]
    public async Task Messages_that_are_got_or_returned_and_not_read_count_too()
    {
        var body = new string('x', 30_000);
        var client = await Open();
        var asked = 0;
        var asking = Task.CompletedTask;
        for (; asked < 1_000; asked++)
        {
            client.WriteMessage(1, "nobody", body, mandatory: true);
            asking = client.Flush();
            if (await Task.WhenAny(asking, Task.Delay(TimeSpan.FromMilliseconds(500))) != asking) break;
        }
        Assert.That(asked, Is.LessThan(30));
        client.Drop();
        await client.Served.WaitAsync(Patience.Answer);
    }

    [Test]
    public async Task An_output_that_has_ended_takes_no_more_than_its_window_from_a_queue()
    {
        const int Many = 1_000;
        const int BodyBytes = 10_000;
        const int WindowBytes = 65_536;
        var node = new TestNode(new Limits { ConsumerWindowBytes = WindowBytes, DiskFreeBytes = 0 });
        var (client, other) = (await node.Connect(), await node.Connect());
        await client.OpenChannel(1);
        await other.OpenChannel(1);
        await client.Declare(1, "q");
        await client.Consume(1, "q", "c", noAck: true);
        client.StopReceiving();
        for (var message = 0; message < Many; message++) await other.Publish(1, "q", new string('x', BodyBytes));
        // One window has been handed out before the output knew, and one when it did.
        for (var round = 0; round < 100; round++) Assert.That(await other.ReadyCount(1, "q"), Is.GreaterThanOrEqualTo(Many - (2 * WindowBytes / BodyBytes) - 2));
        client.Drop();
        await client.Served.WaitAsync(Patience.Answer);
        await Eventually.That(() => other.ReadyCount(1, "q"), Is.GreaterThanOrEqualTo(Many - (2 * WindowBytes / BodyBytes) - 2));
    }

    [Test]
    public async Task A_consumer_that_does_not_read_is_handed_no_more_than_its_window_however_small_the_messages()
    {
        const int Many = 10_000;
        var node = new TestNode(new Limits { ConsumerWindowBytes = 65_536 });
        var client = await node.Connect();
        await client.OpenChannel(1);
        await client.Declare(1, "q");
        await client.Consume(1, "q", "c", noAck: true);
        var publisher = await node.Connect();
        await publisher.OpenChannel(1);
        for (var message = 0; message < Many; message++) publisher.WriteMessage(1, "q", "m");
        await publisher.Flush();
        Assert.That(await publisher.ReadyCount(1, "q"), Is.GreaterThan(Many / 2));
        for (var message = 0; message < Many; message++) await client.ExpectDelivery(1);
    }

    [Test]
    public async Task What_was_encoded_counts_as_memory_until_the_client_reads_it()
    {
        var client = await Open();
        await client.Declare(1, "q");
        await client.Consume(1, "q", "c", noAck: true);
        var before = _node.Broker.Services.Memory.UsedBytes;
        await client.Publish(1, "q", new string('x', 100_000));
        await Eventually.That(async () => (await _node.Broker.Connections.List()).Single().BytesPending, Is.GreaterThan(100_000));
        Assert.That(_node.Broker.Services.Memory.UsedBytes - before, Is.GreaterThan(100_000));

        await client.ExpectDelivery(1);
        await Eventually.That(() => _node.Broker.Services.Memory.UsedBytes, Is.EqualTo(before));
    }

    [Test]
    public async Task Heartbeats_do_not_pile_up_behind_a_client_that_does_not_read()
    {
        var client = await _node.Connect(heartbeatSeconds: 1);
        await client.OpenChannel(1);
        for (var returned = 0; returned < 3; returned++) client.WriteMessage(1, "nobody", new string('x', 40_000), mandatory: true);
        await client.Flush();
        for (var look = 0; look < 30; look++)
        {
            await client.SendBytes([8, 0, 0, 0, 0, 0, 0, Frame.End]);
            _node.Time.Advance(500);
            await Eventually.That(() => _node.Time.TimersSet, Is.EqualTo(4)); // the heartbeat's, the one that waits for the client to read, and the two of the node itself
        }
        for (var returned = 0; returned < 3; returned++)
        {
            await client.Expect<BasicReturn>(1);
            await client.ReadBody();
        }
        await client.OpenChannel(2);
        Assert.That(client.HeartbeatsRead, Is.LessThanOrEqualTo(3));
    }

    [Test]
    public async Task A_defect_of_the_write_loop_ends_the_connection_and_is_logged()
    {
        var input = new Pipe();
        var served = _node.Broker.Connections.Serve(new Transport(
            new Ends(input.Reader, new BrokenWriter()), "client -> broker", "127.0.0.1", IsLoopback: true, () => input.Writer.Complete(new IOException("aborted"))));
        await input.Writer.WriteAsync(ProtocolHeader.Bytes.ToArray());
        await served.WaitAsync(Patience.Answer);
        Assert.That(_node.Logs.Complaints, Has.One.Contains("defect of the broker"));
        Assert.That(_node.Broker.Services.Memory.UsedBytes, Is.Zero);
    }

    private async Task<TestClient> Open()
    {
        var client = await _node.Connect();
        await client.OpenChannel(1);
        return client;
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private sealed class BrokenWriter : PipeWriter
    {
        public override long UnflushedBytes => 0;

        public override void Advance(int bytes) => throw new InvalidOperationException("broken");

        public override void CancelPendingFlush()
        {
        }

        public override void Complete(Exception? exception = null)
        {
        }

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => default;

        public override Memory<byte> GetMemory(int sizeHint = 0) => new byte[Math.Max(sizeHint, 256)];

        public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}
