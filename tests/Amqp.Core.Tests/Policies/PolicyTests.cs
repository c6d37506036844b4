using System.Text.Json;
using AMQP.Net;
using Amqp.Core.Policies;
using Amqp.Core.Queues;
using Amqp.Core.Tests.Topology;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Policies;

/// <summary>Policies and operator policies: what is refused, which one acts, and what they make together.</summary>
public class PolicyTests
{
    private readonly TopologyStory _story = new();

    [TestCase("{}", "no policy provided")]
    [TestCase("[1]", "definition must be a dictionary: [1]")]
    [TestCase("""{"message-ttl":-1}""", "-1 is not a valid message TTL")]
    [TestCase("""{"message-ttl":"1"}""", """<<"1">> is not a valid message TTL""")]
    [TestCase("""{"message-ttl":1.5}""", "1.5 is not a valid message TTL")]
    [TestCase("""{"message-ttl":18446744073709551616}""", "18446744073709551616 is not a valid message TTL")]
    [TestCase("""{"expires":0}""", "0 is not a valid queue expiry")]
    [TestCase("""{"alternate-exchange":1}""", "1 is not a valid alternate exchange name")]
    [TestCase("""{"max-length":-1}""", "-1 is not a valid maximum length")]
    [TestCase("""{"max-length-bytes":"1"}""", """<<"1">> is not a valid maximum length in bytes""")]
    [TestCase("""{"overflow":"drop-tail"}""", """<<"drop-tail">> is not a valid overflow value""")]
    [TestCase("""{"dead-letter-exchange":1}""", "1 is not a valid dead letter exchange name")]
    [TestCase("""{"dead-letter-routing-key":null}""", "null is not a valid dead letter routing key")]
    [TestCase("""{"dead-letter-strategy":"never"}""", """<<"never">> is not a valid dead letter strategy""")]
    [TestCase("""{"delivery-limit":-1}""", "-1 is not a valid delivery limit")]
    [TestCase("""{"consumer-timeout":"1h"}""", """<<"1h">> is not a valid consumer timeout""")]
    [TestCase("""{"consumer-timeout-action":"log"}""", """<<"log">> is not a valid consumer timeout action""")]
    [TestCase("""{"delayed-retry-type":"some"}""", """<<"some">> is not a valid delayed retry type. Must be one of: all, failed, returned, disabled""")]
    [TestCase("""{"delayed-retry-min":0}""", "0 is not a valid delayed retry minimum delay. Must be a positive integer")]
    [TestCase("""{"delayed-retry-max":-1}""", "-1 is not a valid delayed retry maximum delay. Must be a positive integer")]
    [TestCase("""{"delayed-retry-type":"all"}""", "delayed-retry-min is required when delayed-retry-type is all")]
    [TestCase("""{"delayed-retry-min":5,"delayed-retry-max":4}""", "delayed-retry-max (4) must not be smaller than delayed-retry-min (5)")]
    [TestCase("""{"queue-mode":"eager"}""", """<<"eager">> is not a valid queue-mode value""")]
    [TestCase("""{"queue-version":3}""", "3 is not a valid queue-version value")]
    [TestCase("""{"queue-leader-locator":"here"}""", """<<"here">> is not a valid queue leader locator value""")]
    [TestCase("""{"queue-master-locator":"here"}""", """<<"here">> invalid queue-master-locator value""")]
    [TestCase("""{"max-in-memory-length":true}""", "true is not a valid maximum memory in bytes")]
    [TestCase("""{"target-group-size":0}""", "0 is not a valid qq target count value")]
    [TestCase("""{"initial-cluster-size":-1}""", "-1 is not a valid cluster size")]
    [TestCase("""{"nonsense":"ü","other":{"a":null}}""", """[{<<"nonsense">>,<<"ü"/utf8>>},{<<"other">>,#{<<"a">> => null}}] are not recognised policy settings""")]
    [TestCase("""{"ha-mode":"some"}""", """<<"some">> is not a valid ha-mode value""")]
    [TestCase("""{"ha-params":2}""", "ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown")]
    [TestCase("""{"ha-sync-batch-size":2}""", "ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown")]
    [TestCase("""{"ha-mode":"all","ha-params":2}""", "ha-mode=\"all\" does not take parameters")]
    [TestCase("""{"ha-mode":"exactly"}""", "ha-mode=\"exactly\" takes an integer, none given")]
    [TestCase("""{"ha-mode":"exactly","ha-params":0}""", "ha-mode=\"exactly\" takes an integer, 0 given")]
    [TestCase("""{"ha-mode":"nodes","ha-params":2}""", "ha-mode=\"nodes\" takes a list, 2 given")]
    [TestCase("""{"ha-mode":"nodes","ha-params":[]}""", "ha-mode=\"nodes\" list must be non-empty")]
    [TestCase("""{"ha-mode":"nodes","ha-params":["a",1]}""", "ha-mode=\"nodes\" takes a list of strings, [1] was not a string")]
    [TestCase("""{"ha-mode":"all","ha-sync-mode":"later"}""", """ha-sync-mode must be "manual" or "automatic", got <<"later">>""")]
    [TestCase("""{"ha-mode":"all","ha-sync-batch-size":0}""", "ha-sync-batch-size takes an integer greater than 0, 0 given")]
    [TestCase("""{"ha-mode":"all","ha-promote-on-shutdown":"no"}""", """ha-promote-on-shutdown must be "always" or "when-synced", got <<"no">>""")]
    [TestCase("""{"ha-mode":"all","ha-promote-on-failure":1}""", "ha-promote-on-failure must be \"always\" or \"when-synced\", got 1")]
    public void A_definition_that_cannot_be_is_refused_in_RabbitMQs_words(string definition, string text) =>
        Assert.That(_story.Error(Policy("p", ".*", definition))?.Text, Is.EqualTo($"Validation failed\n\n{text}\n"));

    [TestCase("""{"alternate-exchange":"x","message-ttl":0,"expires":1,"queue-mode":"lazy","queue-version":2}""")]
    [TestCase("""{"queue-leader-locator":"balanced","queue-master-locator":"min-masters","max-in-memory-length":0,"max-in-memory-bytes":0}""")]
    [TestCase("""{"ha-mode":"all","ha-sync-mode":"automatic","ha-sync-batch-size":5,"ha-promote-on-shutdown":"always","ha-promote-on-failure":"when-synced"}""")]
    [TestCase("""{"ha-mode":"exactly","ha-params":2}""")]
    [TestCase("""{"ha-mode":"nodes","ha-params":["rabbit@a","rabbit@b"]}""")]
    public void What_RabbitMQ_takes_is_taken(string definition) => Assert.That(_story.Error(Policy("p", ".*", definition)), Is.Null);

    [TestCase("expires", "1", true)]
    [TestCase("message-ttl", "1", true)]
    [TestCase("max-length", "2", true)]
    [TestCase("max-length-bytes", "2", true)]
    [TestCase("overflow", "\"reject-publish\"", true)]
    [TestCase("queue-version", "2", true)]
    [TestCase("ha-mode", "\"all\"", true)]
    [TestCase("alternate-exchange", "\"x\"", false)]
    [TestCase("queue-mode", "\"lazy\"", false)]
    [TestCase("ha-promote-on-failure", "\"always\"", false)]
    public void Operator_policies_have_fewer_keys(string key, string value, bool isThere)
    {
        var definition = $$"""{"{{key}}":{{value}}{{(key.StartsWith("ha-p", StringComparison.Ordinal) ? ",\"ha-mode\":\"all\"" : "")}}}""";
        var text = _story.Error(Policy("p", ".*", definition, kind: PolicyKind.Operator))?.Text;
        Assert.That(text, isThere ? Is.Null : Does.EndWith("are not recognised policy settings\n").And.Contain(key));
    }

    [TestCase("""{"pattern":"a"}""", "Key \"definition\" not found in p|Key \"priority\" not found in p")]
    [TestCase("""{"pattern":"a","definition":{"expires":1},"priority":0,"colour":1}""", "Unrecognised terms [{<<\"colour\">>,1}] in p")]
    [TestCase("""{"pattern":1,"definition":{"expires":1},"priority":"x","apply-to":"topics"}""",
        "apply-to 'topics' unrecognised; should be one of: 'queues', 'classic_queues',  'quorum_queues', 'streams', 'exchanges', or 'all'|"
        + "pattern should be a binary but was 1|priority should be a number, actually was <<\"x\">>")]
    [TestCase("\"text\"", "p not a list <<\"text\">>")]
    public void What_is_no_policy_at_all_is_refused(string value, string texts) =>
        Assert.That(_story.Error(new SetPolicy("/", PolicyKind.User, "p", Json(value)))?.Text, Is.EqualTo($"Validation failed\n\n{texts.Replace('|', '\n')}\n"));

    [Test]
    public void A_pattern_that_is_none_is_refused() =>
        Assert.That(_story.Error(Policy("p", "(", """{"expires":1}"""))?.Text, Does.StartWith("Validation failed\n\npattern should be regular expression but is invalid: "));

    [TestCase("all", true, true)]
    [TestCase("queues", true, false)]
    [TestCase("classic_queues", true, false)]
    [TestCase("quorum_queues", false, false)]
    [TestCase("streams", false, false)]
    [TestCase("exchanges", false, true)]
    public void A_policy_is_for_what_it_applies_to(string applyTo, bool queues, bool exchanges)
    {
        _story.Queue("o").Exchange("o");
        Set(Policy("p", "^o$", """{"expires":7}""", applyTo: applyTo));
        Assert.That((Applied("o") == "p", _story.Here.Exchanges["o"].Policies.Policy?.Name == "p"), Is.EqualTo((queues, exchanges)));
        Assert.That(_story.Here.Queues["o"].Settings.ExpiresMs, Is.EqualTo(queues ? 7 : null));
    }

    [Test]
    public void A_policy_with_a_key_that_a_queue_type_lacks_is_not_for_it()
    {
        _story.Queue("q");
        Set(Policy("p", "q", """{"queue-leader-locator":"balanced","message-ttl":5}"""));
        Assert.That((Applied("q"), _story.Here.Queues["q"].Settings.MessageTtlMs), Is.EqualTo(((string?)null, (long?)null)));
    }

    // Usual ones from RabbitMQ's documentation and from Kubernetes' and OpenStack's definitions.
    [TestCase("^(?!amq\\.).*", "amq.gen-x", false)]
    [TestCase("^(?!amq\\.).*", "orders", true)]
    [TestCase("^(?!(amq\\.)|(.*_fanout_)|(reply_)).*", "reply_1", false)]
    [TestCase("^(?!(amq\\.)|(.*_fanout_)|(reply_)).*", "nova", true)]
    [TestCase("", "anything", true)]
    [TestCase("der", "orders", true)]
    [TestCase("^\\d+$", "٣", false)]
    public void Patterns_match_as_in_RabbitMQ(string pattern, string queue, bool matches)
    {
        _story.Apply(new DeclareQueue("/", queue, true, false, false, FieldTable.Empty, null, ServerNamed: true));
        Set(Policy("p", pattern, """{"expires":7}"""));
        Assert.That(Applied(queue), Is.EqualTo(matches ? "p" : null));
    }

    [Test]
    public void The_highest_priority_acts_and_then_the_first_name()
    {
        _story.Queue("q");
        Set(Policy("b", "q", """{"expires":1}""", 1));
        Set(Policy("a", "q", """{"message-ttl":2}""", 1));
        Set(Policy("low", "q", """{"message-ttl":3}""", -5));
        Assert.That(Applied("q"), Is.EqualTo("a"));
        Set(Policy("low", "q", """{"message-ttl":3}""", 5));
        Assert.That(Applied("q"), Is.EqualTo("low"));
        Clear("low");
        Clear("a");
        Assert.That((Applied("q"), _story.Here.Queues["q"].Settings.ExpiresMs), Is.EqualTo(("b", (long?)1)));
        Clear("b");
        Assert.That(_story.Here.Queues["q"].Policies, Is.SameAs(AppliedPolicies.None));
    }

    [Test]
    public void What_comes_later_goes_by_the_policies_that_are_there()
    {
        Set(Policy("p", "^o", """{"expires":7,"alternate-exchange":"amq.fanout"}"""));
        _story.Queue("o1").Queue("q1").Exchange("o2").Queue("everything").Bind("amq.fanout", "everything");
        Assert.That((Applied("o1"), Applied("q1")), Is.EqualTo(("p", (string?)null)));
        Assert.That(_story.Route("o2", "unbound"), Is.EqualTo("everything"));
        _story.Bind("o2", "q1", "bound");
        Assert.That((_story.Route("o2", "bound"), _story.Route("o2", "unbound")), Is.EqualTo(("q1", "everything")), "a bind keeps the policy");
        Clear("p");
        Assert.That(_story.Route("o2", "unbound"), Is.Empty);
    }

    [Test]
    public void An_argument_wins_or_the_smaller_limit_does()
    {
        _story.Queue("q", arguments: Arguments(("x-message-ttl", 10), ("x-expires", 10)));
        _story.Exchange("x", arguments: FieldTable.From(("alternate-exchange", FieldValue.From("amq.direct"))));
        Set(Policy("p", ".*", """{"message-ttl":20,"expires":5,"alternate-exchange":"amq.fanout"}"""));
        var settings = _story.Here.Queues["q"].Settings;
        Assert.That((settings.MessageTtlMs, settings.ExpiresMs), Is.EqualTo(((long?)10, (long?)5)));
        Assert.That(_story.Here.Exchanges["x"].AlternateExchange, Is.EqualTo("amq.direct"));
    }

    [Test]
    public void Where_dead_letters_go_is_taken_from_the_argument_first()
    {
        _story.Queue("q", arguments: FieldTable.From(("x-dead-letter-exchange", FieldValue.From("own"))));
        _story.Queue("plain");
        Set(Policy("p", ".*", """{"dead-letter-exchange":"d","dead-letter-routing-key":"k"}"""));
        Assert.That(_story.Here.Queues["q"].Settings, Is.EqualTo(new QueueSettings { DeadLetterExchange = "own", DeadLetterRoutingKey = "k" }));
        Assert.That(_story.Here.Queues["plain"].Settings, Is.EqualTo(new QueueSettings { DeadLetterExchange = "d", DeadLetterRoutingKey = "k" }));
    }

    [Test]
    public void The_smaller_length_counts_and_the_overflow_of_the_argument()
    {
        _story.Queue("q", arguments: FieldTable.From(("x-max-length", FieldValue.From(10)), ("x-overflow", FieldValue.From("reject-publish"))));
        _story.Queue("plain");
        Set(Policy("p", ".*", """{"max-length":20,"max-length-bytes":5,"overflow":"drop-head"}"""));
        Assert.That(_story.Here.Queues["q"].Settings, Is.EqualTo(new QueueSettings { LengthMax = 10, BytesMax = 5, Overflow = Overflow.RejectPublish }));
        Assert.That(_story.Here.Queues["plain"].Settings, Is.EqualTo(new QueueSettings { LengthMax = 20, BytesMax = 5 }));
        Set(Policy("p", ".*", """{"overflow":"reject-publish-dlx"}"""));
        Assert.That(_story.Here.Queues["plain"].Settings, Is.EqualTo(new QueueSettings { Overflow = Overflow.RejectPublishDlx }));
    }

    [Test]
    public void A_time_to_live_longer_than_there_is_means_the_longest()
    {
        _story.Queue("q");
        Set(Policy("p", "q", $$"""{"message-ttl":{{long.MaxValue}}}"""));
        Assert.That(_story.Here.Queues["q"].Settings.MessageTtlMs, Is.EqualTo(Limits.TimeToLiveMs));
    }

    [TestCase("""{"message-ttl":10,"expires":10}""", """{"message-ttl":20,"expires":5}""", """{"expires":5,"message-ttl":10}""")]
    [TestCase("""{"max-length":3,"max-length-bytes":9,"overflow":"drop-head"}""", """{"max-length":5,"max-length-bytes":5,"overflow":"reject-publish"}""", """{"max-length":3,"max-length-bytes":5,"overflow":"reject-publish"}""")]
    [TestCase("""{"delayed-retry-min":5,"delayed-retry-max":50}""", """{"delayed-retry-min":10,"delayed-retry-max":20}""", """{"delayed-retry-max":20,"delayed-retry-min":10}""")]
    [TestCase("""{"queue-version":1,"queue-mode":"lazy"}""", """{"queue-version":2}""", """{"queue-mode":"lazy","queue-version":2}""")]
    [TestCase("""{"ha-mode":"exactly","ha-params":2}""", """{"ha-mode":"all"}""", """{"ha-mode":"all","ha-params":2}""")]
    [TestCase("""{"ha-mode":"all"}""", """{"ha-mode":"exactly","ha-params":2}""", """{"ha-mode":"all","ha-params":2}""")]
    [TestCase("""{"ha-mode":"exactly","ha-params":2}""", """{"ha-mode":"exactly","ha-params":3}""", """{"ha-mode":"exactly","ha-params":3}""")]
    [TestCase("""{"ha-mode":"exactly","ha-params":2}""", """{"ha-mode":"nodes","ha-params":["a"]}""", """{"ha-mode":"exactly","ha-params":2}""")]
    [TestCase("""{"ha-mode":"nodes","ha-params":["a","b"]}""", """{"ha-mode":"nodes","ha-params":["c"]}""", """{"ha-mode":"nodes","ha-params":["a","b"]}""")]
    [TestCase("""{"ha-mode":"all","ha-sync-mode":"manual"}""", """{"ha-mode":"all","ha-sync-mode":"automatic"}""", """{"ha-mode":"all","ha-sync-mode":"automatic"}""")]
    public void An_operator_policy_caps_a_policy(string users, string operators, string effective)
    {
        _story.Queue("q");
        Set(Policy("p", "q", users));
        Set(Policy("o", "q", operators, kind: PolicyKind.Operator));
        var policies = _story.Here.Queues["q"].Policies;
        Assert.That((policies.Policy?.Name, policies.OperatorPolicy?.Name), Is.EqualTo(("p", "o")));
        Assert.That(JsonSerializer.Serialize(policies.Effective.ToDictionary()), Is.EqualTo(effective));
        _story.Apply(new ClearPolicy("/", PolicyKind.User, "p"));
        Assert.That(JsonElement.DeepEquals(Json(operators), JsonSerializer.SerializeToElement(_story.Here.Queues["q"].Policies.Effective.ToDictionary())));
    }

    [Test]
    public void A_virtual_host_can_merge_all_policies_that_match()
    {
        _story.Queue("orders");
        Set(Policy("mirrors", ".*", """{"ha-mode":"exactly","ha-params":2}"""));
        Set(Policy("short", "^o", """{"expires":1000,"message-ttl":5}""", 10));
        Set(Policy("long", "^o", """{"message-ttl":500,"ha-mode":"all"}""", 5));
        Assert.That(Effective("orders"), Is.EqualTo("""{"expires":1000,"message-ttl":5}"""), "RabbitMQ's way");
        _story.Apply(new DescribeVhost("/", VhostMetadata.None with { MergesPolicies = true }));
        Assert.That((Applied("orders"), Effective("orders")), Is.EqualTo(("short", """{"expires":1000,"ha-mode":"all","message-ttl":5}""")));
        _story.Apply(new DescribeVhost("/", VhostMetadata.None));
        Assert.That(Effective("orders"), Is.EqualTo("""{"expires":1000,"message-ttl":5}"""));
    }

    [Test]
    public void A_policy_set_again_as_it_is_changes_nothing()
    {
        Set(Policy("p", "q", """{"expires":7}"""));
        Assert.That(_story.Apply(Policy("p", "q", """{ "expires": 7 }""")).Changed, Is.False);
        Assert.That(_story.Apply(Policy("p", "q", """{"expires":8}""")).Changed, Is.True);
    }

    [Test]
    public void What_is_not_there_cannot_be_cleared()
    {
        Set(Policy("p", "q", """{"expires":7}"""));
        Assert.That(_story.Error(new ClearPolicy("/", PolicyKind.Operator, "p"))?.Text, Is.EqualTo("Parameter does not exist"));
        Assert.That(_story.Error(new ClearGlobalParameter("p"))?.Text, Is.EqualTo("Parameter does not exist"));
    }

    [Test]
    public void Ten_thousand_queues_follow_a_policy_in_less_than_a_second()
    {
        for (var number = 0; number < 10_000; number++) _story.Queue($"queue-{number}");
        for (var number = 0; number < 20; number++) Set(Policy($"other-{number}", $"^(?!queue).*{number}$", """{"expires":7}"""));
        var started = TimeProvider.System.GetTimestamp();
        Set(Policy("p", "^(?!other)queue-.*[05]$", """{"message-ttl":7}"""));
        Assert.That(TimeProvider.System.GetElapsedTime(started), Is.LessThan(TimeSpan.FromSeconds(1)));
        Assert.That(_story.Here.Queues.Values.Count(queue => queue.Settings.MessageTtlMs == 7), Is.EqualTo(2_000));
    }

    private static SetPolicy Policy(
        string name, string pattern, string definition, long priority = 0, string applyTo = "all", PolicyKind kind = PolicyKind.User) =>
        new("/", kind, name, JsonSerializer.SerializeToElement(
            new Dictionary<string, object> { ["pattern"] = pattern, ["definition"] = Json(definition), ["priority"] = priority, ["apply-to"] = applyTo }));

    private static JsonElement Json(string text) => JsonElement.Parse(text);

    private static FieldTable Arguments(params (string, int)[] arguments) =>
        FieldTable.From([.. arguments.Select(argument => (argument.Item1, FieldValue.From(argument.Item2)))]);

    private void Set(SetPolicy set) => Assert.That(_story.Apply(set).Error, Is.Null);

    private void Clear(string name) => Assert.That(_story.Apply(new ClearPolicy("/", PolicyKind.User, name)).Error, Is.Null);

    private string? Applied(string queue) => _story.Here.Queues[queue].Policies.Policy?.Name;

    private string Effective(string queue) => JsonSerializer.Serialize(_story.Here.Queues[queue].Policies.Effective.ToDictionary());
}
