using Amqp.Core.Routing;
using Amqp.Core.Topology;
using FsCheck;
using FsCheck.Fluent;

namespace Amqp.Core.Tests.Topology;

/// <summary>What holds whatever is done.</summary>
public class TopologyInvariantTests
{
    private static readonly Config Seeded = Config.QuickThrowOnFailure.WithMaxTest(300).WithReplay(20261121UL, 7UL);

    [Test]
    public void Bindings_have_both_ends_and_are_found_from_both() => ForAnyCommands((topology, _) =>
    {
        var vhost = topology.Find("/")!;
        var all = vhost.Bindings.All.ToHashSet();
        Assert.That(all, Has.Count.EqualTo(vhost.Bindings.Count));
        Assert.That(all.All(binding => vhost.FindExchange(binding.Source) is not null && vhost.Exists(binding.Destination)));
        Assert.That(all.All(binding => vhost.Bindings.OfDestination(binding.Destination).Contains(binding)));
        var destinations = vhost.Queues.Keys.Select(Destination.Queue).Concat(vhost.Exchanges.Keys.Select(Destination.Exchange));
        Assert.That(destinations.Sum(destination => vhost.Bindings.OfDestination(destination).Count), Is.EqualTo(all.Count));
    });

    [Test]
    public void Routers_know_exactly_the_bindings_there_are() => ForAnyCommands((topology, _) =>
    {
        var vhost = topology.Find("/")!;
        foreach (var exchange in vhost.Exchanges.Values)
        {
            var fresh = vhost.Bindings.OfSource(exchange.Name).Aggregate(ExchangeTypes.NewRouter(exchange.Type, exchange.Arguments), (router, binding) => router.Bind(binding));
            foreach (var key in (string[])["", "a", "a.b", "b.b", "c"])
                Assert.That(Route(exchange.Router, key), Is.EquivalentTo(Route(fresh, key)));
        }
    });

    [Test]
    public void The_changes_of_a_command_repeated_give_the_same_topology() => ForAnyCommands((topology, results) =>
    {
        var replayed = results.SelectMany(result => result.Changes).Aggregate(
            TopologySnapshot.Initial, (snapshot, change) => TopologyReducer.Replay(snapshot, change)!.Topology);
        Assert.That(TopologyText.Of(replayed.UnderPolicies()), Is.EqualTo(TopologyText.Of(topology)));
    });

    [Test]
    public void What_is_not_durable_plays_no_part_in_what_is() => ForAnyCommands((topology, results) =>
    {
        var stored = results.SelectMany(result => result.Changes).Where(change => change.Durable).Aggregate(
            TopologySnapshot.Initial, (snapshot, change) => TopologyReducer.Replay(snapshot, change)!.Topology);
        Assert.That(TopologyText.Of(stored.UnderPolicies()), Is.EqualTo(TopologyText.OfDurable(topology)));
    });

    [Test]
    public void Auto_delete_exchanges_that_had_a_binding_still_have_one() => ForAnyCommands((topology, results) =>
    {
        var vhost = topology.Find("/")!;
        foreach (var (exchange, router) in vhost.Exchanges.Values.Where(exchange => exchange.AutoDelete).Select(exchange => (exchange, exchange.Router)))
        {
            var untouched = ReferenceEquals(router, ExchangeTypes.NewRouter(exchange.Type, exchange.Arguments));
            Assert.That(untouched || !vhost.Bindings.OfSource(exchange.Name).IsEmpty);
        }
    });

    private static void ForAnyCommands(Action<TopologySnapshot, List<TopologyResult>> holds) =>
        Prop.ForAll<int[]>(numbers =>
        {
            var topology = TopologySnapshot.Initial;
            var results = new List<TopologyResult>();
            // Small arrays of small numbers would meet too seldom: each number stands for a run of commands.
            foreach (var number in numbers.SelectMany(number => Enumerable.Range(number * 1_000, 10)))
            {
                var result = TopologyReducer.Apply(topology, RandomCommands.From(number, topology));
                topology = result.Topology;
                results.Add(result);
            }
            holds(topology, results);
        }).Check(Seeded);

    private static List<Destination> Route(IRouter router, string key)
    {
        var matches = new RouteMatches();
        router.Route(new(new ReadOnlySpan<string>(in key), headers: null, properties: default), matches);
        return matches.Destinations.Distinct().ToList();
    }
}
