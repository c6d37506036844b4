using AMQP.Net;
using Amqp.Core.Ports;
using Amqp.Core.Security;
using Amqp.Core.Tests.Topology;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Ports;

/// <summary>
/// What any metadata store has to do, whatever it keeps the topology in. A test project links this file and derives a fixture for each store.
/// </summary>
public abstract class MetadataStoreConformance
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private IMetadataStore _store = null!;
    private long _revision;

    private TopologySnapshot Topology { get; set; } = TopologySnapshot.Initial;

    /// <summary>Opens the store as a start of the node does: an empty one at first, and later what there is, behind an orderly end.</summary>
    protected abstract Task<IMetadataStore> Start();

    /// <summary>What comes back of a topology, as text.</summary>
    protected virtual string Kept(TopologySnapshot topology) => TopologyText.OfDurable(topology);

    [Test]
    public async Task A_new_store_holds_what_every_broker_has()
    {
        var stored = await Load();
        Assert.That(TopologyText.Of(stored.Topology), Is.EqualTo(TopologyText.Of(TopologySnapshot.Initial)));
        Assert.That(stored.IsWhole, Is.True);
    }

    [Test]
    public async Task Definitions_come_back_to_the_byte()
    {
        var arguments = FieldTable.From(
            ("x-message-ttl", FieldValue.From(60_000L)),
            ("x-note", FieldValue.LongString([0, 10, 255])),
            ("x-table", FieldValue.From(FieldTable.From(("ü\"\n", FieldValue.Void)))));
        await Load();
        await Apply(new DeclareExchange("/", "x \n\"é😀", "headers", true, true, true, arguments));
        await Apply(new DeclareExchange("/", "y", "topic", true, false, false, FieldTable.Empty));
        await Apply(new DeclareQueue("/", "q", true, true, false, arguments, null));
        await Apply(new Bind("/", new("y", Destination.Queue("q"), "a.\r\n#", arguments)));
        await Apply(new Bind("/", new("x \n\"é😀", Destination.Exchange("y"), "", FieldTable.Empty)));
        await Apply(new Commands(
        [
            new AddVhost("v", new VhostMetadata("a description", ["tag"], QueueType.Classic)),
            new SetVhostLimits("v", new(1, 2)),
            new AddUser("u", PasswordHash.Of("p", [1, 2, 3, 4], HashingAlgorithm.Sha512), ["a", "b"]),
            new SetPermissions("v", "u", new(new("c"), new("w"), new("r"))),
            new SetTopicPermissions("v", "u", "amq.topic", "^{username}", ".*"),
        ]));
        var before = Kept(Topology);
        await Load();
        Assert.That(Kept(Topology), Is.EqualTo(before).And.Contains("topic permissions"));
        Assert.That(Topology.Find("/")!.FindQueue("q")!.Parsed.MessageTtlMs, Is.EqualTo(60_000));
    }

    [Test]
    public async Task Whatever_happened_the_durable_part_comes_back([Range(1, 20)] int seed)
    {
        await Load();
        for (var round = 0; round < 5; round++)
        {
            for (var i = 0; i < 40; i++) await Apply(RandomCommands.From((seed * 10_000) + (round * 100) + i, Topology));
            var before = Kept(Topology);
            await Load();
            Assert.That(Kept(Topology), Is.EqualTo(before));
        }
    }

    [Test]
    public async Task No_number_of_a_queue_and_no_epoch_comes_back()
    {
        var (seen, epochs) = (new HashSet<QueueId>(), new List<uint>());
        for (var opening = 0; opening < 3; opening++)
        {
            epochs.Add((await Load()).Epoch);
            foreach (var durable in (bool[])[true, false, false])
            {
                var queue = (await Apply(new DeclareQueue("/", "q", durable, false, false, FieldTable.Empty, null))).Queue!;
                Assert.That(seen.Add(queue.Id), Is.True, $"{queue.Id} a second time");
                await Apply(new DeleteQueue("/", "q", queue.Id));
            }
        }
        Assert.That(epochs, Is.Ordered.Ascending.And.Unique);
    }

    [Test]
    public async Task Commits_are_answered_in_order_with_growing_revisions_and_never_from_inside()
    {
        await Load();
        var revisions = new List<long> { _revision };
        for (var number = 0; number < 50; number++)
        {
            await Apply(new DeclareQueue("/", $"q{number}", true, false, false, FieldTable.Empty, null));
            revisions.Add(_revision);
        }
        Assert.That(revisions, Is.Ordered.Ascending.And.Unique);
        await Load();
        Assert.That(Topology.Find("/")!.Queues, Has.Count.EqualTo(50));
    }

    [Test]
    public async Task A_batch_is_stored_as_it_followed_and_its_answer_may_commit_again()
    {
        await Load();
        var first = TopologyReducer.Apply(Topology, new DeclareQueue("/", "a", true, false, false, FieldTable.Empty, null));
        var second = TopologyReducer.Apply(first.Topology, new DeleteQueue("/", "a", first.Queue!.Id));
        var third = TopologyReducer.Apply(second.Topology, new DeclareQueue("/", "b", true, false, false, FieldTable.Empty, null));
        var answered = new TaskCompletionSource<CommitAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _store.Commit(_revision, [first, second], answer => _store.Commit(answer.Revision, [third], answered.SetResult));
        Assert.That((await answered.Task.WaitAsync(Patience)).Outcome, Is.EqualTo(CommitOutcome.Done));
        await Load();
        Assert.That(Topology.Find("/")!.Queues.Keys, Is.EqualTo(new[] { "b" }));
    }

    [Test]
    public async Task What_is_durable_is_kept()
    {
        await Load();
        var durable = TopologyReducer.Apply(Topology, new DeclareExchange("/", "x", "direct", true, false, false, FieldTable.Empty));
        Assert.That(durable.Changes.Select(_store.Keeps), Is.EqualTo(new[] { true }));
    }

    private async Task<StoredTopology> Load()
    {
        _store = await Start();
        var stored = await _store.Load(changes => Assert.Fail($"nothing else changes anything, and {changes} was told"), CancellationToken.None);
        (Topology, _revision) = (stored.Topology, stored.Revision);
        return stored;
    }

    /// <summary>Does a command, and commits it if the store keeps something of it.</summary>
    private async Task<TopologyResult> Apply(TopologyCommand command)
    {
        var result = TopologyReducer.Apply(Topology, command);
        Topology = result.Topology;
        if (!result.Changes.Any(_store.Keeps)) return result;
        var (isInside, wasInside) = (true, false);
        var answered = new TaskCompletionSource<CommitAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        var caller = Environment.CurrentManagedThreadId;
        _store.Commit(_revision, [result], answer =>
        {
            wasInside = Volatile.Read(ref isInside) && Environment.CurrentManagedThreadId == caller;
            answered.SetResult(answer);
        });
        Volatile.Write(ref isInside, false);
        var answer = await answered.Task.WaitAsync(Patience);
        Assert.That((answer.Outcome, wasInside), Is.EqualTo((CommitOutcome.Done, false)));
        _revision = answer.Revision;
        return result;
    }
}
