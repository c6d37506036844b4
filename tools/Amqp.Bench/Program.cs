using System.CommandLine;
using System.Globalization;
using Amqp.Bench;
using Amqp.Storage.Lite;
using Spectre.Console;

var messages = new Option<int>("--messages") { Description = "messages of 100 bytes in the large queue", DefaultValueFactory = _ => 10_000_000 };
var queues = new Option<int>("--queues") { Description = "durable queues with one message each", DefaultValueFactory = _ => 100_000 };
var directory = new Option<string>("--directory") { Description = "where to put the data, which is deleted afterwards", DefaultValueFactory = _ => Path.GetTempPath() };

var engine = new Option<string>("--engine") { Description = "which engine, or all", DefaultValueFactory = _ => "all" };
engine.AcceptOnlyFromAmong(["all", .. StoreEngines.Names]);

var storage = new Command("storage", "Measure the message store: flushes, opening, memory, merging, space") { messages, queues, directory, engine };
storage.SetAction(parsed =>
{
    var engines = StoreEngines.All.Where(each => parsed.GetValue(engine) == "all" || each.Name == parsed.GetValue(engine)).ToList();
    using var bench = new StorageBench(parsed.GetValue(directory)!, engines, AnsiConsole.Console);
    bench.Run(parsed.GetValue(messages), parsed.GetValue(queues));
});

var uri = new Option<string?>("--uri") { Description = "another broker to measure: amqp://user:password@host:port/vhost; without it one is started" };
var pid = new Option<int>("--pid") { Description = "the process id of that broker" };
var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 1_000 };
var channels = new Option<int>("--channels") { Description = "of each connection", DefaultValueFactory = _ => 10 };
var idleQueues = new Option<int>("--queues") { Description = "transient ones, and as many durable ones", DefaultValueFactory = _ => 10_000 };
var bindings = new Option<int>("--bindings") { DefaultValueFactory = _ => 100_000 };
var objects = new Command("objects", "Measure what idle connections, channels, queues and bindings cost") { uri, pid, connections, channels, idleQueues, bindings, directory };
objects.SetAction(parsed =>
{
    var counts = new ObjectCounts(parsed.GetValue(connections), parsed.GetValue(channels), parsed.GetValue(idleQueues), parsed.GetValue(bindings));
    OnBroker(parsed, [], target => new ObjectsBench(target, AnsiConsole.Console).Run(counts));
});

var depth = new Option<int>("--depth") { Description = "messages in the deepest queue", DefaultValueFactory = _ => 1_000_000 };
var pointSeconds = new Option<int>("--seconds") { Description = "of each point", DefaultValueFactory = _ => 5 };
var onlyCurves = new Option<string>("--only") { Description = "only curves whose name has this in it", DefaultValueFactory = _ => "" };
var curves = new Command("curves", "Measure how cost grows with queues, connections, bindings and the depth of a queue") { uri, pid, depth, pointSeconds, onlyCurves, directory };
curves.SetAction(parsed =>
{
    var chosen = Curves.All(parsed.GetValue(depth)).Where(curve =>
        curve.Name.Contains(parsed.GetValue(onlyCurves)!, StringComparison.Ordinal) && (curve.Options.Length == 0 || parsed.GetValue(uri) is null));
    Console.WriteLine(Machine.Description);
    var isComplete = true;
    foreach (var curve in chosen)
        OnBroker(parsed, curve.Options, target => isComplete &= new CurvesBench(AnsiConsole.Console).Run(target, curve, parsed.GetValue(pointSeconds)));
    return isComplete ? 0 : 1;
});

var otherUri = new Option<string>("--other-uri") { Description = "the broker to compare with: amqp://user:password@host:port/vhost", Required = true };
var otherPid = new Option<int>("--other-pid") { Description = "its process id", Required = true };
var otherName = new Option<string>("--other-name") { DefaultValueFactory = _ => "other" };
var quick = new Option<bool>("--quick") { Description = "a part of the work, one round of a second each" };
var rounds = new Option<int>("--rounds") { DefaultValueFactory = result => result.GetValue(quick) ? 1 : 5 };
var seconds = new Option<int>("--seconds") { Description = "of each measurement", DefaultValueFactory = result => result.GetValue(quick) ? 1 : 10 };
var only = new Option<string>("--only") { Description = "only work whose name has this in it", DefaultValueFactory = _ => "" };
var compare = new Command("compare", "Compare with another broker on the same work, in turns") { otherUri, otherPid, otherName, quick, rounds, seconds, only, directory };
compare.SetAction(parsed =>
{
    var data = DataOf(parsed);
    bool isComplete;
    using (var broker = BrokerProcess.Start(Path.Combine(data, "0")))
    {
        var started = 0;
        var other = new Target(parsed.GetValue(otherName)!, parsed.GetValue(otherUri)!, parsed.GetValue(otherPid));
        var work = Scenarios.All.Where(scenario => scenario.Name.Contains(parsed.GetValue(only)!, StringComparison.Ordinal) && (scenario.IsQuick || !parsed.GetValue(quick)));
        isComplete = new Comparison(broker.Target, other, options => BrokerProcess.Start(Path.Combine(data, $"{++started}"), options), AnsiConsole.Console)
            .Run(work, parsed.GetValue(rounds), parsed.GetValue(seconds));
    }
    Directory.Delete(data, recursive: true);
    return isComplete ? 0 : 1;
});

var otherUris = new Option<string[]>("--other-uris") { Description = "the nodes of the cluster to compare with", Required = true, AllowMultipleArgumentsPerToken = true };
var otherControl = new Option<string>("--other-control") { Description = "the program that is its rabbitmqctl", Required = true };
var compareClusters = new Command("compare-clusters", "Compare three nodes with another cluster on the same work, in turns") { otherUris, otherPid, otherName, otherControl, quick, rounds, seconds, only, directory };
compareClusters.SetAction(parsed =>
{
    var data = DataOf(parsed);
    bool isComplete;
    using (var cluster = ClusterProcess.Start(data))
    {
        var uris = parsed.GetValue(otherUris)!;
        var control = Path.GetFullPath(parsed.GetValue(otherControl)!);
        var other = new Target(parsed.GetValue(otherName)!, uris[0], parsed.GetValue(otherPid)) { OtherNodes = uris[1..], Control = arguments => BrokerProcess.Output(control, arguments) };
        var work = ClusterScenarios.All.Where(scenario => scenario.Name.Contains(parsed.GetValue(only)!, StringComparison.Ordinal) && (scenario.IsQuick || !parsed.GetValue(quick)));
        ClusterScenarios.Prepare(cluster.Target);
        ClusterScenarios.Prepare(other);
        isComplete = new Comparison(cluster.Target, other, _ => throw new NotSupportedException("all work is done on the same cluster"), AnsiConsole.Console)
            .Run(work, parsed.GetValue(rounds), parsed.GetValue(seconds));
    }
    Directory.Delete(data, recursive: true);
    return isComplete ? 0 : 1;
});

var limitSeconds = new Option<int>("--seconds") { Description = "of each measurement", DefaultValueFactory = _ => 2 };
var limits = new Command("limits", "Measure the broker beside what its parts, the sockets and the load generator reach alone") { limitSeconds, directory };
limits.SetAction(parsed =>
{
    using var bench = new LimitsBench(parsed.GetValue(directory)!, parsed.GetValue(limitSeconds), AnsiConsole.Console);
    bench.Run();
});

var minutes = new Option<double>("--minutes") { Description = "how long", DefaultValueFactory = _ => 60 };
var soak = new Command("soak", "Load a broker for long, and see that it takes no more with time") { minutes, directory };
soak.SetAction(parsed =>
{
    var data = DataOf(parsed);
    var isFine = new Soak(data, TimeSpan.FromMinutes(parsed.GetValue(minutes))).Run();
    Directory.Delete(data, recursive: true);
    return isFine ? 0 : 1;
});

// Not for people: fills a data directory and ends without closing it, as a kill does.
var fillQueues = new Option<int>("--queues") { Required = true };
var fillMessages = new Option<int>("--messages") { Required = true };
var fillDirectory = new Option<string>("--directory") { Required = true };
var fillEngine = new Option<string>("--engine") { Required = true };
var fill = new Command("fill") { fillQueues, fillMessages, fillDirectory, fillEngine };
fill.Hidden = true;
fill.SetAction(parsed => Filling.Fill(
    parsed.GetValue(fillDirectory)!, StoreEngines.All.Single(each => each.Name == parsed.GetValue(fillEngine)), parsed.GetValue(fillQueues), parsed.GetValue(fillMessages)));

// Nor these: other ends of connections, for `limits`, which ends them.
var relay = new Command("relay") { Hidden = true };
relay.SetAction(_ => SocketLimit.Relay());
var peerBody = new Option<int>("--size") { Required = true };
var peer = new Command("peer") { peerBody };
peer.Hidden = true;
peer.SetAction(parsed => Peer.Listen(parsed.GetValue(peerBody)));

return new RootCommand("Measures the broker beside what the machine can do.") { compare, compareClusters, curves, limits, storage, objects, soak, fill, relay, peer }.Parse(args).Invoke();

// On the broker that --uri and --pid say, or on one of ours that is started for it.
void OnBroker(ParseResult parsed, string[] options, Action<Target> measure)
{
    if (parsed.GetValue(uri) is { } other)
    {
        measure(new Target("other", other, parsed.GetValue(pid)));
        return;
    }
    var data = DataOf(parsed);
    using (var broker = BrokerProcess.Start(data, options)) measure(broker.Target);
    Directory.Delete(data, recursive: true);
}

// Where the brokers that are started have their data.
string DataOf(ParseResult parsed) =>
    Path.Combine(parsed.GetValue(directory)!, $"amqpbench-{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}");
