using System.Collections.Concurrent;
using AMQP.Net;
using Amqp.Broker.Topology;
using Amqp.Core.Ports;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Broker.Tests.Topology;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public class TopologyServiceTests
{
    private readonly StepwiseStore _store = new();
    private readonly List<string> _events = [];
    private readonly TopologyService _service;

    public TopologyServiceTests()
    {
        _service = Service(_store);
        Start(_service);
    }

    [Test]
    public void A_transient_change_is_done_at_once_and_stores_nothing()
    {
        Propose(Queue("q", durable: false));
        Assert.That(_events, Is.EqualTo(new[] { "changed q, visible: none", "completed q, visible: q" }));
        Assert.That(_store.Waiting, Is.Zero);
    }

    [Test]
    public void A_durable_change_is_stored_then_announced_then_visible_then_answered()
    {
        Propose(Queue("q"));
        Assert.That(_events, Is.Empty);
        Assert.That(Visible(), Is.EqualTo("none"));
        _store.Finish();
        Assert.That(_events, Is.EqualTo(new[] { "changed q, visible: none", "completed q, visible: q" }));
    }

    [Test]
    public void What_arrives_while_the_store_writes_shares_the_next_commit()
    {
        Propose(Queue("a"));
        Propose(Queue("b"));
        Propose(Queue("c", durable: false));
        Propose(Queue("d"));
        Assert.That(_store.Waiting, Is.EqualTo(1));
        Assert.That(_store.Finish(), Is.EqualTo(1));
        Assert.That(_events, Has.Count.EqualTo(2), "a transient change waits for those before it");
        Assert.That(_store.Finish(), Is.EqualTo(3));
        Assert.That(_events.Where(text => text.StartsWith("completed", StringComparison.Ordinal)), Is.EqualTo(new[]
        {
            "completed a, visible: a", "completed b, visible: a b", "completed c, visible: a b c", "completed d, visible: a b c d",
        }));
        Assert.That(_store.Waiting, Is.Zero);
    }

    [Test]
    public void A_command_sees_what_was_proposed_before_it_though_it_is_not_visible_yet()
    {
        Propose(Queue("q"));
        Propose(new Bind("/", new("amq.direct", Destination.Queue("q"), "k", FieldTable.Empty)));
        _store.Finish();
        _store.Finish();
        Assert.That(_service.Current.Find("/")!.Bindings.Count, Is.EqualTo(1));
    }

    [Test]
    public void What_is_refused_is_answered_in_its_turn_and_not_announced()
    {
        Propose(Queue("q"));
        Propose(Queue("amq.q"));
        Assert.That(_events, Is.Empty);
        _store.Finish();
        Assert.That(_events, Is.EqualTo(new[] { "changed q, visible: none", "completed q, visible: q", "refused AccessRefused" }));
    }

    [Test]
    public void Who_is_answered_may_propose_again()
    {
        _service.Propose(Queue("a", durable: false), _ => Propose(Queue("b")));
        Assert.That(_store.Finish(), Is.EqualTo(1));
        Assert.That(Visible(), Is.EqualTo("a b"));
    }

    [Test]
    public void One_callers_defect_is_no_other_callers()
    {
        Propose(Queue("a"));
        _service.Propose(Queue("b"), _ => throw new InvalidOperationException("defect"));
        Propose(Queue("c"));
        _store.Finish();
        _store.Finish();
        Assert.That(_events[^1], Is.EqualTo("completed c, visible: a b c"));
        Propose(Queue("d", durable: false));
        Assert.That(Visible(), Is.EqualTo("a b c d"));
    }

    [TestCase("changed")]
    [TestCase("shown")]
    public void A_defect_of_a_listener_does_not_stop_the_changes_behind(string which)
    {
        void Fail(TopologyResult result)
        {
            if (Names(result) == "b") throw new InvalidOperationException("defect");
        }

        var service = new TopologyService(_store, which == "changed" ? Fail : _ => { }, NullLogger<TopologyService>.Instance)
        {
            Shown = which == "shown" ? Fail : null,
        };
        Start(service);
        foreach (var name in (string[])["a", "b", "c"]) service.Propose(Queue(name), result => _events.Add($"completed {Names(result)}"));
        _store.Finish();
        _store.Finish();
        service.Propose(Queue("d", durable: false), result => _events.Add($"completed {Names(result)}"));
        Assert.That(_events, Is.EqualTo(new[] { "completed a", "completed b", "completed c", "completed d" }));
        Assert.That(Visible(service), Is.EqualTo("a b c d"));
    }

    [Test]
    public void A_command_that_the_reducer_fails_on_is_refused_and_the_next_one_is_done()
    {
        Propose(new UnknownCommand());
        Propose(Queue("q", durable: false));
        Assert.That(_events, Is.EqualTo(new[] { "refused InternalError", "changed q, visible: none", "completed q, visible: q" }));
    }

    [Test]
    public void What_is_stored_is_announced_before_it_is_visible()
    {
        var stored = TopologyReducer.Apply(TopologySnapshot.Initial, Queue("q")).Topology;
        var visibleWhenAnnounced = "";
        TopologyService? service = null;
        service = new TopologyService(
            new StepwiseStore { Stored = stored },
            result =>
            {
                Assert.That(result.QueuesAdded.Select(queue => queue.Name), Is.EqualTo(new[] { "q" }));
                visibleWhenAnnounced = Visible(service!);
            },
            NullLogger<TopologyService>.Instance);
        Start(service);
        Assert.That(visibleWhenAnnounced, Is.EqualTo("none"));
        Assert.That(Visible(service), Is.EqualTo("q"));
    }

    [Test]
    public void What_another_node_changes_while_the_store_is_loaded_is_not_lost()
    {
        var first = TopologyReducer.Apply(TopologySnapshot.Initial, Queue("q"));
        var second = TopologyReducer.Apply(first.Topology, Queue("r"));
        var store = new StepwiseStore { Stored = first.Topology, ChangesWhileLoading = [.. second.Changes] };
        var service = Service(store);
        Start(service);
        Assert.That(Visible(service), Is.EqualTo("q r"));
        service.Propose(Queue("s"), _ => { });
        Assert.That(store.Bases, Is.EqualTo(new[] { store.Revision }), "on an older basis no commit would ever be done");
    }

    [Test]
    public void Proposals_from_many_threads_are_all_answered_once_in_one_order()
    {
        const int threads = 8;
        const int each = 200;
        var versions = new ConcurrentQueue<long>();
        using var store = new ThreadedStore();
        var service = Service(store);
        Start(service);
        using var answered = new CountdownEvent(threads * each);

        Parallel.For(0, threads, thread =>
        {
            for (var i = 0; i < each; i++)
            {
                service.Propose(Queue($"q{thread}-{i}", durable: i % 3 == 0), result =>
                {
                    versions.Enqueue(result.Topology.Version);
                    answered.Signal();
                });
            }
        });

        Assert.That(answered.Wait(Testing.Patience.Answer), Is.True);
        Assert.That(versions, Is.EqualTo(Enumerable.Range(1, threads * each).Select(version => (long)version)));
        Assert.That(service.Current.Find("/")!.Queues, Has.Count.EqualTo(threads * each));
    }

    [Test]
    public void What_another_node_changes_is_shown_and_followed()
    {
        _store.Change(new QueueAdded(new QueueDefinition("/", "theirs", new(500), durable: true, autoDelete: false, owner: null, FieldTable.Empty)));
        Assert.That(_events, Is.EqualTo(new[] { "changed theirs, visible: none" }));
        Propose(Queue("ours"));
        Assert.That(_store.Bases, Is.EqualTo(new[] { 11L }), "the commit follows their change");
        _store.Finish();
        Assert.That(_service.Current.Find("/")!.FindQueue("ours")!.Id.Value, Is.EqualTo(501), "numbers of queues go on behind theirs");
        Assert.That(Visible(), Is.EqualTo("ours theirs"));
    }

    [Test]
    public void A_change_that_arrives_during_a_commit_waits_for_its_end()
    {
        Propose(Queue("ours"));
        _store.Change(new VhostRemoved(VirtualHost.New("/")));
        Assert.That(_events, Is.Empty);
        _store.Finish();
        Assert.That(_events, Is.EqualTo(new[] { "changed ours, visible: none", "completed ours, visible: ours", "changed , visible: ours" }));
        Assert.That(_service.Current.Find("/"), Is.Null);
    }

    [Test]
    public void A_commit_that_conflicts_is_done_again_behind_what_the_other_node_changed()
    {
        Propose(Queue("q"));
        Propose(Queue("later"));
        _store.Change(new QueueAdded(new QueueDefinition("/", "q", new(500), durable: true, autoDelete: true, owner: null, FieldTable.Empty)));
        _store.Finish(CommitOutcome.Conflict);
        Assert.That(_store.Waiting, Is.EqualTo(1), "what could not be done, and what came meanwhile");
        Assert.That(_store.Bases, Is.EqualTo(new[] { 10L, 11L }));
        _store.Finish();
        Assert.That(_events, Is.EqualTo(new[] { "changed q, visible: none", "refused PreconditionFailed", "changed later, visible: q", "completed later, visible: later q" }));
    }

    [Test]
    public void What_may_have_happened_is_an_error_and_shows_when_it_is_told()
    {
        Propose(Queue("q"));
        Propose(Queue("next"));
        _store.Finish(CommitOutcome.Unknown);
        Assert.That(_events, Is.EqualTo(new[] { "refused InternalError" }));
        Assert.That(Visible(), Is.EqualTo("none"));
        _store.Finish();
        _store.Change(new QueueAdded(new QueueDefinition("/", "q", new(500), durable: true, autoDelete: false, owner: null, FieldTable.Empty)));
        Assert.That(Visible(), Is.EqualTo("next q"));
    }

    private TopologyService Service(IMetadataStore store) =>
        new(store, result => _events.Add($"changed {Names(result)}, visible: {Visible()}"), NullLogger<TopologyService>.Instance);

    private static void Start(TopologyService service) =>
        Assert.That(service.Start(_ => { }, CancellationToken.None).IsCompletedSuccessfully, Is.True, "these stores do not wait");

    private void Propose(TopologyCommand command) => _service.Propose(command, result => _events.Add(result.Error is { } error
        ? $"refused {error.Code}"
        : $"completed {Names(result)}, visible: {Visible()}"));

    private string Visible() => Visible(_service);

    private static string Visible(TopologyService service)
    {
        var queues = service.Current.Find("/")!.Queues.Keys.Order(StringComparer.Ordinal).ToArray();
        return queues.Length == 0 ? "none" : string.Join(' ', queues);
    }

    private static string Names(TopologyResult result) => string.Join(' ', result.QueuesAdded.Select(queue => queue.Name));

    private static DeclareQueue Queue(string name, bool durable = true) =>
        new("/", name, durable, AutoDelete: false, Exclusive: false, FieldTable.Empty, Requester: null);

    private sealed record UnknownCommand() : CommandInVhost("/");

    /// <summary>A store that answers from a thread of its own, as a real one does.</summary>
    private sealed class ThreadedStore : IMetadataStore, IDisposable
    {
        private readonly BlockingCollection<Action> _commits = [];

        public ThreadedStore()
        {
            new Thread(() =>
            {
                foreach (var committed in _commits.GetConsumingEnumerable()) committed();
            }) { IsBackground = true }.Start();
        }

        public Task<StoredTopology> Load(Action<StoredChanges> changed, CancellationToken cancellation) =>
            Task.FromResult(new StoredTopology(TopologySnapshot.Initial, Revision: 0, Epoch: 0, IsWhole: true));

        public bool Keeps(TopologyChange change) => change.Durable;

        public void Commit(long basis, IReadOnlyList<TopologyResult> batch, Action<CommitAnswer> answered) => _commits.Add(() => answered(CommitAnswer.Done(basis + 1)));

        public void Dispose() => _commits.CompleteAdding();
    }
}
