using Amqp.Testing;
using AMQP.Net;
using NUnit.Framework.Internal;

namespace Amqp.Conformance.Tests.Support;

/// <summary>The helpers must fail when they should: a test that cannot fail proves nothing.</summary>
[Same]
public sealed class TestingTests : BrokerFixture
{
    [Test]
    public async Task Eventually_fails_with_what_was_waited_for()
    {
        var asked = 0;
        var failure = await FailureOf(() => Eventually.That(() => ++asked, Is.LessThan(0), within: TimeSpan.FromMilliseconds(50)));
        Assert.That(failure, Does.Contain("++asked").And.Contain("less than 0").And.Contain($"But was:  {asked}"));
        Assert.That(asked, Is.GreaterThan(1));
    }

    [Test]
    public async Task Eventually_ends_as_soon_as_it_holds()
    {
        var asked = 0;
        await Eventually.True(() => ++asked == 3);
        Assert.That(asked, Is.EqualTo(3));
    }

    [Test]
    public async Task Never_fails_when_it_happens() =>
        Assert.That(await FailureOf(() => Eventually.Never(() => true, TimeSpan.FromSeconds(1))), Does.Contain("happened"));

    [Test]
    public async Task A_raw_connection_fails_for_another_method_and_says_which()
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.Send(1, default(ChannelOpen));
        Assert.That(await FailureOf(() => raw.Expect<BasicQosOk>(1)),
            Does.Contain("expected basic.qos-ok on channel 1, but there came channel.open-ok on channel 1"));
        await raw.Send(1, new BasicAck(9, false));
        Assert.That(await FailureOf(() => raw.Expect<BasicQosOk>(1)), Does.Contain("406").Or.Contain("PreconditionFailed"));
    }

    [Test]
    public async Task A_raw_connection_fails_for_silence()
    {
        await using var raw = await RawConnection.Open(Broker);
        raw.Deadline = TimeSpan.FromMilliseconds(50);
        Assert.That(await FailureOf(() => raw.ReadFrame()), Does.Contain("nothing came"));
    }

    [TestCase(ReplyCode.NotFound, "PRECONDITION_FAILED - unknown delivery tag 9")]
    [TestCase(ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag")]
    public async Task A_raw_connection_fails_for_another_code_or_text(ReplyCode code, string text)
    {
        await using var raw = await RawConnection.Open(Broker);
        await raw.OpenChannel(1);
        await raw.Send(1, new BasicAck(9, false));
        Assert.That(await FailureOf(() => raw.ExpectChannelClose(1, code, text)), Does.Contain("unknown delivery tag 9"));
    }

    [TestCase("2026-11-21T09:44:29.123Z info: Category[0] message", false)]
    [TestCase("2026-11-21T09:44:29.123Z warn: Category[0] message", true)]
    [TestCase("2026-11-21T09:44:29.123Z fail: Category[0] message", true)]
    [TestCase("2026-11-21T09:44:29.123Z crit: Category: message", true)]
    [TestCase("2026-11-21T09:44:29.123Z info: Category[0] I warn: you", false)]
    [TestCase("fail: Category[0] without a time", true)]
    public void Warnings_and_errors_are_trouble(string line, bool isTrouble)
    {
        var log = new BrokerLog();
        log.AddOutput(line);
        Assert.That(log.TakeTrouble(), isTrouble ? Is.EqualTo([line]) : Is.Empty);
        Assert.That(log.TakeTrouble(), Is.Empty, "it is told once");
    }

    [Test]
    public void Trouble_that_was_declared_is_none_and_must_come()
    {
        var log = new BrokerLog();
        log.Expect("login .* refused");
        Assert.That(log.Missing(), Is.EqualTo(["login .* refused"]));
        log.AddOutput("warn: Connections[0] login of guest refused");
        log.AddOutput("warn: Connections[0] something else");
        Assert.That(log.Missing(), Is.Empty);
        Assert.That(log.TakeTrouble(), Is.EqualTo(["warn: Connections[0] something else"]));
    }

    [Test]
    public void A_declaration_covers_a_line_that_comes_a_moment_after_its_test_and_no_later()
    {
        var log = new BrokerLog();
        log.Expect("refused");
        log.EndTest();
        log.AddOutput("warn: Connections[0] refused");
        Assert.That(log.TakeTrouble(), Is.Empty);
        log.EndTest();
        log.AddOutput("warn: Connections[0] refused");
        Assert.That(log.TakeTrouble(), Has.Count.EqualTo(1));
    }

    [Test]
    public void What_comes_on_the_error_stream_is_trouble()
    {
        var log = new BrokerLog();
        log.AddError("Unhandled exception. System.Exception");
        log.AddError("");
        Assert.That(log.TakeTrouble(), Has.Count.EqualTo(1));
    }

    /// <summary>The failure is taken off the running test's record.</summary>
    private static async Task<string> FailureOf(Func<Task> assertion)
    {
        using var isolated = new TestExecutionContext.IsolatedContext();
        try
        {
            await assertion();
        }
        catch (AssertionException exception)
        {
            return exception.Message;
        }
        return "it did not fail";
    }
}
