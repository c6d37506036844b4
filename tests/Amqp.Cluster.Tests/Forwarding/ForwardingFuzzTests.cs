using System.Buffers;
using AMQP.Net;
using Amqp.Cluster.Forwarding;
using Amqp.Cluster.Links;
using Amqp.Core.Queues;

namespace Amqp.Cluster.Tests.Forwarding;

/// <summary>Frames of another node that are well formed and mean nothing, or are no frames: their session ends, the process and its other users go on.</summary>
public class ForwardingFuzzTests
{
    [Test]
    public async Task Whatever_another_node_says_the_queues_serve_the_others([Range(1, 12)] int seed)
    {
        await using var cluster = await ForwardingCluster.Start();
        await cluster.Declare("q");
        var queue = await cluster.Edge.Find("q");
        var consumer = await RecordedConsumer.Consume(queue, prefetch: 3);
        var id = cluster.Leader.Definition("q")!.Id.Value;
        var random = new Random(seed);
        for (var session = 1; session <= 40; session++)
        {
            Line[] lines = [new(LineKind.Begin), new(LineKind.Queue, id), .. Enumerable.Range(0, 20).Select(_ => Any(random))];
            var frame = LineFormatTests.Write(lines, session);
            if (random.Next(4) == 0) frame[random.Next(frame.Length)] ^= (byte)(1 << random.Next(8));
            cluster.Leader.Forwarder.Received("rabbit@fuzz", 9, LinkLane.Clients, Forwarder.ToLeader, new ReadOnlySequence<byte>(frame));
            // And to the edge, in the session that it has.
            var answers = LineFormatTests.Write([.. Enumerable.Range(0, 5).Select(_ => Any(random))], session % 4);
            if (session % 10 == 0) cluster.Edge.Forwarder.Received(cluster.Leader.Self, 1, LinkLane.Clients, Forwarder.ToEdge, new ReadOnlySequence<byte>(answers));
        }
        cluster.Leader.Forwarder.Received("rabbit@fuzz", 9, LinkLane.Clients, Forwarder.ToLeader, new ReadOnlySequence<byte>(LineFormatTests.Write([new Line(LineKind.Begin)], 100)));
        var client = await cluster.Leader.Connect();
        await client.Declare(1, "after");
        await client.Publish(1, "after", "m");
        Assert.That(await client.ReadyCount(1, "after"), Is.EqualTo(1));
        await Amqp.Testing.Eventually.That(async () => (await Answer<QueueStatus>.Of(queue, QueueOperation.Status)).Gone, Is.False);
        Assert.That(consumer.Events, Has.Some.EqualTo("added"));
        Assert.That(cluster.Leader.Logs.Lines.Concat(cluster.Edge.Logs.Lines), Has.None.StartsWith("Critical"));
    }

    private static Line Any(Random random)
    {
        while (true)
        {
            var line = LineFormatTests.Sample((LineKind)random.Next(1, (int)LineKind.Failed + 1));
            // A queue that is deleted has nothing to show here.
            if (line.Kind is LineKind.Delete or LineKind.Begin or LineKind.Queue) continue;
            return line with { Number = random.Next(12), Value = random.Next(3) == 0 ? random.NextInt64() - (long.MaxValue / 2) : random.Next(12), Flags = (byte)random.Next(5) };
        }
    }
}
