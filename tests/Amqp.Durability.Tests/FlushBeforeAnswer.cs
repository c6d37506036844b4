using System.Text;
using Amqp.Durability.Tests.Load;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests;

/// <summary>A kill leaves what the process wrote in the system's memory, so no crash round can miss a flush. The order of system calls shows it.</summary>
public sealed class FlushBeforeAnswerTests : BrokerFixture
{
    private const string Body = "the body that has to be on disk";
    private const string Queue = "the-queue-that-has-to-be-on-disk";

    // A method frame on channel 1 of 13 bytes: basic.ack, tag 1, not multiple.
    private static readonly byte[] Ack = [1, 0, 1, 0, 0, 0, 13, 0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xce];

    // queue.declare-ok, behind the head of its frame, up to the counts.
    private static readonly byte[] DeclareOk = [0, 50, 0, 11, (byte)Queue.Length, .. Encoding.UTF8.GetBytes(Queue)];

    [Test]
    public Task A_confirm_leaves_after_the_flush_of_the_message() => Watch(Body, Ack, confirms: true, async channel =>
        await channel.BasicPublishAsync("", "queue", mandatory: true, new BasicProperties { Persistent = true }, Encoding.UTF8.GetBytes(Body)));

    [Test]
    public Task A_declare_ok_leaves_after_the_flush_of_the_definition() => Watch(Queue, DeclareOk, confirms: false, channel => Queues.DeclareDurable(channel, Queue));

    private async Task Watch(string written, byte[] answer, bool confirms, Func<IChannel, Task> act)
    {
        if (Oracle.IsUsed) Assert.Ignore("this test is about our own files");
        var broker = await StartOwnBroker([]);
        await using var connection = await new BrokerLife(broker).Connect("watched");
        await using var channel = confirms ? await Queues.ConfirmChannel(connection) : await connection.CreateChannelAsync();
        await Queues.DeclareDurable(channel, "queue");
        await using var strace = await Strace.Attach(broker.ProcessId);
        await act(channel);
        var calls = await strace.Detach();
        Assert.That(Fault(calls, broker.Directory, written, answer), Is.Null, () => string.Join('\n', calls));
    }

    private const string Written = """1 pwrite64(45</d/x>, "\x74\x68\x65\x20\x62\x6f\x64\x79\x20\x74\x68\x61\x74\x20\x68\x61\x73\x20\x74\x6f\x20\x62\x65\x20\x6f\x6e\x20\x64\x69\x73\x6b", 31, 0) = 31""";
    private const string Flushed = "1 fdatasync(45</d/x>) = 0";
    private const string FlushBegins = "1 fdatasync(45</d/x> <unfinished ...>";
    private const string FlushEnds = "1 <... fdatasync resumed>) = 0";
    private const string Sent = """2 sendmsg(50<socket:[7]>, {msg_iov=[{iov_base="\x01\x00\x01\x00\x00\x00\x0d\x00\x3c\x00\x50\x00\x00\x00\x00\x00\x00\x00\x01\x00\xce", iov_len=21}], msg_iovlen=1}, 0) = 21""";

    [TestCase(null, Written, Flushed, Sent, TestName = "Written, flushed, sent")]
    [TestCase(null, Written, FlushBegins, "3 write(9<pipe:[8]>, \"\\x00\", 1) = 1", FlushEnds, Sent, TestName = "Written, flushed while others work, sent")]
    [TestCase("not flushed", Written, Sent, TestName = "Written, sent, never flushed")]
    [TestCase("not flushed", Written, Sent, Flushed, TestName = "Written, sent, flushed")]
    [TestCase("not flushed", Flushed, Written, Sent, TestName = "Flushed, written, sent")]
    [TestCase("not flushed", Written, FlushBegins, Sent, FlushEnds, TestName = "Sent while the flush runs")]
    [TestCase("not flushed", Written, "1 fdatasync(45</d/x>) = -1 EIO (Input/output error)", Sent, TestName = "Sent after a flush that failed")]
    [TestCase("not flushed", Written, "1 fdatasync(46</d/y>) = 0", Sent, TestName = "Sent after the flush of another file")]
    [TestCase("not written", Flushed, Sent, TestName = "Sent, never written")]
    [TestCase("not sent", Written, Flushed, TestName = "Never sent")]
    public void The_record_is_read_rightly(string? fault, params string[] lines) => Assert.That(Fault(Strace.Parse(lines), "/d", Body, Ack), Is.EqualTo(fault));

    /// <summary>What is wrong with these calls; null: it was written, then that file was flushed, then the answer sent.</summary>
    private static string? Fault(List<SystemCall> calls, string directory, string written, byte[] answer)
    {
        var text = Encoding.UTF8.GetBytes(written);
        var write = calls.Find(call => call.File.StartsWith(directory, StringComparison.Ordinal) && call.Carries(text) && call.Succeeded);
        var send = calls.Find(call => call.Carries(answer));
        if (write is null) return "not written";
        if (send is null) return "not sent";
        var flushed = calls.Exists(call => call.Name is "fdatasync" or "fsync" && call.File == write.File && call.Succeeded &&
            call.Began > write.Ended && call.Ended < send.Began);
        return flushed ? null : "not flushed";
    }
}
