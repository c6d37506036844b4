using Amqp.Conformance.Tests.Support;
using Amqp.Testing;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests;

/// <summary>What each type of exchange routes where, as tables.</summary>
[Same]
public sealed class RoutingTests : ConformanceFixture
{
    [TestCase("key", "key", true)]
    [TestCase("key", "Key", false)]
    [TestCase("key", "", false)]
    [TestCase("", "", true)]
    [TestCase("a.*", "a.b", false)]
    [TestCase("#", "anything", false)]
    [TestCase("a.#", "a.#", true)]
    public async Task Direct_compares_the_whole_key(string bindingKey, string routingKey, bool routed) =>
        Assert.That(await IsRouted("direct", bindingKey, routingKey), Is.EqualTo(routed));

    [TestCase("", "")]
    [TestCase("one", "other")]
    [TestCase("#", "a.b.c")]
    public async Task Fanout_ignores_the_key(string bindingKey, string routingKey) =>
        Assert.That(await IsRouted("fanout", bindingKey, routingKey), Is.True);

    [TestCase("a.b.c", "a.b.c", true)]
    [TestCase("a.b.c", "a.b", false)]
    [TestCase("a.b", "a.b.c", false)]
    [TestCase("a.b.c", "a.b.C", false)]
    [TestCase("", "", true)]
    [TestCase("", "a", false)]
    [TestCase("a", "", false)]
    [TestCase("a.*.c", "a.b.c", true)]
    [TestCase("a.*.c", "a.bb.c", true)]
    [TestCase("a.*.c", "a.c", false)]
    [TestCase("a.*.c", "a.b.b.c", false)]
    [TestCase("a.*.c", "a..c", true, Description = "an empty word is a word")]
    [TestCase("*", "a", true)]
    [TestCase("*", "", false, Description = "an empty key has no words")]
    [TestCase("*", "a.b", false)]
    [TestCase("*.*", "a.b", true)]
    [TestCase("*.*", ".", true)]
    [TestCase("*.*", "a.", true)]
    [TestCase("*.*", ".b", true)]
    [TestCase("*.*", "a", false)]
    [TestCase("*.b", "a.b", true)]
    [TestCase("*.b", "b", false)]
    [TestCase("#", "", true)]
    [TestCase("#", "a", true)]
    [TestCase("#", "a.b.c.d", true)]
    [TestCase("#", ".", true)]
    [TestCase("a.#", "a", true)]
    [TestCase("a.#", "a.b", true)]
    [TestCase("a.#", "a.b.c", true)]
    [TestCase("a.#", "a.", true)]
    [TestCase("a.#", "b.a", false)]
    [TestCase("a.#", "ab", false)]
    [TestCase("#.c", "c", true)]
    [TestCase("#.c", "a.b.c", true)]
    [TestCase("#.c", "a.c.b", false)]
    [TestCase("#.c", "c.c.c", true)]
    [TestCase("a.#.c", "a.c", true)]
    [TestCase("a.#.c", "a.b.b.c", true)]
    [TestCase("a.#.c", "a.c.c", true)]
    [TestCase("a.#.c", "a.c.b", false)]
    [TestCase("a.#.c", "a", false)]
    [TestCase("#.b.#", "b", true)]
    [TestCase("#.b.#", "a.b.c", true)]
    [TestCase("#.b.#", "a.c", false)]
    [TestCase("#.#", "", true)]
    [TestCase("#.#", "a.b", true)]
    [TestCase("#.*", "", false)]
    [TestCase("#.*", "a", true)]
    [TestCase("#.*", "a.b.c", true)]
    [TestCase("*.#", "", false)]
    [TestCase("*.#", "a", true)]
    [TestCase("*.#.*", "a", false)]
    [TestCase("*.#.*", "a.b", true)]
    [TestCase("a.#.#.b", "a.b", true)]
    [TestCase("a.#.*.#.b", "a.b", false)]
    [TestCase("a.#.*.#.b", "a.x.b", true)]
    [TestCase("#.a.#.b.#", "x.a.y.b.z", true)]
    [TestCase("#.a.#.b.#", "x.b.y.a.z", false)]
    [TestCase("a*.b", "ax.b", false, Description = "a wildcard inside a word is a letter")]
    [TestCase("a*.b", "a*.b", true)]
    [TestCase("a#", "abc", false)]
    [TestCase("a.b.c", "a.#", false, Description = "wildcards of the routing key are letters")]
    [TestCase("*", "#", true)]
    [TestCase("lok.*", "lok.grün", true)]
    [TestCase("lok.grün", "lok.grun", false)]
    public async Task Topic_matches_word_by_word(string bindingKey, string routingKey, bool routed) =>
        Assert.That(await IsRouted("topic", bindingKey, routingKey), Is.EqualTo(routed));

    [Test]
    public async Task Topic_serves_many_bindings_of_one_exchange_at_once()
    {
        string[] patterns = ["#", "a.#", "a.*", "a.b", "*.b", "#.b", "b.#", "*"];
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "topic");
        var queues = new Dictionary<string, string>();
        foreach (var pattern in patterns) queues.Add(pattern, await DeclareBoundQueue(channel, exchange, pattern));

        await channel.BasicPublishAsync(exchange, "a.b", Bytes("m"));

        var matched = new List<string>();
        foreach (var (pattern, queue) in queues)
        {
            if ((await Drain(channel, queue)).Count == 1) matched.Add(pattern);
        }
        Assert.That(matched, Is.EqualTo(["#", "a.#", "a.*", "a.b", "*.b", "#.b"]));
    }

    [Test]
    public async Task Topic_forgets_a_pattern_that_is_unbound_and_keeps_those_beside_it()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "topic");
        var stays = await DeclareBoundQueue(channel, exchange, "a.*.c");
        var goes = await DeclareBoundQueue(channel, exchange, "a.*.c");
        var longer = await DeclareBoundQueue(channel, exchange, "a.*.c.#");
        await channel.QueueUnbindAsync(goes, exchange, "a.*.c");

        await channel.BasicPublishAsync(exchange, "a.b.c", Bytes("m"));

        Assert.That(await Drain(channel, stays), Is.EqualTo(["m"]));
        Assert.That(await Drain(channel, goes), Is.Empty);
        Assert.That(await Drain(channel, longer), Is.EqualTo(["m"]));
    }

    [Test]
    public async Task Topic_takes_keys_of_the_greatest_length()
    {
        var words = string.Join('.', Enumerable.Repeat("a", 128)); // 255 octets
        Assert.That(await IsRouted("topic", "#.a.#.a", words), Is.True);
        Assert.That(await IsRouted("topic", words, words), Is.True);
    }

    private static readonly TestCaseData[] HeaderTables =
    [
        Match("no arguments, no headers", [], null, true),
        Match("no arguments, some headers", [], [("a", 1)], true),
        Match("all of one", [("a", 1)], [("a", 1)], true),
        Match("all of one among others", [("b", 1)], [("a", 1), ("b", 1), ("c", 1)], true),
        Match("all of one, no headers at all", [("a", 1)], null, false),
        Match("all is the default", [("a", 1), ("b", 2)], [("a", 1)], false),
        Match("all, said", [("x-match", "all"), ("a", 1), ("b", 2)], [("a", 1), ("b", 2)], true),
        Match("all, one missing", [("x-match", "all"), ("a", 1), ("b", 2)], [("a", 1)], false),
        Match("all, one different", [("x-match", "all"), ("a", 1), ("b", 2)], [("a", 1), ("b", 3)], false),
        Match("any of one", [("x-match", "any"), ("a", 1)], [("a", 1)], true),
        Match("any, first", [("x-match", "any"), ("a", 1), ("b", 2)], [("a", 1), ("b", 3)], true),
        Match("any, last", [("x-match", "any"), ("a", 1), ("b", 2)], [("a", 3), ("b", 2)], true),
        Match("any, none", [("x-match", "any"), ("a", 1), ("b", 2)], [("a", 2), ("b", 1)], false),
        Match("any of nothing", [("x-match", "any")], [("a", 1)], false),
        Match("any, no headers at all", [("x-match", "any"), ("a", 1)], null, false),
        Match("strings", [("a", "x")], [("a", "x")], true),
        Match("strings differ in case", [("a", "x")], [("a", "X")], false),
        Match("names differ in case", [("a", "x")], [("A", "x")], false),
        Match("a number is not its text", [("a", 1)], [("a", "1")], false),
        Match("integers of different width are equal", [("a", 1)], [("a", 1L)], true),
        Match("truth", [("a", true)], [("a", true)], true),
        Match("untruth", [("a", true)], [("a", false)], false),
        Match("a binding without a value wants presence only", [("a", null)], [("a", "whatever")], true),
        Match("a binding without a value wants presence", [("a", null)], [("b", "whatever")], false),
        Match("any with presence only", [("x-match", "any"), ("a", null), ("b", 1)], [("a", "whatever")], true),
        Match("all ignores arguments beginning with x-", [("x-other", 1), ("a", 1)], [("a", 1)], true),
        Match("any ignores arguments beginning with x-", [("x-match", "any"), ("x-other", 1)], [("x-other", 1)], false),
        Match("all-with-x counts them", [("x-match", "all-with-x"), ("x-other", 1), ("a", 1)], [("a", 1)], false),
        Match("all-with-x finds them", [("x-match", "all-with-x"), ("x-other", 1), ("a", 1)], [("a", 1), ("x-other", 1)], true),
        Match("any-with-x finds them", [("x-match", "any-with-x"), ("x-other", 1), ("a", 1)], [("x-other", 1)], true),
        Match("any-with-x, none", [("x-match", "any-with-x"), ("x-other", 1), ("a", 1)], [("x-other", 2)], false),
        Match("x-match itself is never compared", [("x-match", "all-with-x"), ("a", 1)], [("a", 1), ("x-match", "no")], true),
        Match("names in any order", [("b", 2), ("a", 1)], [("c", 3), ("a", 1), ("b", 2)], true),
    ];

    [TestCaseSource(nameof(HeaderTables))]
    public async Task Headers_compares_the_arguments_with_the_headers(
        (string Name, object? Value)[] arguments, (string Name, object? Value)[]? headers, bool routed)
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "headers");
        var queue = await DeclareBoundQueue(channel, exchange, "ignored", Table(arguments));
        var properties = new BasicProperties();
        if (headers is not null) properties.Headers = Table(headers);

        await channel.BasicPublishAsync(exchange, "another", mandatory: false, properties, Bytes("m"));

        Assert.That(await Drain(channel, queue), Has.Count.EqualTo(routed ? 1 : 0));
    }

    /// <remarks>rabbit_exchange_type_headers:match compares with =:= since 3.13; before it was ==, which equates 1 with 1.0.</remarks>
    [Test, Newer]
    public Task Headers_tells_a_float_from_an_integer() =>
        Headers_compares_the_arguments_with_the_headers([("a", 1)], [("a", 1.0)], routed: false);

    [Test]
    public async Task Headers_refuses_an_x_match_it_does_not_know()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "headers");
        var queue = await DeclareQueue(channel);
        await ExpectClose(
            () => channel.QueueBindAsync(queue, exchange, "", Table(("x-match", "some"))), 406,
            "PRECONDITION_FAILED - Invalid x-match field value <<\"some\">>; expected all, any, all-with-x, or any-with-x");
    }

    [Test]
    public async Task Headers_refuses_an_x_match_that_is_no_string()
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, "headers");
        var queue = await DeclareQueue(channel);
        await ExpectClose(
            () => channel.QueueBindAsync(queue, exchange, "", Table(("x-match", 1))), 406,
            "PRECONDITION_FAILED - Invalid x-match field type signedint (value 1); expected longstr");
    }

    [Test]
    public async Task Every_queue_is_bound_to_the_default_exchange_by_its_name()
    {
        var channel = await OpenChannel();
        var queue = await DeclareQueue(channel);
        var other = await DeclareQueue(channel);
        await channel.BasicPublishAsync("", queue, Bytes("to the one"));
        await channel.BasicPublishAsync("", Name("missing"), Bytes("to none"));
        Assert.That(await Drain(channel, queue), Is.EqualTo(["to the one"]));
        Assert.That(await Drain(channel, other), Is.Empty);
    }

    private async Task<bool> IsRouted(string type, string bindingKey, string routingKey)
    {
        var channel = await OpenChannel();
        var exchange = await DeclareExchange(channel, type);
        var queue = await DeclareBoundQueue(channel, exchange, bindingKey);
        await channel.BasicPublishAsync(exchange, routingKey, Bytes("m"));
        return (await Drain(channel, queue)).Count == 1;
    }

    private static TestCaseData Match(string name, (string, object?)[] arguments, (string, object?)[]? headers, bool routed) =>
        new TestCaseData(arguments, headers, routed).SetName($"Headers_compares_the_arguments_with_the_headers({name})");
}
