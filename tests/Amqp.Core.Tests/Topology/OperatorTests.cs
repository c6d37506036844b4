using AMQP.Net;
using Amqp.Core.Security;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Topology;

/// <summary>Virtual hosts, users, permissions and limits: made, changed and deleted.</summary>
public class OperatorTests
{
    private static readonly PasswordHash Password = PasswordHash.Of("p", [1, 2, 3, 4]);

    private readonly TopologyStory _story = new();

    [SetUp]
    public void A_user_with_permissions()
    {
        _story.Apply(new AddUser("u", Password, ["management"]));
        _story.Apply(new SetPermissions("/", "u", Permissions.All));
    }

    [Test]
    public void A_virtual_host_has_the_exchanges_that_every_one_has_and_nothing_of_another()
    {
        _story.Exchange("x").Queue("q").Bind("x", "q");
        _story.Apply(new AddVhost("v", new VhostMetadata("for tests", ["a", "b"])));
        var vhost = _story.Topology.Find("v")!;
        Assert.That(vhost.Exchanges.Keys, Is.EquivalentTo(VirtualHost.New("v").Exchanges.Keys));
        Assert.That(vhost.Exchanges.Values.Select(exchange => exchange.Vhost), Is.All.EqualTo("v"));
        Assert.That((vhost.Queues.Count, vhost.Bindings.Count, vhost.Permissions.Count), Is.EqualTo((0, 0, 0)));
        Assert.That((vhost.Metadata.Description, string.Join(',', vhost.Metadata.Tags)), Is.EqualTo(("for tests", "a,b")));
    }

    [Test]
    public void A_virtual_host_that_is_there_stays_as_it_is()
    {
        _story.Queue("q");
        var result = _story.Apply(new AddVhost("/", new VhostMetadata("another", [])));
        Assert.That((result.Error, result.Changed), Is.EqualTo(((Core.Errors.BrokerError?)null, false)));
    }

    [Test]
    public void A_deleted_virtual_host_takes_all_with_it()
    {
        _story.Exchange("x").Queue("q").Queue("q2").Bind("x", "q");
        _story.Apply(new SetTopicPermissions("/", "u", "amq.topic", "", ""));
        var result = _story.Apply(new DeleteVhost("/"));
        Assert.That(result.VhostsRemoved.Single().Queues.Keys, Is.EquivalentTo(["q", "q2"]));
        Assert.That(_story.Topology.Find("/"), Is.Null);
        Assert.That(_story.Error(new DeleteVhost("/"))?.Text, Is.EqualTo("vhost / not found"));
        _story.Apply(new AddVhost("/"));
        Assert.That((_story.Here.Queues.Count, _story.Here.Permissions.Count, _story.Here.TopicPermissions.Count), Is.EqualTo((0, 0, 0)));
        Assert.That(_story.Queue("q").Here.Queues["q"].Id.Value, Is.EqualTo(3), "numbers of queues do not come back");
    }

    [Test]
    public void The_default_queue_type_of_a_virtual_host_becomes_an_argument_of_its_queues()
    {
        _story.Queue("before");
        _story.Apply(new DescribeVhost("/", new VhostMetadata("", [], QueueType.Classic)));
        _story.Queue("without").Queue("empty", arguments: FieldTable.From(("x-expires", FieldValue.From(1000))));
        Assert.Multiple(() =>
        {
            Assert.That(_story.Here.Queues["before"].Arguments, Is.EqualTo(FieldTable.Empty));
            Assert.That(_story.Here.Queues["without"].Arguments, Is.EqualTo(FieldTable.From(("x-queue-type", FieldValue.From("classic")))));
            Assert.That(_story.Here.Queues["empty"].Arguments, Is.EqualTo(
                FieldTable.From(("x-expires", FieldValue.From(1000)), ("x-queue-type", FieldValue.From("classic")))));
        });
        _story.Queue("before").Queue("without"); // declared again
        _story.Queue("own", arguments: FieldTable.From(("x-queue-type", FieldValue.From("undefined"))));
        Assert.That(_story.Here.Queues["own"].Arguments, Is.EqualTo(FieldTable.From(("x-queue-type", FieldValue.From("undefined")))));
    }

    [TestCase(QueueType.Stream)]
    public void A_queue_type_that_is_not_there_yet_cannot_be_the_default(QueueType type)
    {
        var expected = $"queue type '{type.Text()}' is not supported by this broker, and so it cannot be the default of a virtual host";
        Assert.That(_story.Error(new AddVhost("v", new VhostMetadata("", [], type)))?.Text, Is.EqualTo(expected));
        Assert.That(_story.Error(new DescribeVhost("/", new VhostMetadata("", [], type)))?.Text, Is.EqualTo(expected));
    }

    [Test]
    public void A_virtual_host_can_be_described_and_limited()
    {
        _story.Queue("q");
        _story.Apply(new DescribeVhost("/", new VhostMetadata("the first", ["old"])));
        _story.Apply(new SetVhostLimits("/", new(7, 8)));
        _story.Apply(new DescribeVhost("/", new VhostMetadata("the best", ["old"])));
        Assert.That((_story.Here.Metadata.Description, _story.Here.Limits), Is.EqualTo(("the best", new VhostLimits(7, 8))));
        Assert.That(_story.Here.Queues, Has.Count.EqualTo(1));
    }

    [TestCase(null, false)]
    [TestCase(-1L, false)]
    [TestCase(2L, false)]
    [TestCase(1L, true)]
    [TestCase(0L, true)]
    public void A_virtual_host_has_no_more_queues_than_its_limit(long? limit, bool isReached)
    {
        _story.Queue("q");
        _story.Apply(new SetVhostLimits("/", new(null, limit)));
        Assert.That(_story.Error(Declare("q")), Is.Null, "one that is there is none more");
        Assert.That(_story.Error(Declare("new"))?.Text, Is.EqualTo(isReached ? $"cannot declare queue 'new': queue limit in vhost '/' ({limit}) is reached" : null));
    }

    [Test]
    public void A_user_can_be_changed_bit_by_bit()
    {
        var other = PasswordHash.Of("q", [5, 6, 7, 8], HashingAlgorithm.Sha512);
        _story.Apply(new ChangePassword("u", other));
        _story.Apply(new SetUserTags("u", ["administrator", "impersonator"]));
        _story.Apply(new SetUserLimits("u", new(1, 2)));
        var user = _story.Topology.FindUser("u")!;
        Assert.That((user.Password, string.Join(' ', user.Tags), user.Limits), Is.EqualTo((other, "administrator impersonator", new UserLimits(1, 2))));
        Assert.That(_story.Here.Permissions, Does.ContainKey("u"));
    }

    [Test]
    public void A_deleted_user_takes_all_permissions_along()
    {
        _story.Apply(new AddVhost("v"));
        _story.Apply(new SetPermissions("v", "u", Permissions.All));
        _story.Apply(new SetTopicPermissions("v", "u", "amq.topic", "a", "b"));
        _story.Apply(new AddUser("other", Password, []));
        _story.Apply(new SetPermissions("v", "other", Permissions.All));
        _story.Apply(new DeleteUser("u"));
        _story.Apply(new AddUser("u", Password, []));
        Assert.That(_story.Here.Permissions, Is.Empty);
        Assert.That(_story.Topology.Find("v")!.Permissions.Keys, Is.EqualTo(["other"]));
        Assert.That(_story.Topology.Find("v")!.TopicPermissions, Is.Empty);
    }

    [Test]
    public void Permissions_are_replaced_and_cleared()
    {
        _story.Apply(new SetPermissions("/", "u", new(new("a"), new("b"), new("c"))));
        Assert.That(_story.Here.Permissions["u"].ToString(), Does.Contain("a").And.Contain("b").And.Contain("c"));
        _story.Apply(new ClearPermissions("/", "u"));
        Assert.That(_story.Here.Permissions, Is.Empty);
        Assert.That(_story.Apply(new ClearPermissions("/", "u")).Changed, Is.False);
    }

    [Test]
    public void Topic_permissions_are_cleared_for_one_exchange_or_for_all()
    {
        foreach (var exchange in (string[])["x1", "x2", "x3"]) _story.Apply(new SetTopicPermissions("/", "u", exchange, "", ""));
        _story.Apply(new ClearTopicPermissions("/", "u", "x2"));
        Assert.That(_story.Here.TopicPermissions.Keys.Select(key => key.Exchange), Is.EquivalentTo(["x1", "x3"]));
        _story.Apply(new ClearTopicPermissions("/", "u"));
        Assert.That(_story.Here.TopicPermissions, Is.Empty);
    }

    private static IEnumerable<TestCaseData> Refused()
    {
        yield return new(new AddUser("u", Password, []), "user 'u' already exists");
        yield return new(new AddUser("", Password, []), "the name of a user cannot be empty");
        yield return new(new AddUser(new string('ä', 128), Password, []), "the name of a user has 256 bytes, and at most 255 are possible");
        yield return new(new AddVhost(""), "the name of a virtual host cannot be empty");
        yield return new(new DeleteUser("x"), "user 'x' does not exist");
        yield return new(new ChangePassword("x", Password), "user 'x' does not exist");
        yield return new(new SetUserTags("x", []), "user 'x' does not exist");
        yield return new(new SetUserLimits("x", UserLimits.None), "user 'x' does not exist");
        yield return new(new SetPermissions("/", "x", Permissions.All), "user 'x' does not exist");
        yield return new(new SetPermissions("x", "u", Permissions.All), "vhost x not found");
        yield return new(new SetPermissions("/", "u", new(new("("), new(""), new(""))), "invalid regular expression '(': ");
        yield return new(new SetPermissions("/", "u", new(new(""), new(""), new("["))), "invalid regular expression '[': ");
        yield return new(new SetTopicPermissions("/", "x", "amq.topic", "", ""), "user 'x' does not exist");
        yield return new(new SetTopicPermissions("/", "u", "amq.topic", "", "*"), "invalid regular expression '*': ");
        yield return new(new SetVhostLimits("x", VhostLimits.None), "vhost x not found");
    }

    [TestCaseSource(nameof(Refused))]
    public void What_cannot_be_is_refused(TopologyCommand command, string text) => Assert.That(_story.Error(command)?.Text, Does.StartWith(text));

    [Test]
    public void Several_commands_happen_together_or_not_at_all()
    {
        var before = _story.Topology;
        Assert.That(_story.Error(new Commands([new AddVhost("v"), Declare("q"), new DeleteUser("x")]))?.Text, Is.EqualTo("user 'x' does not exist"));
        Assert.That(_story.Topology, Is.SameAs(before));
        var result = _story.Apply(new Commands([new AddVhost("v"), Declare("q"), Declare("q2"), new DeleteUser("u")]));
        Assert.That(result.Changes, Has.Length.EqualTo(4));
        Assert.That((_story.Topology.VirtualHosts.Count, _story.Here.Queues.Count, _story.Topology.Users.Count), Is.EqualTo((2, 2, 0)));
    }

    [Test]
    public void A_permission_whose_user_is_lost_is_not_repeated() =>
        Assert.That(TopologyReducer.Replay(TopologySnapshot.Initial, new PermissionsChanged("/", "u", Permissions.All)), Is.Null);

    private static DeclareQueue Declare(string name) => new("/", name, true, false, false, FieldTable.Empty, null);
}
