using AMQP.Net;
using Amqp.Core.Errors;
using Amqp.Core.Security;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Topology;

/// <summary>
/// What changes the topology, and which permissions it asks for. The user u has them by name: <c>c</c> in a name allows configuring,
/// <c>w</c> writing, <c>r</c> reading. What does not change it is in the conformance tests.
/// </summary>
public class PermissionTests
{
    private static IEnumerable<TestCaseData> Operations()
    {
        yield return Row("declare an exchange", new DeclareExchange("/", "x.wr", "direct", true, false, false, FieldTable.Empty, "u"), "configure access to exchange 'x.wr'");
        yield return Row("declare an exchange", new DeclareExchange("/", "x.c", "direct", true, false, false, FieldTable.Empty, "u"), null);
        yield return Row("declare again what others declared", new DeclareExchange("/", "there.wr", "topic", true, false, false, FieldTable.Empty, "u"), "configure access to exchange 'there.wr'");
        yield return Row("an alternate exchange, not readable", Alternate("x.cw", "y.w"), "read access to exchange 'x.cw'");
        yield return Row("an alternate exchange, not writable", Alternate("x.cr", "y.cr"), "write access to exchange 'y.cr'");
        yield return Row("an alternate exchange", Alternate("x.cr", "y.w"), null);
        yield return Row("an exchange that is there, with an alternate one", Alternate("there.cw", "y.c"), "inequivalent");
        yield return Row("delete an exchange", new DeleteExchange("/", "there.wr", false, "u"), "configure access to exchange 'there.wr'");
        yield return Row("delete an exchange that is not there", new DeleteExchange("/", "x.wr", false, "u"), "configure access to exchange 'x.wr'");
        yield return Row("delete an exchange", new DeleteExchange("/", "there.cw", false, "u"), null);
        yield return Row("delete a system exchange", new DeleteExchange("/", "amq.direct", false, "u"), "deletion of system exchange");
        yield return Row("declare a queue", Queue("q.wr"), "configure access to queue 'q.wr'");
        yield return Row("declare a queue", Queue("q.c"), null);
        yield return Row("a dead letter exchange, not readable", Queue("q.cw", ("x-dead-letter-exchange", "y.w")), "read access to queue 'q.cw'");
        yield return Row("a dead letter exchange, not writable", Queue("q.cr", ("x-dead-letter-exchange", "y.r")), "write access to exchange 'y.r'");
        yield return Row("the default exchange for dead letters", Queue("q.cr", ("x-dead-letter-exchange", "")), "write access to exchange 'amq.default'");
        yield return Row("bind", Bind("there.r", "queue.w"), null);
        yield return Row("bind a queue, not writable", Bind("there.r", "queue.cr"), "write access to queue 'queue.cr'");
        yield return Row("bind to an exchange, not readable", Bind("there.cw", "queue.w"), "read access to exchange 'there.cw'");
        yield return Row("bind what is not there", Bind("x.cw", "q.w"), "read access to exchange 'x.cw'");
        yield return Row("bind what is not there", Bind("x.r", "q.w"), "no exchange 'x.r'");
        yield return Row("bind to the default exchange", Bind("", "queue.w"), "operation not permitted on the default exchange");
        yield return Row("bind to the default exchange, not writable", Bind("", "queue.cr"), "write access to queue 'queue.cr'");
        yield return Row("unbind", new Unbind("/", Binding("there.r", Destination.Queue("queue.w")), null, "u"), null);
        yield return Row("unbind a queue, not writable", new Unbind("/", Binding("there.r", Destination.Queue("queue.cr")), null, "u"), "write access to queue 'queue.cr'");
        yield return Row("unbind from an exchange, not readable", new Unbind("/", Binding("there.cw", Destination.Queue("queue.w")), null, "u"), "read access to exchange 'there.cw'");
        yield return Row("bind exchanges", BindExchange("there.r", "there.wr"), null);
        yield return Row("bind exchanges, destination not writable", BindExchange("there.r", "there.r"), "write access to exchange 'there.r'");
        yield return Row("bind exchanges, source not readable", BindExchange("there.cw", "there.wr"), "read access to exchange 'there.cw'");
        yield return Row("bind exchanges, destination the default one", BindExchange("there.r", ""), "write access to exchange 'amq.default'");
    }

    [TestCaseSource(nameof(Operations))]
    public void An_operation_asks_for_its_permissions(TopologyCommand command, string? refusal)
    {
        var error = Story().Error(command);
        if (refusal is null) Assert.That(error, Is.Null);
        else Assert.That(error?.Text, Does.StartWith(refusal).And.EndWith(refusal.Contains("access to", StringComparison.Ordinal) ? " in vhost '/' refused for user 'u'" : ""));
    }

    [TestCase("a.b", null)]
    [TestCase("b.a", "read access to topic 'b.a' in exchange 'there.r' in vhost '/' refused for user 'u'")]
    public void A_binding_of_a_topic_exchange_asks_for_its_routing_key(string key, string? refusal)
    {
        var story = Story();
        story.Apply(new SetTopicPermissions("/", "u", "there.r", Write: "", Read: "^a"));
        story.Apply(new SetTopicPermissions("/", "u", "there.wr", Write: "", Read: ""));
        Assert.That(story.Error(new Bind("/", Binding("there.r", Destination.Queue("queue.w"), key), null, "u"))?.Text, Is.EqualTo(refusal));
        Assert.That(story.Error(new Unbind("/", Binding("there.r", Destination.Queue("queue.w"), key), null, "u"))?.Text, Is.EqualTo(refusal));
    }

    [Test]
    public void Topic_permissions_are_of_topic_exchanges_of_the_user_and_the_exchange_they_name()
    {
        var story = Story();
        story.Apply(new DeclareExchange("/", "direct.wr", "direct", true, false, false, FieldTable.Empty));
        story.Apply(new SetTopicPermissions("/", "u", "direct.wr", Write: "", Read: ""));
        story.Apply(new AddUser("v", PasswordHash.None, []));
        story.Apply(new SetPermissions("/", "v", Permissions.All));
        story.Apply(new SetTopicPermissions("/", "u", "there.r", Write: "^w", Read: "^r"));
        BrokerError? Check(string user, Access access, string exchange, string key) =>
            story.Here.CheckTopicAccess(user, access, story.Here.Exchanges[exchange], key);
        Assert.That(Check("u", Access.Write, "direct.wr", "any"), Is.Null);
        Assert.That(Check("u", Access.Write, "there.wr", "any"), Is.Null);
        Assert.That(Check("v", Access.Write, "there.r", "any"), Is.Null);
        Assert.That(Check("u", Access.Write, "there.r", "w"), Is.Null);
        Assert.That(Check("u", Access.Read, "there.r", "r"), Is.Null);
        Assert.That(Check("u", Access.Write, "there.r", "r")?.ReplyText,
            Is.EqualTo("ACCESS_REFUSED - write access to topic 'r' in exchange 'there.r' in vhost '/' refused for user 'u'"));
    }

    [Test]
    public void Without_permissions_in_a_virtual_host_nothing_is_allowed_there()
    {
        var story = Story();
        story.Apply(new AddVhost("other"));
        Assert.That(story.Error(new DeclareQueue("other", "q.cwr", true, false, false, FieldTable.Empty, null, User: "u"))?.Text,
            Is.EqualTo("configure access to queue 'q.cwr' in vhost 'other' refused for user 'u'"));
        Assert.That(story.Error(new DeclareQueue("/", "q.cwr", true, false, false, FieldTable.Empty, null, User: "nobody")), Is.Not.Null);
    }

    [Test]
    public void The_default_exchange_has_a_name_in_permissions()
    {
        var story = Story();
        var exchange = Resource.Exchange("/", "");
        Assert.That(story.Here.CheckAccess("u", Access.Write, exchange)?.Text, Is.EqualTo("write access to exchange 'amq.default' in vhost '/' refused for user 'u'"));
        story.Apply(new SetPermissions("/", "u", new(new(""), new(@"^amq\.default$"), new(""))));
        Assert.That(story.Here.CheckAccess("u", Access.Write, exchange), Is.Null);
    }

    private static TopologyStory Story()
    {
        var story = new TopologyStory();
        story.Apply(new AddUser("u", PasswordHash.None, []));
        story.Apply(new SetPermissions("/", "u", new(new("[.].*c"), new("[.].*w"), new("[.].*r"))));
        return story.Exchange("there.r", "topic").Exchange("there.wr", "topic").Exchange("there.cw").Queue("queue.w").Queue("queue.cr");
    }

    private static TestCaseData Row(string name, TopologyCommand command, string? refusal) =>
        new TestCaseData(command, refusal).SetName($"{name}: {refusal ?? "allowed"}");

    private static DeclareExchange Alternate(string name, string alternate) => new(
        "/", name, "direct", true, false, false, FieldTable.From(("alternate-exchange", FieldValue.From(alternate))), "u");

    private static DeclareQueue Queue(string name, params (string Name, string Value)[] arguments) => new(
        "/", name, true, false, false, FieldTable.From(Array.ConvertAll(arguments, argument => (argument.Name, FieldValue.From(argument.Value)))), null, User: "u");

    private static Bind Bind(string source, string queue) => new("/", Binding(source, Destination.Queue(queue)), null, "u");

    private static Bind BindExchange(string source, string destination) => new("/", Binding(source, Destination.Exchange(destination)), null, "u");

    private static Binding Binding(string source, Destination destination, string key = "k") => new(source, destination, key, FieldTable.Empty);
}
