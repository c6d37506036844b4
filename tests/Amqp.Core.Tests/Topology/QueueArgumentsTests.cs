using AMQP.Net;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Topology;

public class QueueArgumentsTests
{
    private const string NotSupported = " of queue type rabbit_classic_queue: not supported by this broker";

    private static readonly FieldValue Text = FieldValue.From("text");

    private static IEnumerable<TestCaseData> Refused()
    {
        yield return Case("x-expires", FieldValue.From(0), ": {value_zero,0}");
        yield return Case("x-expires", FieldValue.From(-1), ": {value_negative,-1}");
        yield return Case("x-expires", FieldValue.From(315_360_000_001), ": {value_too_large,315360000001}");
        yield return Case("x-expires", Text, ": \"expected integer, got longstr\"");
        yield return Case("x-message-ttl", FieldValue.From(-1), ": {value_negative,-1}");
        yield return Case("x-message-ttl", FieldValue.From(1.5), ": \"expected integer, got double\"");
        yield return Case("x-dead-letter-routing-key", Text, ": routing_key_but_no_dlx_defined");
        yield return Case("x-dead-letter-routing-key", FieldValue.From(1), ": {unacceptable_type,signedint}");
        yield return Case("x-max-length", FieldValue.From(-5), ": {value_negative,-5}");
        yield return Case("x-max-length-bytes", Text, ": \"expected integer, got longstr\"");
        yield return Case("x-max-priority", FieldValue.From(256), ": {max_value_exceeded,256}");
        yield return Case("x-overflow", Text, ": invalid_overflow");
        yield return Case("x-overflow", FieldValue.From(true), ": {unacceptable_type,bool}");
        yield return Case("x-queue-mode", Text, ": \"unsupported queue mode 'text'\"");
        yield return Case("x-queue-version", FieldValue.From(3), ": \"unsupported queue version '3'\"");
        yield return Case("x-consumer-timeout", FieldValue.From(-1), ": {value_negative,-1}");
        yield return Case("x-single-active-consumer", Text, ": {unacceptable_type,longstr}");
        yield return Case("x-queue-type", Text, ": \"unsupported queue type 'text'\"");
        yield return Case("x-queue-type", FieldValue.From(1), ": {unacceptable_type,signedint}");
        yield return Case("x-queue-type", FieldValue.From("stream"), ": queue type 'stream' is not supported by this broker");
        yield return Case("x-dead-letter-strategy", FieldValue.From("at-least-once"), " of queue type rabbit_classic_queue");
        yield return Case("x-max-age", FieldValue.From("1D"), " of queue type rabbit_classic_queue");
        yield return Case("x-queue-leader-locator", FieldValue.From("balanced"), " of queue type rabbit_classic_queue");
        yield return Case("x-quorum-initial-group-size", FieldValue.From(3), " of queue type rabbit_classic_queue");
    }

    [TestCaseSource(nameof(Refused))]
    public void Refused_with_RabbitMQs_words(string argument, FieldValue value, string end) => Assert.That(
        Validate((argument, value)), Is.EqualTo($"invalid arg '{argument}' for queue 'q' in vhost '/'{end}"));

    [TestCase("x-queue-type", "classic")]
    [TestCase("x-queue-type", "undefined")]
    [TestCase("x-queue-mode", "lazy")]
    [TestCase("x-queue-mode", "default")]
    [TestCase("x-queue-master-locator", "min-masters")]
    [TestCase("x-ha-policy", "all")]
    [TestCase("anything", "else")]
    public void Accepted(string argument, string value) => Assert.That(Validate((argument, FieldValue.From(value))), Is.Null);

    [Test]
    public void Times_of_every_integer_type_are_taken()
    {
        FieldValue[] tens =
        [
            FieldValue.From((sbyte)10), FieldValue.From((byte)10), FieldValue.From((short)10), FieldValue.From((ushort)10),
            FieldValue.From(10), FieldValue.From(10u), FieldValue.From(10L),
        ];
        foreach (var ten in tens)
        {
            Assert.That(Validate(("x-message-ttl", ten), ("x-expires", ten)), Is.Null);
            var parsed = QueueArguments.Parse(FieldTable.From(("x-message-ttl", ten), ("x-expires", ten)));
            Assert.That((parsed.MessageTtlMs, parsed.ExpiresMs), Is.EqualTo((10L, 10L)));
        }
    }

    [Test]
    public void Arguments_are_judged_in_RabbitMQs_order_and_not_in_the_clients()
    {
        Assert.That(Validate(("x-max-length", FieldValue.From(-1)), ("x-expires", FieldValue.From(0))), Does.Contain("'x-expires'"));
        Assert.That(Validate(("x-expires", FieldValue.From(0)), ("x-queue-type", Text)), Does.Contain("'x-queue-type'"));
        Assert.That(
            Validate(("x-max-length", FieldValue.From(1)), ("x-max-priority", FieldValue.From(256))), Does.Contain("'x-max-priority'"),
            "a wrong value is worse than an effect that is not there yet");
    }

    [Test]
    public void Integers_of_any_width_are_equal_by_value() =>
        Assert.That(Redeclare(("x-message-ttl", FieldValue.From(10)), ("x-message-ttl", FieldValue.From(10L))), Is.Null);

    [Test]
    public void Classic_is_what_a_queue_is_that_says_nothing()
    {
        var classic = ("x-queue-type", FieldValue.From("classic"));
        Assert.That(Redeclare(null, classic), Is.Null);
        Assert.That(Redeclare(classic, null), Is.Null);
    }

    [Test]
    public void Another_value_is_another_queue()
    {
        var (one, two) = (("x-message-ttl", FieldValue.From(1)), ("x-message-ttl", FieldValue.From(2)));
        Assert.Multiple(() =>
        {
            Assert.That(Redeclare(one, two), Does.EndWith("received '2' but current is '1'"));
            Assert.That(Redeclare(one, null), Does.EndWith("received none but current is the value '1' of type 'signedint'"));
            Assert.That(Redeclare(null, two), Does.EndWith("received the value '2' of type 'signedint' but current is none"));
            Assert.That(Redeclare(one, ("x-message-ttl", Text)), Does.EndWith("received 'text' but current is '1'"));
        });
    }

    [Test]
    public void Arguments_that_a_classic_queue_does_not_have_are_not_compared()
    {
        Assert.That(Redeclare(("x-ha-policy", Text), null), Is.Null);
        Assert.That(Redeclare(null, ("x-max-age", Text)), Is.Null, "RabbitMQ validates only what it creates");
    }

    private static string? Validate(params (string, FieldValue)[] arguments) =>
        QueueArguments.Validate(Resource.Queue("/", "q"), FieldTable.From(arguments))?.Text;

    private static string? Redeclare((string, FieldValue)? first, (string, FieldValue)? second)
    {
        var story = new TopologyStory().Queue("q", arguments: Table(first));
        return story.Error(new DeclareQueue("/", "q", Durable: true, AutoDelete: false, Exclusive: false, Table(second), null))?.Text;

        static FieldTable Table((string, FieldValue)? field) => field is { } one ? FieldTable.From(one) : FieldTable.Empty;
    }

    private static TestCaseData Case(string argument, FieldValue value, string end) =>
        new TestCaseData(argument, value, end).SetArgDisplayNames(argument, value.ToString(), end);
}
