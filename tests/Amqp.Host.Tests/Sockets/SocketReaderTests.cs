using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Amqp.Host.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Amqp.Host.Tests.Sockets;

/// <summary>What a client sends arrives whole and in order, however it is cut and however much of it is taken at a time.</summary>
[CancelAfter(30_000)]
internal sealed class SocketReaderTests
{
    [Test]
    public async Task What_is_not_consumed_is_shown_again([Values(1, 100, 5_000, 70_000)] int takenMost, [Values(1, 3_000, 100_000)] int sentAtOnce)
    {
        var expected = SocketPair.Pattern(takenMost == 1 || sentAtOnce == 1 ? 3_000 : 1_000_000);
        using var pair = await SocketPair.Open();
        var sending = SendInPieces(pair.Client, expected, sentAtOnce);
        var received = new List<byte>();
        var random = new Random(7);
        while (true)
        {
            var result = await pair.Broker.Input.ReadAsync();
            var taken = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, random.Next(takenMost + 1)));
            received.AddRange(taken.ToArray());
            // Half of the time all has been looked at, and more is wanted.
            var wantsMore = !result.IsCompleted && random.Next(2) == 0 && received.Count + result.Buffer.Length - taken.Length < expected.Length;
            pair.Broker.Input.AdvanceTo(taken.End, wantsMore ? result.Buffer.End : taken.End);
            if (result.IsCompleted && taken.Length == result.Buffer.Length) break;
        }
        await sending;
        Assert.That(received, Is.EqualTo(expected));
    }

    [Test]
    public async Task A_read_that_is_cancelled_ends_and_the_next_one_goes_on()
    {
        using var pair = await SocketPair.Open();
        for (var round = 0; round < 100; round++)
        {
            var reading = pair.Broker.Input.ReadAsync().AsTask();
            Assert.That(reading.IsCompleted, Is.False);
            pair.Broker.Input.CancelPendingRead();
            var cancelled = await reading;
            Assert.That((cancelled.IsCanceled, cancelled.Buffer.Length), Is.EqualTo((true, 0)));
            pair.Broker.Input.AdvanceTo(cancelled.Buffer.End);

            reading = pair.Broker.Input.ReadAsync().AsTask();
            await pair.Client.SendAsync(new byte[] { (byte)round });
            var read = await reading;
            Assert.That((read.IsCanceled, read.Buffer.FirstSpan[0]), Is.EqualTo((false, (byte)round)));
            pair.Broker.Input.AdvanceTo(read.Buffer.End);
        }
    }

    [Test]
    public async Task No_reader_goes_on_inside_the_call_that_cancels()
    {
        using var pair = await SocketPair.Open();
        var wentOnHere = false;
        var here = 0;
        async Task Read()
        {
            await pair.Broker.Input.ReadAsync();
            wentOnHere = Environment.CurrentManagedThreadId == Volatile.Read(ref here);
        }

        var reading = Read();
        var thread = new Thread(() =>
        {
            Volatile.Write(ref here, Environment.CurrentManagedThreadId);
            pair.Broker.Input.CancelPendingRead();
        });
        thread.Start();
        thread.Join();
        await reading;
        Assert.That(wentOnHere, Is.False);
    }

    [Test]
    public async Task A_reader_that_took_long_goes_on_where_no_other_is_held_up()
    {
        SynchronizationContext.SetSynchronizationContext(null); // NUnit's would have everything go on elsewhere.
        using var pair = await SocketPair.Open(isCalledInline: true);
        var reader = pair.Broker.Input;
        Assert.That(await IsOnPool(TimeSpan.Zero), Is.True, "nothing is known of a newcomer");
        for (var turn = 0; await IsOnPool(TimeSpan.Zero); turn++) Assert.That(turn, Is.LessThan(1_000), "brief turns that go on at once");
        await IsOnPool(TimeSpan.FromMilliseconds(1));
        Assert.That(await IsOnPool(TimeSpan.Zero), Is.True, "after a turn that took long");

        async Task<bool> IsOnPool(TimeSpan taking)
        {
            await Task.Yield(); // The turn before is over then, as a rule.
            var reading = Read(taking);
            await pair.Client.SendAsync(new byte[1]);
            return await reading;
        }

        async Task<bool> Read(TimeSpan taking)
        {
            reader.AdvanceTo((await reader.ReadAsync()).Buffer.End);
            Thread.Sleep(taking);
            return Thread.CurrentThread.IsThreadPoolThread;
        }
    }

    [Test]
    public async Task A_token_ends_the_wait_and_nothing_is_lost()
    {
        using var pair = await SocketPair.Open();
        using var patience = new CancellationTokenSource();
        var reading = pair.Broker.Input.ReadAsync(patience.Token).AsTask();
        await patience.CancelAsync();
        Assert.That(async () => await reading, Throws.InstanceOf<OperationCanceledException>());
        await pair.Client.SendAsync("still here"u8.ToArray());
        Assert.That((await pair.Broker.Input.ReadAsync()).Buffer.ToArray(), Is.EqualTo("still here"u8.ToArray()));
    }

    [Test]
    public async Task A_client_that_leaves_is_told_from_one_that_is_cut_off()
    {
        using var leaving = await SocketPair.Open();
        leaving.Client.Shutdown(SocketShutdown.Send);
        Assert.That((await leaving.Broker.Input.ReadAsync()).IsCompleted, Is.True);

        using var dropped = await SocketPair.Open();
        dropped.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        dropped.Client.Close();
        Assert.That(async () => await dropped.Broker.Input.ReadAsync(), Throws.InstanceOf<ConnectionResetException>());

        using var aborted = await SocketPair.Open();
        var reading = aborted.Broker.Input.ReadAsync().AsTask();
        aborted.Broker.Abort();
        Assert.That(async () => await reading, Throws.InstanceOf<ConnectionAbortedException>());
        Assert.That(async () => await aborted.Broker.Input.ReadAsync(), Throws.InstanceOf<ConnectionAbortedException>());
    }

    [Test]
    public async Task What_came_before_the_connection_was_cut_off_is_read_first()
    {
        // Reads fill their blocks to the last byte, so that they seem to have left something.
        var expected = SocketPair.Pattern(2 * Block.Size);
        using var pair = await SocketPair.Open(unread: expected.Length);
        await pair.Client.SendAsync(expected);
        pair.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        pair.Client.Close();
        var received = new List<byte>();
        // Where connections are read, which is not where tests run.
        var reading = Task.Run(async () =>
        {
            while (true)
            {
                var result = await pair.Broker.Input.ReadAsync();
                received.AddRange(result.Buffer.ToArray());
                pair.Broker.Input.AdvanceTo(result.Buffer.End);
            }
        });
        Assert.That(async () => await reading, Throws.InstanceOf<ConnectionResetException>());
        Assert.That(received, Is.EqualTo(expected));
    }

    [Test]
    public async Task Who_looks_at_nothing_is_not_shown_more_and_more()
    {
        var sent = SocketPair.Pattern(3 * Block.Size);
        using var pair = await SocketPair.Open(unread: sent.Length);
        await pair.Client.SendAsync(sent);
        // Not on a thread of the pool, and so no more than one block.
        var first = ReadOnThreadOfItsOwn(pair.Broker.Input);
        Assert.That(first.Buffer.Length, Is.EqualTo(Block.Size));
        pair.Broker.Input.AdvanceTo(first.Buffer.Start);
        for (var again = 0; again < 10; again++)
        {
            var result = await Task.Run(async () => await pair.Broker.Input.ReadAsync());
            Assert.That(result.Buffer.Length, Is.EqualTo(Block.Size));
            pair.Broker.Input.AdvanceTo(result.Buffer.Start);
        }
    }

    private static ReadResult ReadOnThreadOfItsOwn(PipeReader input)
    {
        ReadResult result = default;
        var thread = new Thread(() => input.TryRead(out result));
        thread.Start();
        thread.Join();
        return result;
    }

    private static async Task SendInPieces(Socket client, byte[] bytes, int size)
    {
        foreach (var piece in bytes.Chunk(size)) await client.SendAsync(piece);
        client.Shutdown(SocketShutdown.Send);
    }
}
