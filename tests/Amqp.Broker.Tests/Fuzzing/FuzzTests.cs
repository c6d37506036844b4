using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using AMQP.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Core;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Fuzzing;

/// <summary>
/// Conversations with a few bytes wrong, by the thousand: each ends with its own connection closed or served, and no other notices.
/// The seed is printed, and <c>AMQP_TEST_SEED</c> sets it; a failure names the conversation, which depends on the seed and its number only.
/// </summary>
internal sealed class FuzzTests
{
    private const int ConversationsPerNode = 2_000;
    private const int AtOnce = 4;

    /// <summary>What a node may leave behind in this process: pools that grow with use, about.</summary>
    private const long LeftBehindBytes = 64L << 20;

    private readonly ConcurrentDictionary<ReplyCode, int> _refusals = new();

    [Test]
    public async Task The_corpus_is_served_to_its_end_as_it_is([Range(0, 7)] int conversation)
    {
        var client = new TestNode().Dial();
        foreach (var frame in Conversations.All[conversation]) await client.SendBytes(frame);
        client.FinishSending();
        var last = default(ReceivedFrame);
        while (await client.Read() is { } frame) last = frame;
        Assert.That((Conversations.All.Length, last?.Method), Is.EqualTo((8, MethodId.ConnectionCloseOk)));
    }

    [Test]
    public Task Broken_conversations_harm_no_other_client() => Fuzz(frames: 150_000);

    [Test]
    [Category("Long")]
    public Task Broken_conversations_harm_no_other_client_ten_million_frames() => Fuzz(frames: 10_000_000);

    private async Task Fuzz(long frames)
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("AMQP_TEST_SEED"), CultureInfo.InvariantCulture, out var set)
            ? set
            : Random.Shared.Next();
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        var watch = Stopwatch.StartNew();
        var (sent, node, heap) = (0L, 0, 0L);
        for (; sent < frames; node++)
        {
            sent += await FuzzNode(seed, node * ConversationsPerNode);
            if (node == 0) heap = GC.GetTotalMemory(forceFullCollection: true);
        }
        await TestContext.Out.WriteLineAsync($"{node * ConversationsPerNode} conversations, {sent} frames in {watch.Elapsed.TotalSeconds:0} s");
        await TestContext.Out.WriteLineAsync(string.Join(", ", _refusals.OrderBy(pair => pair.Key).Select(pair => $"{pair.Value} times {pair.Key}")));
        Assert.That(_refusals, Has.Count.GreaterThan(8), "kinds of refusals: not all of them at the handshake");
        Assert.That(GC.GetTotalMemory(forceFullCollection: true), Is.LessThan(heap + LeftBehindBytes), "nothing of a node stays behind");
    }

    /// <summary>Returns how many frames it has sent.</summary>
    private async Task<long> FuzzNode(int seed, int first)
    {
        var node = new TestNode(new Limits { PublishWindowBytes = 65_536, UnreadAnswerBytes = 65_536, ChannelBacklogBytes = 8_192, PageOutBytes = 1_000_000 });
        var witness = await Witness.Come(node);
        var frames = 0L;
        var next = first;
        var conversing = Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => Task.Run(async () =>
        {
            for (int number; (number = Interlocked.Increment(ref next) - 1) < first + ConversationsPerNode;)
                Interlocked.Add(ref frames, await Converse(node, seed, number));
        })));
        while (!conversing.IsCompleted) await witness.TryService();
        await conversing;
        await witness.TryService();
        await witness.DeleteEverything();
        await Eventually.That(() => node.Broker.Services.Memory.UsedBytes, Is.Zero);
        Assert.That(node.Broker.Services.Queues.Count, Is.Zero);
        Assert.That(node.Messages.Complaints, Is.Empty);
        Assert.That(node.Logs.Lines.Where(line => line.StartsWith("Critical", StringComparison.Ordinal) || line.Contains("\n   at ", StringComparison.Ordinal)), Is.Empty);
        await witness.Go();
        return frames;
    }

    private async Task<int> Converse(TestNode node, int seed, int number)
    {
        var random = new Random(unchecked((seed * 1_000_003) + number));
        var frames = new Mutator(random).Mutate();
        var client = node.Dial();
        // A client with a wrong header is answered with the right one, which is no frame.
        var reading = frames.Count > 0 && ProtocolHeader.Bytes.SequenceEqual(frames[0]) ? ReadAll(client, $"conversation {number}") : Task.CompletedTask;
        try
        {
            // In pieces that have nothing to do with frames.
            var stream = frames.SelectMany(frame => frame).ToArray();
            for (var sent = 0; sent < stream.Length;)
            {
                var length = Math.Min(stream.Length - sent, random.Next(4) == 0 ? random.Next(1, 20) : random.Next(1, 4_000));
                await client.SendBytes(stream[sent..(sent + length)]);
                sent += length;
            }
            client.FinishSending();
        }
        catch (InvalidOperationException)
        {
            // The broker has had enough, and hung up.
        }
        try
        {
            await Task.WhenAll(client.Served, reading).WaitAsync(Patience.Answer);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"conversation {number} does not end");
        }
        client.Drop();
        return frames.Count;
    }

    /// <summary>Whatever the broker says is frames, and it never says that it has a defect.</summary>
    private async Task ReadAll(TestClient client, string conversation)
    {
        try
        {
            while (await client.Read(Timeout.InfiniteTimeSpan) is { } frame)
            {
                var code = frame.Method switch
                {
                    MethodId.ConnectionClose => frame.As<ConnectionClose>().ReplyCode,
                    MethodId.ChannelClose => frame.As<ChannelClose>().ReplyCode,
                    _ => ReplyCode.Success,
                };
                Assert.That(code, Is.Not.EqualTo(ReplyCode.InternalError), conversation);
                if (code != ReplyCode.Success) _refusals.AddOrUpdate(code, 1, (_, count) => count + 1);
            }
        }
        catch (ProtocolException exception)
        {
            Assert.Fail($"{conversation}: the broker sent what is no frame: {exception.Message}");
        }
    }
}
