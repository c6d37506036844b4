using System.Text;
using AMQP.Net;
using Amqp.Core.Errors;
using Amqp.Core.Security;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Errors;

/// <summary>The catalogue against the texts of RabbitMQ 3.13.7, which clients and their tests compare.</summary>
public class BrokerErrorTests
{
    private static readonly Resource Queue = Resource.Queue("/", "q");
    private static readonly Resource Exchange = Resource.Exchange("/", "x");

    private static IEnumerable<TestCaseData> Catalogue() =>
        Queues().Concat(Exchanges()).Concat(Permissions()).Concat(Basic()).Concat(Channels()).Concat(Connections());

    private static IEnumerable<TestCaseData> Queues()
    {
        yield return Case(BrokerError.QueueNotFound("/", "q"), 404, "NOT_FOUND - no queue 'q' in vhost '/'");
        yield return Case(BrokerError.NoPreviouslyDeclaredQueue, 404, "NOT_FOUND - no previously declared queue");
        yield return Case(BrokerError.QueueHomeNodeDown("/", "q", "rabbit@h"), 404, "NOT_FOUND - home node 'rabbit@h' of durable queue 'q' in vhost '/' is down or inaccessible");
        yield return Case(BrokerError.QueueStopped("/", "q"), 404, "NOT_FOUND - queue 'q' in vhost '/' process is stopped by supervisor");
        yield return Case(BrokerError.QueueCrashed("/", "q"), 404, "NOT_FOUND - queue 'q' in vhost '/' has crashed and failed to restart");
        yield return Case(BrokerError.QueueOperationTimedOut("/", "q"), 404, "NOT_FOUND - failed to perform operation on queue 'q' in vhost '/' due to timeout");
        yield return Case(BrokerError.QueueLocked("/", "q"), 405, "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.");
        yield return Case(BrokerError.InvalidArg("x-expires", Queue, "{value_zero,0}"), 406, "PRECONDITION_FAILED - invalid arg 'x-expires' for queue 'q' in vhost '/': {value_zero,0}");
        yield return Case(BrokerError.ArgNotOfQueueType("x-max-age", Queue, QueueType.Classic), 406, "PRECONDITION_FAILED - invalid arg 'x-max-age' for queue 'q' in vhost '/' of queue type rabbit_classic_queue");
        yield return Case(BrokerError.InvalidArgType(FieldType.SignedInt, "x-dead-letter-exchange", Queue), 406, "PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'");
        yield return Case(BrokerError.InvalidQueueProperty("non-durable", Queue), 406, "PRECONDITION_FAILED - invalid property 'non-durable' for queue 'q' in vhost '/'");
        yield return Case(BrokerError.ServerNamedNotAllowed(QueueType.Quorum), 406, "PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_quorum_queue");
        yield return Case(BrokerError.QueueInUse("/", "q"), 406, "PRECONDITION_FAILED - queue 'q' in vhost '/' in use");
        yield return Case(BrokerError.QueueNotEmpty("/", "q"), 406, "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty");
        yield return Case(BrokerError.QueueInExclusiveUse("/", "q"), 403, "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use");
        yield return Case(BrokerError.VhostQueueLimitReached("/", "q", 9), 406, "PRECONDITION_FAILED - cannot declare queue 'q': queue limit in vhost '/' (9) is reached");
        yield return Case(BrokerError.PurgeNotSupported("/", "s"), 540, "NOT_IMPLEMENTED - queue.purge not supported by stream queues queue 's' in vhost '/'");
    }

    private static IEnumerable<TestCaseData> Exchanges()
    {
        yield return Case(BrokerError.ExchangeNotFound("/", "x"), 404, "NOT_FOUND - no exchange 'x' in vhost '/'");
        yield return Case(BrokerError.InequivalentArg("durable", Queue, received: false, current: true), 406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'");
        yield return Case(BrokerError.InequivalentArg("type", Exchange, "fanout", "direct"), 406, "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current is 'direct'");
        yield return Case(BrokerError.InequivalentArg("x-message-ttl", Queue, FieldValue.From(2), FieldValue.From(1)), 406, "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received '2' but current is '1'");
        yield return Case(BrokerError.InequivalentArg("x-message-ttl", Queue, FieldValue.From(2), current: null), 406, "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received the value '2' of type 'signedint' but current is none");
        yield return Case(BrokerError.InequivalentArg("x-overflow", Queue, received: null, FieldValue.From("drop-head")), 406, "PRECONDITION_FAILED - inequivalent arg 'x-overflow' for queue 'q' in vhost '/': received none but current is the value 'drop-head' of type 'longstr'");
        yield return Case(BrokerError.ReservedPrefix(ResourceKind.Queue, "amq.x"), 403, "ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix 'amq.*'");
        yield return Case(BrokerError.ReservedPrefix(ResourceKind.Exchange, "amq.x"), 403, "ACCESS_REFUSED - exchange name 'amq.x' contains reserved prefix 'amq.*'");
        yield return Case(BrokerError.DefaultExchange, 403, "ACCESS_REFUSED - operation not permitted on the default exchange");
        yield return Case(BrokerError.SystemExchangeDeletion("/", "amq.direct"), 403, "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed");
        yield return Case(BrokerError.PublishToInternalExchange("/", "x"), 403, "ACCESS_REFUSED - cannot publish to internal exchange 'x' in vhost '/'");
        yield return Case(BrokerError.ExchangeInUse("/", "x"), 406, "PRECONDITION_FAILED - exchange 'x' in vhost '/' in use");
        yield return Case(BrokerError.UnknownExchangeType("foo"), 406, "PRECONDITION_FAILED - unknown exchange type 'foo'");
        yield return Case(BrokerError.InvalidExchangeType("foo"), 406, "PRECONDITION_FAILED - invalid exchange type 'foo'");
        yield return Case(BrokerError.InvalidXMatchValue(FieldValue.From("some")), 406, "PRECONDITION_FAILED - Invalid x-match field value <<\"some\">>; expected all, any, all-with-x, or any-with-x");
        yield return Case(BrokerError.InvalidXMatchType(FieldValue.From(5)), 406, "PRECONDITION_FAILED - Invalid x-match field type signedint (value 5); expected longstr");
    }

    private static IEnumerable<TestCaseData> Permissions()
    {
        yield return Case(BrokerError.ResourceAccessRefused(Access.Configure, Queue, "u"), 403, "ACCESS_REFUSED - configure access to queue 'q' in vhost '/' refused for user 'u'");
        yield return Case(BrokerError.TopicAccessRefused(Access.Write, "rk", "/", "x", "u"), 403, "ACCESS_REFUSED - write access to topic 'rk' in exchange 'x' in vhost '/' refused for user 'u'");
    }

    private static IEnumerable<TestCaseData> Basic()
    {
        yield return Case(BrokerError.UnknownDeliveryTag(7), 406, "PRECONDITION_FAILED - unknown delivery tag 7");
        yield return Case(BrokerError.ConsumerTagReuse("c"), 530, "NOT_ALLOWED - attempt to reuse consumer tag 'c'");
        yield return Case(BrokerError.ConsumerLimitReached(10), 530, "NOT_ALLOWED - reached maximum (10) of consumers per channel");
        yield return Case(BrokerError.UserIdMismatch("a", "b"), 406, "PRECONDITION_FAILED - user_id property set to 'a' but authenticated user was 'b'");
        yield return Case(BrokerError.InvalidExpiration("soon", "no_integer"), 406, "PRECONDITION_FAILED - invalid expiration 'soon': no_integer");
        yield return Case(BrokerError.MessageTooLarge(11, 10), 406, "PRECONDITION_FAILED - message size 11 is larger than configured max size 10");
        yield return Case(BrokerError.MessageTooLarge(11, 10, limitIsHard: true), 406, "PRECONDITION_FAILED - message size 11 is larger than max size 10");
        yield return Case(BrokerError.RoutingHeaderNotArray("CC", FieldType.LongString), 406, "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"CC\",longstr}");
        yield return Case(BrokerError.ImmediateNotImplemented, 540, "NOT_IMPLEMENTED - immediate=true");
        yield return Case(BrokerError.PrefetchSizeNotImplemented(5), 540, "NOT_IMPLEMENTED - prefetch_size!=0 (5)");
        yield return Case(BrokerError.RecoverWithoutRequeue, 540, "NOT_IMPLEMENTED - requeue=false");
        yield return Case(BrokerError.GlobalQosNotSupported("/", "q"), 540, "NOT_IMPLEMENTED - queue 'q' in vhost '/' does not support global qos");
        yield return Case(BrokerError.PrefetchNotSet("/", "q"), 406, "PRECONDITION_FAILED - consumer prefetch count is not set for 'queue 'q' in vhost '/''");
        yield return Case(BrokerError.GetWithSingleActiveConsumer("/", "q"), 405, "RESOURCE_LOCKED - cannot obtain access to locked queue 'q' in vhost '/'. basic.get operations are not supported by quorum queues with single active consumer");
        yield return Case(BrokerError.DeliveryAcknowledgementTimedOut(1, 1_800_000), 406, "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms. This timeout value can be configured, see consumers doc guide to learn more");
        yield return Case(BrokerError.ReplyConsumerCannotAcknowledge, 406, "PRECONDITION_FAILED - reply consumer cannot acknowledge");
        yield return Case(BrokerError.ReplyConsumerAlreadySet, 406, "PRECONDITION_FAILED - reply consumer already set");
        yield return Case(BrokerError.NoReplyConsumer, 406, "PRECONDITION_FAILED - fast reply consumer does not exist");
    }

    private static IEnumerable<TestCaseData> Channels()
    {
        yield return Case(BrokerError.FlowInactive, 540, "NOT_IMPLEMENTED - active=false");
        yield return Case(BrokerError.ConfirmToTx, 406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode");
        yield return Case(BrokerError.TxToConfirm, 406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode");
        yield return Case(BrokerError.NotTransactional, 406, "PRECONDITION_FAILED - channel is not transactional");
        yield return Case(BrokerError.PartialTxCompletion, 406, "PRECONDITION_FAILED - partial tx completion");
        yield return Case(BrokerError.SecondChannelOpen, 504, "CHANNEL_ERROR - second 'channel.open' seen");
        yield return Case(BrokerError.ChannelNotOpen, 504, "CHANNEL_ERROR - expected 'channel.open'");
        yield return Case(BrokerError.ChannelLimitReached(3, 3), 530, "NOT_ALLOWED - number of channels opened (3) has reached the negotiated channel_max (3)");
        yield return Case(BrokerError.UserChannelLimitReached("u", 3), 530, "NOT_ALLOWED - number of channels opened for user 'u' has reached the maximum allowed user limit of (3)");
        yield return Case(BrokerError.NodeChannelLimitReached("n", 3), 530, "NOT_ALLOWED - number of channels opened on node 'n' has reached the maximum allowed limit of (3)");
    }

    private static IEnumerable<TestCaseData> Connections()
    {
        yield return Case(BrokerError.NegotiatedTooLow("frame_max", 1024, 4096), 530, "NOT_ALLOWED - negotiated frame_max = 1024 is lower than the minimum allowed value (4096)");
        yield return Case(BrokerError.NegotiatedTooHigh("frame_max", 200_000, 131_072), 530, "NOT_ALLOWED - negotiated frame_max = 200000 is higher than the maximum allowed value (131072)");
        yield return Case(BrokerError.NegotiatedTooHigh("channel_max", 0, 2047), 530, "NOT_ALLOWED - negotiated channel_max = 0 (no limit) is higher than the maximum allowed value (2047)");
        yield return Case(BrokerError.VhostNotFound("x"), 530, "NOT_ALLOWED - vhost x not found");
        yield return Case(BrokerError.VhostDeleted("x"), 320, "CONNECTION_FORCED - vhost 'x' is deleted");
        yield return Case(BrokerError.UserDeleted("u"), 320, "CONNECTION_FORCED - user 'u' is deleted");
        yield return Case(BrokerError.ExclusiveQueuesDeleted("n"), 320, "CONNECTION_FORCED - the other nodes have taken node 'n' for ended, and deleted the exclusive queues of this connection");
        yield return Case(BrokerError.VhostAccessRefused("x", "u"), 530, "NOT_ALLOWED - access to vhost 'x' refused for user 'u'");
        yield return Case(BrokerError.VhostConnectionLimitReached("x", "u", 9), 530, "NOT_ALLOWED - access to vhost 'x' refused for user 'u': connection limit (9) is reached");
        yield return Case(BrokerError.VhostDown("x", "u"), 541, "INTERNAL_ERROR - access to vhost 'x' refused for user 'u': vhost 'x' is down");
        yield return Case(BrokerError.UserConnectionLimitReached("u", 9), 530, "NOT_ALLOWED - connection refused for user 'u': user connection limit (9) is reached");
        yield return Case(BrokerError.NodeConnectionLimitReached(9), 530, "NOT_ALLOWED - connection refused: node connection limit (9) is reached");
        yield return Case(BrokerError.LoginRefused("PLAIN"), 403, "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.");
        yield return Case(BrokerError.LoopbackUserOnly("guest"), 403, "ACCESS_REFUSED - user 'guest' can only connect via localhost");
        yield return Case(BrokerError.UnknownAuthenticationMechanism("X"), 503, "COMMAND_INVALID - unknown authentication mechanism 'X'");
        yield return Case(BrokerError.ForcedClosure("shutdown"), 320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'");
        yield return Case(BrokerError.ClosedByOperator(null), 320, "CONNECTION_FORCED - Closed via management plugin");
        yield return Case(BrokerError.UnexpectedMethodInState("running"), 504, "CHANNEL_ERROR - unexpected method in connection state running");
    }

    [TestCaseSource(nameof(Catalogue))]
    public void Code_and_text_are_RabbitMQs(BrokerError error, int code, string text)
    {
        Assert.That((int)error.Code, Is.EqualTo(code));
        Assert.That(error.ReplyText, Is.EqualTo(text));
    }

    [TestCase(ReplyCode.NotFound, false)]
    [TestCase(ReplyCode.PreconditionFailed, false)]
    [TestCase(ReplyCode.NotAllowed, true)]
    [TestCase(ReplyCode.InternalError, true)]
    public void Hard_errors_close_the_connection(ReplyCode code, bool isHard) =>
        Assert.That(new BrokerError(code, "text").IsHard, Is.EqualTo(isHard));

    [Test]
    public void A_text_of_255_bytes_is_whole()
    {
        var text = new string('a', 255 - "NOT_FOUND - ".Length);
        Assert.That(new BrokerError(ReplyCode.NotFound, text).ReplyText, Is.EqualTo("NOT_FOUND - " + text));
    }

    [Test]
    public void A_longer_text_is_cut_to_252_bytes_and_three_dots()
    {
        var text = new BrokerError(ReplyCode.NotFound, new string('a', 300)).ReplyText;
        Assert.That(text, Has.Length.EqualTo(255));
        Assert.That(text, Does.EndWith("aa..."));
    }

    [Test]
    public void A_text_is_UTF8_even_if_the_name_in_it_is_not()
    {
        Assert.That(BrokerError.ExchangeNotFound("/", "caf\uDCE9").ReplyText, Is.EqualTo("NOT_FOUND - no exchange 'caf\uFFFD' in vhost '/'"));
        Assert.That(new BrokerError(ReplyCode.NotFound, new string('\uDCE9', 200)).ReplyText, Does.EndWith("\uFFFD..."));
    }

    [TestCase("ä")]
    [TestCase("€")]
    [TestCase("😀")]
    public void A_text_is_never_cut_inside_a_character(string character)
    {
        var filler = string.Concat(Enumerable.Repeat(character, 200));
        for (var offset = 0; offset < 4; offset++)
        {
            var text = new BrokerError(ReplyCode.NotFound, new string('a', offset) + filler).ReplyText;
            Assert.That(text, Does.EndWith(character + "..."));
            Assert.That(Encoding.UTF8.GetByteCount(text), Is.InRange(252, 255));
        }
    }

    [Test]
    public void Values_are_printed_as_Erlang_terms()
    {
        var table = FieldTable.From(("k", FieldValue.From("v")));
        Assert.Multiple(() =>
        {
            Assert.That(Printed(FieldValue.From("ä")), Does.Contain("<<\"ä\"/utf8>>"));
            Assert.That(Printed(FieldValue.LongString([1, 255])), Does.Contain("<<1,255>>"));
            Assert.That(Printed(FieldValue.From(1.0)), Does.Contain("value 1.0;"));
            Assert.That(Printed(FieldValue.From(table)), Does.Contain("[{<<\"k\">>,longstr,<<\"v\">>}]"));
            Assert.That(Printed(FieldValue.From(FieldTable.From(("k\uDCE9", FieldValue.Void)))), Does.Contain("[{<<107,233>>,void,undefined}]"));
            Assert.That(Printed(FieldValue.From([FieldValue.From(true), FieldValue.Void])), Does.Contain("[{bool,true},{void,undefined}]"));
        });

        static string Printed(FieldValue value) => BrokerError.InvalidXMatchValue(value).Text;
    }

    private static TestCaseData Case(BrokerError error, int code, string text) =>
        new TestCaseData(error, code, text).SetArgDisplayNames(text);
}
