using AMQP.Net;
using Amqp.Core.Routing;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Routing;

/// <summary>Routers that choose one of what is bound to them.</summary>
internal sealed class HashRouterTests
{
    private static readonly string[] Keys = [.. Enumerable.Range(0, 4_000).Select(number => $"customer.{number}")];

    [Test]
    public void Each_gets_its_share_by_weight()
    {
        var router = Bound("x-consistent-hash", ("a", "1"), ("b", "2"), ("c", "5"));
        var shares = Keys.CountBy(key => Chosen(router, key)).ToDictionary();
        Assert.That(shares["a"] / (double)Keys.Length, Is.EqualTo(1 / 8.0).Within(0.02));
        Assert.That(shares["b"] / (double)Keys.Length, Is.EqualTo(2 / 8.0).Within(0.03));
        Assert.That(shares["c"] / (double)Keys.Length, Is.EqualTo(5 / 8.0).Within(0.03));
    }

    [Test]
    public void The_order_of_binding_does_not_matter()
    {
        foreach (var type in (string[])["x-consistent-hash", "x-modulus-hash"])
        {
            var (one, other) = (Bound(type, ("a", "1"), ("b", "2"), ("c", "5")), Bound(type, ("c", "5"), ("a", "1"), ("d", "3"), ("b", "2")).Unbind(Binding("d", "3")));
            Assert.That(Keys.Select(key => Chosen(one, key)), Is.EqualTo(Keys.Select(key => Chosen(other, key))), type);
        }
    }

    [Test]
    public void What_stays_bound_keeps_what_it_had()
    {
        var three = Bound("x-consistent-hash", ("a", "1"), ("b", "2"), ("c", "5"));
        var two = three.Unbind(Binding("b", "2"));
        foreach (var key in Keys.Where(key => Chosen(three, key) != "b")) Assert.That(Chosen(two, key), Is.EqualTo(Chosen(three, key)));
    }

    [Test]
    public void Places_stay_as_they_are_from_version_to_version() => Assert.That(
        string.Concat(Keys.Take(24).Select(key => Chosen(Bound("x-consistent-hash", ("a", "1"), ("b", "1"), ("c", "1")), key))),
        Is.EqualTo(Spread));

    [Test]
    public void A_second_binding_of_a_queue_may_raise_its_weight_and_goes_as_it_came()
    {
        var once = Bound("x-consistent-hash", ("a", "1"), ("b", "1"));
        var twice = once.Bind(Binding("a", "3"));
        Assert.That(Keys.Count(key => Chosen(twice, key) == "a"), Is.GreaterThan(Keys.Length * 0.7));
        var again = twice.Unbind(Binding("a", "3"));
        Assert.That(Keys.Select(key => Chosen(again, key)), Is.EqualTo(Keys.Select(key => Chosen(once, key))));
    }

    [Test]
    public void Nothing_bound_is_no_match()
    {
        foreach (var type in (string[])["x-consistent-hash", "x-modulus-hash", "x-random", "x-local-random"])
            Assert.That(Chosen(ExchangeTypes.NewRouter(type, FieldTable.Empty), "k"), Is.Empty, type);
    }

    [Test]
    public void Chance_gives_all_about_the_same()
    {
        var router = Bound("x-random", ("a", ""), ("b", ""), ("c", ""));
        foreach (var (_, count) in Keys.CountBy(_ => Chosen(router, "k"))) Assert.That(count, Is.EqualTo(Keys.Length / 3).Within(Keys.Length / 20));
    }

    /// <summary>A change of it would move the messages of every customer to another queue with an upgrade.</summary>
    private const string Spread = "baaabcabbbaaacaccbbbabca";

    private static IRouter Bound(string type, params (string Queue, string Key)[] bindings) =>
        bindings.Aggregate(ExchangeTypes.NewRouter(type, FieldTable.Empty), (router, binding) => router.Bind(Binding(binding.Queue, binding.Key)));

    private static Binding Binding(string queue, string key) => new("x", Destination.Queue(queue), key, FieldTable.Empty);

    private static string Chosen(IRouter router, string key)
    {
        var matches = new RouteMatches();
        router.Route(new RoutingInput(new ReadOnlySpan<string>(in key), headers: null, properties: default), matches);
        return matches.Destinations is [var one] ? one.Name : "";
    }
}
