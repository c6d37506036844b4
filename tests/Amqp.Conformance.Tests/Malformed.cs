using Amqp.Testing;
using AMQP.Net;

namespace Amqp.Conformance.Tests;

/// <summary>
/// Bytes that are no AMQP, where RabbitMQ drops the connection without a word, answers 541 or passes them on. Ours ends the
/// connection with a reason. What both answer alike is in <see cref="ErrorTests"/>.
/// </summary>
public sealed class MalformedTests : BrokerFixture
{
    private static IEnumerable<TestCaseData> Rows()
    {
        // queue.declare "q" with the arguments { name of 200 octets announced ...
        yield return Row("table cut short within a method", ReplyCode.FrameError, "FRAME_ERROR - cannot decode <<0,0,1,113,0,0,0,0,2,200,97>>",
            raw => raw.SendFrame(1, 1, [0, 50, 0, 10, 0, 0, 1, (byte)'q', 0, 0, 0, 0, 2, 200, (byte)'a']));
        yield return Row("table with a type that is none", ReplyCode.FrameError,
            "FRAME_ERROR - cannot decode <<0,0,1,113,0,0,0,0,3,1,97,63>>",
            raw => raw.SendFrame(1, 1, [0, 50, 0, 10, 0, 0, 1, (byte)'q', 0, 0, 0, 0, 3, 1, (byte)'a', (byte)'?']));
        yield return Row("properties cut short", ReplyCode.SyntaxError, "SYNTAX_ERROR - ",
            async raw =>
            {
                await raw.Send(1, new BasicPublish("", "nowhere", false, false));
                await raw.SendContentHeader(1, 0, [0x80, 0, 5, (byte)'t']);
            });
        yield return Row("more property flags than there are", ReplyCode.SyntaxError, "SYNTAX_ERROR - ",
            async raw =>
            {
                await raw.Send(1, new BasicPublish("", "nowhere", false, false));
                await raw.SendContentHeader(1, 0, [0, 1, 0, 0]);
            });
        yield return Row("more body than announced", ReplyCode.UnexpectedFrame, "UNEXPECTED_FRAME - ",
            async raw =>
            {
                await raw.Send(1, new BasicPublish("", "nowhere", false, false));
                await raw.SendContentHeader(1, 2);
                await raw.SendFrame(3, 1, [1, 2, 3]);
            });
    }

    [Ours]
    [TestCaseSource(nameof(Rows))]
    public async Task Malformed_bytes_end_the_connection_with_a_reason(Func<RawConnection, Task> send, ReplyCode code, string text)
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await send(raw);
        var close = await raw.Expect<ConnectionClose>(0);
        Assert.That((close.ReplyCode, close.ReplyText[..Math.Min(close.ReplyText.Length, text.Length)]), Is.EqualTo((code, text)));
        await raw.Send(0, default(ConnectionCloseOk));
        await raw.ExpectEnd();
    }

    [Test, Same]
    public async Task A_method_number_that_does_not_exist_ends_the_connection()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.SendFrame(1, 1, [0, 60, 0, 99]);
        await raw.ReadToEnd();
    }

    [Test, Same]
    public async Task Noise_instead_of_frames_ends_the_connection_and_harms_nobody()
    {
        var random = new Random(20261121);
        for (var i = 0; i < 3; i++)
        {
            await using var raw = await RawConnection.Open(Broker);
            await raw.OpenChannel(1);
            var noise = new byte[200];
            random.NextBytes(noise);
            noise[0] = 0xff; // no frame type, so that nothing is waited for
            noise.AsSpan(1, 6).Clear();
            await raw.SendBytes(noise);
            await raw.ReadToEnd();
        }
        await using var after = await RawConnection.Open(Broker);
        await after.OpenChannel(1);
        await after.Close();
    }

    private static TestCaseData Row(string name, ReplyCode code, string text, Func<RawConnection, Task> send) =>
        new TestCaseData(send, code, text).SetName($"Malformed_bytes_end_the_connection_with_a_reason({name})");
}
