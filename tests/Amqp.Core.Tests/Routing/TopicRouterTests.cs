using System.Diagnostics;
using AMQP.Net;
using Amqp.Core.Routing;
using Amqp.Core.Topology;
using FsCheck;
using FsCheck.Fluent;

namespace Amqp.Core.Tests.Routing;

public class TopicRouterTests
{
    private static readonly Config Seeded = Config.QuickThrowOnFailure.WithMaxTest(500).WithReplay(20261121UL, 7UL);

    /// <summary>Few words, the wildcards among them also in routing keys, where they are words like others.</summary>
    private static readonly Gen<string> Key = Gen.Elements("a", "b", "", "*", "#").ListOf().Select(words => string.Join('.', words.Take(6)));

    [TestCase("a.b.c", "a.b.c", true)]
    [TestCase("a.b.c", "a.b", false)]
    [TestCase("a.b", "a.b.c", false)]
    [TestCase("A.b", "a.b", false)]
    [TestCase("a.*.c", "a.b.c", true)]
    [TestCase("a.*.c", "a.c", false)]
    [TestCase("a.*.c", "a.b.b.c", false)]
    [TestCase("a.*.c", "a..c", true)]
    [TestCase("*", "a", true)]
    [TestCase("*", "", false)]
    [TestCase("*", "a.b", false)]
    [TestCase("*.*", ".", true)]
    [TestCase("*.", "a.", true)]
    [TestCase("a.", "a", false)]
    [TestCase("", "", true)]
    [TestCase("", "a", false)]
    [TestCase("", ".", false)]
    [TestCase("#", "", true)]
    [TestCase("#", "a.b.c", true)]
    [TestCase("#.#", "", true)]
    [TestCase("#.#", "a", true)]
    [TestCase("a.#", "a", true)]
    [TestCase("a.#", "a.b.c", true)]
    [TestCase("a.#", "b.a", false)]
    [TestCase("#.a", "a", true)]
    [TestCase("#.a", "b.b.a", true)]
    [TestCase("#.a", "a.b", false)]
    [TestCase("a.#.b", "a.b", true)]
    [TestCase("a.#.b", "a.c.d.b", true)]
    [TestCase("a.#.b", "a.b.c", false)]
    [TestCase("#.a.#", "b.a.c", true)]
    [TestCase("#.a.#.a.#", "a", false)]
    [TestCase("#.a.#.a.#", "b.a.c.a", true)]
    [TestCase("#.*", "", false)]
    [TestCase("#.*", "a", true)]
    [TestCase("*.#", "a.b", true)]
    [TestCase("*.#.*", "a", false)]
    [TestCase("a*", "ab", false)]
    [TestCase("a#", "ab", false)]
    [TestCase("a.b", "#", false)]
    [TestCase("#", "#", true)]
    [TestCase("*.b", "*.b", true)]
    public void A_key_matches_a_pattern(string pattern, string key, bool matches)
    {
        Assert.That(Route(Router([pattern]), key), matches ? Is.EqualTo(new[] { pattern }) : Is.Empty);
        Assert.That(Naive(pattern, key), Is.EqualTo(matches), "the matcher that the property tests compare with");
    }

    [Test]
    public void The_trie_finds_what_asking_every_pattern_finds() =>
        Prop.ForAll(Key.ListOf().ToArbitrary(), Key.ToArbitrary(), (patterns, key) =>
        {
            var distinct = patterns.Distinct().ToArray();
            var expected = distinct.Where(pattern => Naive(pattern, key));
            Assert.That(Route(Router(distinct), key).Distinct(), Is.EquivalentTo(expected));
        }).Check(Seeded);

    [Test]
    public void What_is_unbound_is_found_no_more_and_the_rest_is() =>
        Prop.ForAll(Key.ListOf().ToArbitrary(), Key.ToArbitrary(), (patterns, key) =>
        {
            var distinct = patterns.Distinct().ToArray();
            var gone = distinct.Where((_, index) => index % 2 == 0).ToArray();
            var router = gone.Aggregate(Router(distinct), (rest, pattern) => rest.Unbind(Binding(pattern)));
            var expected = distinct.Except(gone).Where(pattern => Naive(pattern, key));
            Assert.That(Route(router, key).Distinct(), Is.EquivalentTo(expected));
        }).Check(Seeded);

    [Test]
    public void The_example_in_the_drawing_is_right()
    {
        var router = Router(["stock.*.nyse", "stock.#", "#.nyse"]);
        Assert.That(Route(router, "stock.eur.nyse"), Is.EquivalentTo(new[] { "stock.*.nyse", "stock.#", "#.nyse" }));
        Assert.That(Route(router, "stock"), Is.EqualTo(new[] { "stock.#" }));
    }

    [Test]
    public void A_thousand_bindings_cost_about_as_much_as_ten()
    {
        var (ten, thousand) = (Ticks(Patterns(10)), Ticks(Patterns(1_000)));
        TestContext.Out.WriteLine($"{ten} ticks with 10 bindings, {thousand} with 1,000");
        Assert.That(thousand, Is.LessThan(ten * 10), "a hundred times as many");

        static string[] Patterns(int count) =>
            Enumerable.Range(0, count).Select(i => (i % 3) switch { 0 => $"a.k{i}.c", 1 => $"*.k{i}.#", _ => $"#.k{i}" }).ToArray();

        static long Ticks(string[] patterns)
        {
            var router = Router(patterns);
            var matches = new RouteMatches();
            var best = long.MaxValue;
            for (var round = 0; round < 50; round++)
            {
                var start = Stopwatch.GetTimestamp();
                for (var i = 0; i < 1_000; i++)
                {
                    matches.Destinations.Clear();
                    router.Route(Input("a.k3.c"), matches);
                }
                best = Math.Min(best, Stopwatch.GetTimestamp() - start);
            }
            return best;
        }
    }

    [Test]
    public void Patterns_made_to_be_slow_are_not()
    {
        var pattern = string.Join('.', Enumerable.Repeat("#.a", 30)) + ".b";
        var key = string.Join('.', Enumerable.Repeat("a", 120));
        var router = Router([pattern]);
        var start = Stopwatch.GetTimestamp();
        Assert.That(Route(router, key), Is.Empty);
        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(1)), "trying all ways would take years");
    }

    private static IRouter Router(IEnumerable<string> patterns) =>
        patterns.Aggregate(ExchangeTypes.NewRouter("topic", AMQP.Net.FieldTable.Empty), (router, pattern) => router.Bind(Binding(pattern)));

    /// <summary>A binding that leads to a queue named like its pattern.</summary>
    private static Binding Binding(string pattern) => new("x", Destination.Queue(pattern), pattern, FieldTable.Empty);

    private static IEnumerable<string> Route(IRouter router, string key)
    {
        var matches = new RouteMatches();
        router.Route(Input(key), matches);
        return matches.Destinations.Select(destination => destination.Name);
    }

    private static RoutingInput Input(in string key) => new(new ReadOnlySpan<string>(in key), headers: null, properties: default);

    private static bool Naive(string pattern, string key) => Naive(Words(pattern), Words(key));

    private static bool Naive(ReadOnlySpan<string> pattern, ReadOnlySpan<string> key)
    {
        if (pattern.IsEmpty) return key.IsEmpty;
        if (pattern[0] == "#") return Naive(pattern[1..], key) || (!key.IsEmpty && Naive(pattern, key[1..]));
        return !key.IsEmpty && (pattern[0] == "*" || pattern[0] == key[0]) && Naive(pattern[1..], key[1..]);
    }

    private static string[] Words(string key) => key.Length == 0 ? [] : key.Split('.');
}
