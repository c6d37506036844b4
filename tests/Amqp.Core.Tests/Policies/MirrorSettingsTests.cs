using System.Collections.Immutable;
using System.Text.Json;
using Amqp.Core.Policies;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Core.Tests.Policies;

/// <summary>Which nodes are to have a mirrored queue.</summary>
public class MirrorSettingsTests
{
    private static readonly ImmutableArray<ClusterNode> Members =
        [.. new[] { "n1", "n2", "n3", "n4" }.Select(name => new ClusterNode(name, IsRunning: name != "n3", Epoch: 1))];

    [TestCase("""{"ha-mode":"all"}""", "n2", "", "n2 n1 n4 n3", TestName = "all nodes, those that run first")]
    [TestCase("""{"ha-mode":"all"}""", "n2", "n2 n3", "n2 n3 n1 n4", TestName = "those that have it stay in their order")]
    [TestCase("""{"ha-mode":"exactly","ha-params":2}""", "n2", "", "n2 n1", TestName = "one more")]
    [TestCase("""{"ha-mode":"exactly","ha-params":2}""", "n2", "n2 n3", "n2 n3", TestName = "the one that has it, though it does not run")]
    [TestCase("""{"ha-mode":"exactly","ha-params":2}""", "n2", "n2 n5", "n2 n1", TestName = "another one for a node that is no member any more")]
    [TestCase("""{"ha-mode":"exactly","ha-params":1}""", "n2", "n2 n1", "n2", TestName = "the leader alone")]
    [TestCase("""{"ha-mode":"exactly","ha-params":9}""", "n2", "", "n2 n1 n4 n3", TestName = "no more than there are")]
    [TestCase("""{"ha-mode":"nodes","ha-params":["n1","n2","n9"]}""", "n2", "", "n2 n1", TestName = "those that are named and are members, the leader first")]
    [TestCase("""{"ha-mode":"nodes","ha-params":["n3","n4"]}""", "n2", "n2 n1", "n3 n4", TestName = "those that are named, without the leader")]
    [TestCase("""{"ha-mode":"nodes","ha-params":["n8","n9"]}""", "n2", "n2", "n2", TestName = "none of those that are named is there")]
    public void Of_four_nodes(string policy, string leader, string present, string replicas) =>
        Assert.That(string.Join(' ', Of(policy).Replicas(leader, [.. present.Split(' ', StringSplitOptions.RemoveEmptyEntries)], Members, chance: 0)), Is.EqualTo(replicas));

    [Test]
    public void Other_queues_have_their_mirrors_on_other_nodes()
    {
        var settings = Of("""{"ha-mode":"exactly","ha-params":2}""");
        var mirrors = Enumerable.Range(0, 6).Select(chance => settings.Replicas("n1", [], Members, chance)[1]);
        Assert.That(mirrors.Distinct(), Is.EquivalentTo(["n2", "n4"]), "n3 does not run");
    }

    [TestCase("""{"ha-mode":"all"}""", 3, 1)]
    [TestCase("""{"ha-mode":"all","ha-min-in-sync":2}""", 3, 2)]
    public void So_many_have_what_is_confirmed(string policy, int replicas, int minimum) => Assert.That(Of(policy).MinInSyncOf(replicas), Is.EqualTo(minimum));

    [TestCase(3, 2)]
    [TestCase(4, 3)]
    [TestCase(5, 3)]
    [TestCase(1, 1)]
    public void Of_a_quorum_queue_the_majority_has_what_is_confirmed(int replicas, int minimum)
    {
        var arguments = QueueArguments.Parse(FieldTable.Empty.With("x-queue-type", FieldValue.From("quorum")));
        var settings = QueueSettings.Of(arguments, PolicyDefinition.Empty).Mirrors!;
        Assert.That(settings.MinInSyncOf(replicas), Is.EqualTo(minimum));
        Assert.That(settings.Count, Is.EqualTo(3));
    }

    [Test]
    public void A_queue_without_such_keys_has_no_mirrors() =>
        Assert.That(QueueSettings.Of(QueueArguments.Parse(FieldTable.Empty), Definition("""{"max-length":1}""")).Mirrors, Is.Null);

    private static MirrorSettings Of(string policy) => QueueSettings.Of(QueueArguments.Parse(FieldTable.Empty), Definition(policy)).Mirrors!;

    private static PolicyDefinition Definition(string policy)
    {
        using var document = JsonDocument.Parse(policy);
        return PolicyDefinition.Of(document.RootElement);
    }
}
