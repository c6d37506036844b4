using System.Text.Json;
using AMQP.Net;
using Amqp.Core.Events;
using Amqp.Core.Policies;
using Amqp.Core.Security;
using Amqp.Core.Tests.Topology;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Events;

/// <summary>What changes of the topology say of themselves. What clients make of it is in the conformance tests; these are those of operators.</summary>
public class TopologyEventsTests
{
    private readonly TopologyStory _story = new();

    [Test]
    public void Virtual_hosts_users_and_permissions()
    {
        Assert.That(Events(new AddVhost("v", new VhostMetadata("d", ["a", "b"]))), Is.EqualTo("vhost.created name=v tracing=false description=d tags=[a,b] default_queue_type=undefined"));
        Assert.That(Events(new DescribeVhost("v", new VhostMetadata("e", []))), Is.EqualTo("vhost.updated name=v description=e tags=[] default_queue_type=undefined"));
        Assert.That(Events(new SetVhostLimits("v", new VhostLimits(5, null))), Is.EqualTo("vhost.limits.set name=limits vhost=v max-connections=5"));
        Assert.That(Events(new SetVhostLimits("v", VhostLimits.None)), Is.EqualTo("vhost.limits.cleared name=limits vhost=v"));
        Assert.That(Events(new AddUser("u", PasswordHash.Of("p", [1, 2, 3, 4]), ["monitoring"])), Is.EqualTo("user.created name=u | user.tags.set name=u tags=[monitoring]"));
        Assert.That(Events(new ChangePassword("u", PasswordHash.Of("other", [1, 2, 3, 4]))), Is.EqualTo("user.password.changed name=u"));
        Assert.That(Events(new ChangePassword("u", PasswordHash.None)), Is.EqualTo("user.password.cleared name=u"));
        Assert.That(Events(new SetUserTags("u", [])), Is.EqualTo("user.tags.set name=u tags=[]"));
        Assert.That(Events(new SetUserLimits("u", new UserLimits(null, 7))), Is.EqualTo("user.limits.set name=u max-channels=7"));
        Assert.That(Events(new SetPermissions("v", "u", Permissions.All)), Is.EqualTo("permission.created user=u vhost=v configure=.* write=.* read=.*"));
        Assert.That(Events(new SetTopicPermissions("v", "u", "amq.topic", "w", "r")), Is.EqualTo("topic.permission.created user=u vhost=v exchange=amq.topic write=w read=r"));
        Assert.That(Events(new ClearTopicPermissions("v", "u")), Is.EqualTo("topic.permission.deleted user=u vhost=v"));
        Assert.That(Events(new ClearPermissions("v", "u")), Is.EqualTo("permission.deleted user=u vhost=v"));
        Assert.That(Events(new DeleteUser("u")), Is.EqualTo("user.deleted name=u"));
        Assert.That(Events(new DeleteVhost("v")), Is.EqualTo("vhost.deleted name=v"));
    }

    [Test]
    public void Policies_and_parameters()
    {
        _story.Queue("q").Queue("other");
        const string Says = "pattern=^q apply-to=all definition=[ha-mode: nodes, ha-params: [a], max-length: 5] priority=1";
        Assert.That(
            Events(new SetPolicy("/", PolicyKind.User, "p", Json("""{"pattern":"^q","definition":{"max-length":5,"ha-mode":"nodes","ha-params":["a"]},"apply-to":"all","priority":1}"""))),
            Is.EqualTo($"queue.policy.updated name=q vhost=/ type=rabbit_classic_queue {Says} | policy.set name=p vhost=/ {Says}"));
        Assert.That(Events(new ClearPolicy("/", PolicyKind.User, "p")), Is.EqualTo("queue.policy.cleared name=q vhost=/ type=rabbit_classic_queue | policy.cleared name=p vhost=/"));
        Events(new SetPolicy("/", PolicyKind.Operator, "o", Json("""{"pattern":"none","definition":{"max-length":5},"priority":0}""")));
        Assert.That(Events(new ClearPolicy("/", PolicyKind.Operator, "o")), Is.EqualTo("operator.policy.cleared name=o vhost=/"));
        Assert.That(Events(new SetGlobalParameter("g", Json("""{"a":[1,true]}"""))), Is.EqualTo("parameter.set name=g value=[a: [1,true]]"));
        Assert.That(Events(new ClearGlobalParameter("g")), Is.EqualTo("parameter.cleared name=g"));
    }

    [Test]
    public void What_goes_takes_its_bindings_with_it()
    {
        _story.Exchange("x").Exchange("y").Queue("q").Bind("x", "q", "k").BindExchange("y", "x", "l");
        Assert.That(Events(new DeleteExchange("/", "x", IfUnused: false), user: "rmq-internal"), Is.EqualTo(
            "binding.deleted source_name=x source_kind=exchange destination_name=q destination_kind=queue routing_key=k arguments=[] vhost=/"
            + " | binding.deleted source_name=y source_kind=exchange destination_name=x destination_kind=exchange routing_key=l arguments=[] vhost=/"
            + " | exchange.deleted name=x vhost=/"));
    }

    private string Events(TopologyCommand command, string user = "rmq-cli")
    {
        var before = _story.Topology;
        var result = _story.Apply(command) with { User = command.By };
        Assert.That(result.Error, Is.Null);
        return string.Join(" | ", new TopologyEvents(_ => "pid").Of(before, result).Select(happened =>
        {
            var (says, last) = (happened.Fields.Table.ToArray()[..^1], happened.Fields.Table.Last());
            Assert.That((last.Key, last.Value), Is.EqualTo(("user_who_performed_action", FieldValue.From(user))));
            return $"{happened.Key} {string.Join(' ', says.Select(field => $"{field.Key}={field.Value}"))}";
        }));
    }

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;
}
