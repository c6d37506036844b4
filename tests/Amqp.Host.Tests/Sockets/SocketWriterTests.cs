using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using AMQP.Net;

namespace Amqp.Host.Tests.Sockets;

/// <summary>What the broker writes reaches the client whole and in order, also one that reads slowly or not at all.</summary>
[CancelAfter(30_000)]
internal sealed class SocketWriterTests
{
    [Test]
    public async Task Copies_and_references_keep_their_order([Values(1, 100, 30_000, 70_000, 300_000)] int pieceMost)
    {
        var total = pieceMost == 1 ? 10_000 : 5_000_000;
        using var pair = await SocketPair.Open();
        var receiving = Receive(pair.Client);
        var random = new Random(7);
        for (var written = 0; written < total;)
        {
            var piece = SocketPair.Pattern(random.Next(1, pieceMost + 1), written);
            if (random.Next(3) == 0) ((IReferenceWriter)pair.Broker.Output).WriteByReference(piece);
            else if (random.Next(2) == 0) pair.Broker.Output.Write(piece);
            else WriteInOnePiece(pair.Broker.Output, piece);
            written += piece.Length;
            if (random.Next(5) == 0) await Flush(pair);
            total = Math.Max(total, written);
        }
        await Flush(pair);
        await pair.Broker.Output.CompleteAsync();
        var received = await receiving;
        Assert.That(received.SequenceEqual(SocketPair.Pattern(received.Length)), Is.True);
        Assert.That(received, Has.Length.EqualTo(total));
    }

    [Test]
    public async Task A_flush_waits_for_a_client_that_does_not_read()
    {
        var bytes = SocketPair.Pattern(20_000_000);
        using var pair = await SocketPair.Open();
        pair.Broker.Output.Write(SocketPair.Pattern(10));
        ((IReferenceWriter)pair.Broker.Output).WriteByReference(bytes);
        Assert.That(pair.Broker.Output.UnflushedBytes, Is.EqualTo(20_000_010));
        var flushing = pair.Broker.Output.FlushAsync().AsTask();
        Assert.That(flushing.IsCompleted, Is.False);
        var receiving = Receive(pair.Client);
        Assert.That((await flushing).IsCompleted, Is.False);
        Assert.That(pair.Broker.Output.UnflushedBytes, Is.Zero);
        await pair.Broker.Output.CompleteAsync();
        Assert.That((await receiving).AsSpan(10).SequenceEqual(bytes), Is.True);
    }

    [Test]
    public async Task A_flush_says_that_the_client_is_gone()
    {
        using var pair = await SocketPair.Open();
        var bytes = new byte[20_000_000];
        ((IReferenceWriter)pair.Broker.Output).WriteByReference(bytes);
        var flushing = pair.Broker.Output.FlushAsync().AsTask();
        pair.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        pair.Client.Close();
        Assert.That((await flushing).IsCompleted, Is.True);
        pair.Broker.Output.Write(bytes);
        Assert.That((await pair.Broker.Output.FlushAsync()).IsCompleted, Is.True);
        Assert.That(pair.Broker.Output.UnflushedBytes, Is.Zero);
    }

    [Test]
    public async Task A_flush_ends_when_the_connection_is_aborted()
    {
        using var pair = await SocketPair.Open();
        ((IReferenceWriter)pair.Broker.Output).WriteByReference(new byte[20_000_000]);
        var flushing = pair.Broker.Output.FlushAsync().AsTask();
        pair.Broker.Abort();
        Assert.That((await flushing).IsCompleted, Is.True);
        pair.Broker.Output.Write([(byte)1]);
        Assert.That((await pair.Broker.Output.FlushAsync()).IsCompleted, Is.True);
    }

    private static async Task Flush(SocketPair pair) => Assert.That((await pair.Broker.Output.FlushAsync()).IsCompleted, Is.False);

    private static void WriteInOnePiece(PipeWriter output, byte[] piece)
    {
        piece.CopyTo(output.GetSpan(piece.Length));
        output.Advance(piece.Length);
    }

    private static async Task<byte[]> Receive(Socket client)
    {
        using var stream = new NetworkStream(client);
        using var received = new MemoryStream();
        await stream.CopyToAsync(received);
        return received.ToArray();
    }
}
