using System.Text.Json;
using AMQP.Net;
using Amqp.Core.Policies;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Queues;

/// <summary>What arguments and policies make together, of what <c>PolicyTests</c> does not have.</summary>
internal sealed class QueueSettingsTests
{
    [TestCase(3L, null, 3)]
    [TestCase(null, 5, 5)]
    [TestCase(3L, 5, 3)]
    [TestCase(8L, 5, 5)]
    [TestCase(-1L, 5, 5, Description = "a negative one is none")]
    [TestCase(-1L, null, long.MaxValue)]
    public void The_smaller_delivery_limit_counts(long? argument, int? policy, long expected) => Assert.That(
        Of(argument is null ? [] : [("x-delivery-limit", FieldValue.From(argument.Value))], policy is null ? "{}" : $$"""{"delivery-limit":{{policy}}}""").DeliveryLimit,
        Is.EqualTo(expected));

    [Test]
    public void Deliveries_are_counted_where_that_matters()
    {
        Assert.That(Of([]).CountsDeliveries, Is.False);
        Assert.That(Of([("x-queue-type", FieldValue.From("quorum"))]).CountsDeliveries, Is.True);
        Assert.That(Of([("x-delivery-limit", FieldValue.From(9))]).CountsDeliveries, Is.True);
        Assert.That(Of([], """{"delayed-retry-type":"all","delayed-retry-min":5}""").CountsDeliveries, Is.True);
        Assert.That(Of([], """{"delayed-retry-type":"disabled"}""").CountsDeliveries, Is.False);
    }

    [TestCase("quorum", "drop-head", "reject-publish", Overflow.RejectPublish, Description = "the policy")]
    [TestCase("quorum", "reject-publish", null, Overflow.RejectPublish)]
    [TestCase("quorum", "reject-publish-dlx", null, Overflow.DropHead, Description = "there is no such way")]
    [TestCase("classic", "drop-head", "reject-publish", Overflow.DropHead, Description = "the argument")]
    [TestCase("classic", "reject-publish-dlx", null, Overflow.RejectPublishDlx)]
    public void The_overflow_depends_on_the_type(string type, string argument, string? policy, Overflow expected) => Assert.That(
        Of([("x-queue-type", FieldValue.From(type)), ("x-overflow", FieldValue.From(argument))], policy is null ? "{}" : $$"""{"overflow":"{{policy}}"}""").Overflow,
        Is.EqualTo(expected));

    [TestCase("classic", 10)]
    [TestCase("quorum", 20)]
    public void The_policy_says_when_a_quorum_queue_expires(string type, long expected) => Assert.That(
        Of([("x-queue-type", FieldValue.From(type)), ("x-expires", FieldValue.From(10))], """{"expires":20}""").ExpiresMs, Is.EqualTo(expected));

    [TestCase("at-least-once", "reject-publish", true)]
    [TestCase("at-least-once", "drop-head", false)]
    [TestCase("at-most-once", "reject-publish", false)]
    public void Dead_letters_are_tried_again_only_where_the_queue_may_be_full(string strategy, string overflow, bool expected) => Assert.That(
        Of([("x-queue-type", FieldValue.From("quorum")), ("x-dead-letter-strategy", FieldValue.From(strategy)), ("x-overflow", FieldValue.From(overflow))]).RetriesDeadLetters,
        Is.EqualTo(expected));

    [Test]
    public void What_waits_is_said_by_the_policy_and_how_long_by_the_smaller()
    {
        (string, FieldValue)[] arguments =
        [
            ("x-delayed-retry-type", FieldValue.From("all")), ("x-delayed-retry-min", FieldValue.From(10)), ("x-delayed-retry-max", FieldValue.From(50)),
            ("x-delayed-retry-multiplier", FieldValue.From(3)),
        ];
        Assert.That(Of(arguments).Retry, Is.EqualTo(new RetryDelay(RetryType.All, 10, 50, 3)));
        Assert.That(
            Of(arguments, """{"delayed-retry-type":"failed","delayed-retry-min":20,"delayed-retry-max":30}""").Retry,
            Is.EqualTo(new RetryDelay(RetryType.Failed, 10, 30, 3)));
        Assert.That(Of(arguments, """{"delayed-retry-type":"disabled"}""").Retry, Is.EqualTo(default(RetryDelay)));
        Assert.That(Of([], """{"delayed-retry-type":"all","delayed-retry-min":20}""").Retry, Is.EqualTo(new RetryDelay(RetryType.All, 20, 20, 0)), "always the same");
        (string, FieldValue)[] shorter = [("x-retry-delay-min-ms", FieldValue.From(10)), ("x-retry-delay-max-ms", FieldValue.From(50)), ("x-retry-delay-multiplier", FieldValue.From(3))];
        Assert.That(Of(shorter).Retry, Is.EqualTo(Of(arguments).Retry));
        Assert.That(Of([("x-delayed-retry-type", FieldValue.From("all"))]).Retry, Is.EqualTo(default(RetryDelay)), "without a first wait there is none");
    }

    [Test]
    public void The_smaller_consumer_timeout_counts_and_the_action_of_the_argument()
    {
        var settings = Of(
            [("x-consumer-timeout", FieldValue.From(10)), ("x-consumer-timeout-action", FieldValue.From("requeue"))],
            """{"consumer-timeout":5,"consumer-timeout-action":"close-channel"}""");
        Assert.That((settings.ConsumerTimeoutMs, settings.ConsumerTimeoutRequeues), Is.EqualTo(((long?)5, true)));
        settings = Of([], """{"consumer-timeout":5,"consumer-timeout-action":"requeue"}""");
        Assert.That((settings.ConsumerTimeoutMs, settings.ConsumerTimeoutRequeues), Is.EqualTo(((long?)5, true)));
        Assert.That(Of([]).ConsumerTimeoutMs, Is.Null);
    }

    private static QueueSettings Of((string, FieldValue)[] arguments, string policy = "{}")
    {
        using var json = JsonDocument.Parse(policy);
        return QueueSettings.Of(QueueArguments.Parse(FieldTable.From(arguments)), PolicyDefinition.Of(json.RootElement.Clone()));
    }
}
