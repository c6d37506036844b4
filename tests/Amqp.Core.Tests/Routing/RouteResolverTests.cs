using AMQP.Net;
using Amqp.Core.Errors;
using Amqp.Core.Routing;
using Amqp.Core.Tests.Topology;

namespace Amqp.Core.Tests.Routing;

public class RouteResolverTests
{
    private readonly TopologyStory _story = new();

    [Test]
    public void The_default_exchange_leads_to_the_queue_of_that_name()
    {
        _story.Queue("q");
        Assert.That(_story.Route("", "q"), Is.EqualTo("q"));
        Assert.That(_story.Route("", "p"), Is.Empty);
        Assert.That(_story.Routes.Cacheable, Is.True);
    }

    [Test]
    public void A_direct_exchange_compares_keys_and_a_fanout_exchange_does_not()
    {
        _story.Exchange("d").Exchange("f", "fanout").Queue("q").Queue("p");
        _story.Bind("d", "q", "k").Bind("d", "p", "l").Bind("f", "q", "k").Bind("f", "p", "l");
        Assert.That(_story.Route("d", "k"), Is.EqualTo("q"));
        Assert.That(_story.Route("f", "k"), Is.EqualTo("p q"));
    }

    [Test]
    public void A_queue_bound_twice_gets_a_message_once()
    {
        _story.Exchange("t", "topic").Queue("q").Bind("t", "q", "a.*").Bind("t", "q", "#").Bind("t", "q", "*.b");
        Assert.That(_story.Route("t", "a.b"), Is.EqualTo("q"));
    }

    [Test]
    public void Of_many_queues_each_gets_a_message_once()
    {
        _story.Exchange("f", "fanout").Exchange("g", "fanout").BindExchange("f", "g");
        for (var i = 0; i < 100; i++) _story.Queue($"q{i}").Bind("f", $"q{i}").Bind("g", $"q{i}");
        _story.Route("f", "");
        Assert.That(_story.Routes.Queues.Distinct().Count(), Is.EqualTo(100));
        Assert.That(_story.Routes.Queues, Has.Count.EqualTo(100));
    }

    [Test]
    public void Exchanges_bound_to_exchanges_are_followed_each_by_its_own_rules()
    {
        _story.Exchange("t", "topic").Exchange("d").Queue("q").BindExchange("t", "d", "#").Bind("d", "q", "k");
        Assert.That(_story.Route("t", "k"), Is.EqualTo("q"));
        Assert.That(_story.Route("t", "other"), Is.Empty);
    }

    [Test]
    public void Circles_end()
    {
        _story.Exchange("x", "fanout").Exchange("y", "fanout").Queue("q").Queue("p");
        _story.BindExchange("x", "y").BindExchange("y", "x").BindExchange("x", "x").Bind("x", "q").Bind("y", "p");
        Assert.That(_story.Route("x", ""), Is.EqualTo("p q"));
        Assert.That(_story.Route("y", ""), Is.EqualTo("p q"));
    }

    [Test]
    public void The_alternate_exchange_gets_what_no_binding_matches()
    {
        _story.Exchange("x", arguments: Alternate("a")).Exchange("a", "fanout", arguments: Alternate("missing"));
        _story.Queue("q").Queue("rest").Bind("x", "q", "k").Bind("a", "rest");
        Assert.That(_story.Route("x", "k"), Is.EqualTo("q"));
        Assert.That(_story.Route("x", "other"), Is.EqualTo("rest"));
        _story.Unbind("a", "rest");
        Assert.That(_story.Route("x", "other"), Is.Empty);
    }

    [Test]
    public void A_binding_to_an_exchange_that_leads_nowhere_counts_as_a_match()
    {
        _story.Exchange("x", "fanout", arguments: Alternate("a")).Exchange("a", "fanout").Exchange("nowhere", "fanout");
        _story.Queue("rest").Bind("a", "rest").BindExchange("x", "nowhere");
        Assert.That(_story.Route("x", ""), Is.Empty);
    }

    [Test]
    public void Alternate_exchanges_in_a_circle_end()
    {
        _story.Exchange("x", arguments: Alternate("y")).Exchange("y", arguments: Alternate("x"));
        Assert.That(_story.Route("x", "k"), Is.Empty);
    }

    [Test]
    public void An_exchange_that_was_bound_to_can_have_an_alternate()
    {
        _story.Exchange("x", "fanout").Exchange("d", arguments: Alternate("a")).Exchange("a", "fanout").Queue("rest");
        _story.BindExchange("x", "d").Bind("a", "rest");
        Assert.That(_story.Route("x", "k"), Is.EqualTo("rest"));
    }

    [Test]
    public void CC_and_BCC_are_further_routing_keys()
    {
        _story.Exchange("d").Queue("q").Queue("p").Queue("o").Bind("d", "q", "k").Bind("d", "p", "l").Bind("d", "o", "m");
        var headers = FieldTable.From(("CC", Keys("l", "k")), ("BCC", Keys("m")));
        Assert.That(_story.Route("d", "k", headers), Is.EqualTo("o p q"));
        Assert.That(_story.Routes.Cacheable, Is.False);
        Assert.That(_story.Route("", "q", FieldTable.From(("CC", Keys("p")))), Is.EqualTo("p q"));
    }

    [Test]
    public void Elements_of_CC_that_are_no_strings_are_overlooked()
    {
        _story.Queue("q");
        var headers = FieldTable.From(("CC", FieldValue.From([FieldValue.From(1), FieldValue.From("q")])));
        Assert.That(_story.Route("", "nowhere", headers), Is.EqualTo("q"));
    }

    [Test]
    public void A_key_that_is_not_UTF8_matches_its_own_bytes_only()
    {
        const string key = "caf\uDCE9";
        _story.Exchange("d").Exchange("t", "topic").Queue("q").Queue("caf\uFFFD").Queue("p");
        _story.Bind("d", "q", "caf\uFFFD").Bind("d", "p", key).Bind("t", "q", "caf\uFFFD").Bind("t", "p", "*");
        foreach (var headers in new[] { null, FieldTable.From(("CC", FieldValue.From([FieldValue.From(key)]))) })
        {
            Assert.That(_story.Route("d", headers is null ? key : "other", headers), Is.EqualTo("p"));
            Assert.That(_story.Route("t", headers is null ? key : "o.ther", headers), Is.EqualTo("p"));
            Assert.That(_story.Route("", headers is null ? key : "other", headers), Is.Empty);
        }
    }

    [Test]
    public void An_alternate_exchange_that_is_not_UTF8_is_no_other_one()
    {
        _story.Exchange("caf\uFFFD", "fanout").Queue("q").Bind("caf\uFFFD", "q");
        _story.Exchange("x", arguments: FieldTable.From(("alternate-exchange", FieldValue.From("caf\uDCE9"))));
        Assert.That(_story.Route("x", "k"), Is.Empty);
    }

    [TestCase("CC")]
    [TestCase("BCC")]
    public void CC_and_BCC_are_arrays(string header)
    {
        var headers = FieldTable.From(("other", FieldValue.From(1)), (header, FieldValue.From("k")));
        Assert.That(
            RouteResolver.Resolve(_story.Here, _story.Here.Exchanges[""], "k", default, headers, new RouteResult()),
            Is.EqualTo(BrokerError.RoutingHeaderNotArray(header, FieldType.LongString)));
    }

    [Test]
    public void Headers_that_only_look_like_CC_change_nothing()
    {
        _story.Queue("q");
        var headers = FieldTable.From(("note", FieldValue.From("\u0002CC\u0003BCC")), ("cc", FieldValue.From("q")));
        Assert.That(_story.Route("", "q", headers), Is.EqualTo("q"));
        Assert.That(_story.Routes.Cacheable, Is.True);
    }

    [Test]
    public void Addresses_of_direct_replies_are_told_apart_from_queues()
    {
        Assert.That(_story.Route("", "amq.rabbitmq.reply-to.abc"), Is.Empty);
        Assert.That(_story.Routes.DirectReplies, Is.EqualTo(new[] { "amq.rabbitmq.reply-to.abc" }));
        Assert.That(_story.Routes.Cacheable, Is.False);
        Assert.That(_story.Route("", "amq.rabbitmq.reply-to"), Is.Empty);
        Assert.That(_story.Routes.DirectReplies, Is.Empty);
    }

    [TestCase("")]
    [TestCase("d")]
    [TestCase("f")]
    [TestCase("t")]
    public void Routing_allocates_nothing(string exchange)
    {
        _story.Exchange("d").Exchange("f", "fanout").Exchange("t", "topic");
        for (var i = 0; i < 30; i++) _story.Queue($"q{i}").Bind("d", $"q{i}", "q1").Bind("f", $"q{i}").Bind("t", $"q{i}", "#.q1");
        var (vhost, from, result) = (_story.Here, _story.Here.Exchanges[exchange], new RouteResult());
        var headers = FieldTable.From(("a", FieldValue.From(1)), ("note", FieldValue.From("text")));
        Route(100);
        Assert.That(result.Queues, Has.Count.EqualTo(exchange.Length == 0 ? 1 : 30));

        var before = GC.GetAllocatedBytesForCurrentThread();
        Route(1_000);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Route(int times)
        {
            for (var i = 0; i < times; i++) RouteResolver.Resolve(vhost, from, "q1", default, headers, result);
        }
    }

    private static FieldTable Alternate(string exchange) => FieldTable.From(("alternate-exchange", FieldValue.From(exchange)));

    private static FieldValue Keys(params string[] keys) => FieldValue.From(Array.ConvertAll(keys, FieldValue.From));
}
