using System.Net;
using Amqp.Cluster.Membership;

namespace Amqp.Cluster.Tests.Membership;

/// <summary>Where nodes are, as operators write it; and what is said of options that cannot be.</summary>
public class NodeAddressTests
{
    private static readonly ClusterOptions Good = new() { Node = "rabbit@one", Folder = "/folder" };

    [TestCase("rabbit@host", "rabbit@host", "host", 25672)]
    [TestCase(" rabbit@a.example.com ", "rabbit@a.example.com", "a.example.com", 25672)]
    [TestCase("rabbit@host=10.0.0.2", "rabbit@host", "10.0.0.2", 25672)]
    [TestCase("rabbit@host=10.0.0.2:5000", "rabbit@host", "10.0.0.2", 5000)]
    [TestCase("rabbit@host=other.example.com:5000", "rabbit@host", "other.example.com", 5000)]
    [TestCase("rabbit@host=[fd00::2]:5000", "rabbit@host", "fd00::2", 5000)]
    [TestCase("rabbit@host=fd00::2", "rabbit@host", "fd00::2", 25672)]
    [TestCase("dns:cluster.example.com", null, "cluster.example.com", 25672)]
    [TestCase("dns:cluster.example.com:5000", null, "cluster.example.com", 5000)]
    [TestCase("cluster.example.com", null, "cluster.example.com", 25672)]
    [TestCase("10.0.0.2", null, "10.0.0.2", 25672)]
    [TestCase("10.0.0.2:5000", null, "10.0.0.2", 5000)]
    public void An_address_is_read(string text, string? node, string host, int port)
    {
        var read = NodeAddress.Parse(text);
        Assert.That(read, Is.EqualTo(new NodeAddress(node, host, port)));
        Assert.That(NodeAddress.Parse(read.ToString()), Is.EqualTo(read));
    }

    [TestCase("")]
    [TestCase("rabbit@")]
    [TestCase("@host")]
    [TestCase("rabbit@host@host")]
    [TestCase("rabbit@host:5000")]
    [TestCase("rabbit@host=")]
    [TestCase("rabbit@host=10.0.0.2:")]
    [TestCase("rabbit@host=10.0.0.2:0")]
    [TestCase("rabbit@host=10.0.0.2:65534")]
    [TestCase("rabbit@host=10.0.0.2:five")]
    [TestCase("dns:")]
    [TestCase("http://host:5000")]
    [TestCase("one two")]
    public void Anything_else_is_refused_with_what_it_has_to_look_like(string text) =>
        Assert.That(() => NodeAddress.Parse(text), Throws.TypeOf<ClusterException>().With.Message.Contains($"'{text}'").And.Message.Contains("rabbit@host=10.0.0.2:25672"));

    [Test]
    public async Task A_name_is_resolved()
    {
        var found = await NodeAddress.Parse("dns:localhost:5000").Resolve(default);
        Assert.That(found[0], Is.EqualTo(new IPEndPoint(IPAddress.Loopback, 5000)));
        Assert.That(async () => await NodeAddress.Parse("nowhere.invalid").Resolve(default), Throws.TypeOf<IOException>().With.Message.Contains("nowhere.invalid"));
    }

    [Test]
    public void Options_that_can_be_pass()
    {
        Good.Validate();
        (Good with { Bootstrap = ["rabbit@one", "rabbit@two"] }).Validate();
        (Good with { Seeds = ["rabbit@two", "dns:cluster.example.com"] }).Validate();
        (Good with { Mode = ClusterMode.EtcdExternal, Endpoints = [new Uri("https://10.0.0.9:2379")] }).Validate();
    }

    private static IEnumerable<TestCaseData> Wrong()
    {
        yield return Case(Good with { Node = "one" }, "Cluster:Node is 'one'");
        yield return Case(Good with { Port = 65_534 }, "Cluster:Port is 65534");
        yield return Case(Good with { Address = IPAddress.Any }, "Cluster:Address is 0.0.0.0");
        yield return Case(Good with { Seeds = ["rabbit@"] }, "'rabbit@' does not say where a node is");
        yield return Case(Good with { Bootstrap = ["rabbit@two"] }, "does not have this node, rabbit@one");
        yield return Case(Good with { Bootstrap = ["rabbit@one", "10.0.0.2"] }, "without the name of the node");
        yield return Case(Good with { Bootstrap = ["rabbit@one", "rabbit@one"] }, "has rabbit@one twice");
        yield return Case(Good with { Bootstrap = ["rabbit@one", "rabbit@b", "rabbit@c", "rabbit@d", "rabbit@e", "rabbit@f"] }, "at most 5 can begin a cluster");
        yield return Case(Good with { Bootstrap = ["rabbit@one=10.0.0.1:5000"] }, "and its Cluster:Port is 25672");
        yield return Case(Good with { Bootstrap = ["rabbit@one=10.0.0.1"], Address = IPAddress.Parse("10.0.0.2") }, "correct one of them");
        yield return Case(Good with { Endpoints = [new Uri("https://10.0.0.9:2379")] }, "Cluster:Endpoints is for Cluster:Mode EtcdExternal");
        yield return Case(Good with { Mode = ClusterMode.EtcdExternal }, "Cluster:Endpoints is empty");
        yield return Case(Good with { Mode = ClusterMode.EtcdExternal, Endpoints = [new Uri("ftp://host")] }, "has 'ftp://host/'");

        static TestCaseData Case(ClusterOptions options, string says) => new TestCaseData(options, says).SetArgDisplayNames(says);
    }

    [TestCaseSource(nameof(Wrong))]
    public void Options_that_cannot_be_are_refused_with_the_reason(ClusterOptions options, string says) =>
        Assert.That(options.Validate, Throws.TypeOf<ClusterException>().With.Message.Contains(says));

    [Test]
    public async Task The_own_address_is_what_others_can_reach()
    {
        Assert.That(await (Good with { Address = IPAddress.Parse("10.0.0.7") }).ResolveAddress(default), Is.EqualTo(IPAddress.Parse("10.0.0.7")));
        Assert.That(await (Good with { Bootstrap = ["rabbit@one=10.0.0.8"] }).ResolveAddress(default), Is.EqualTo(IPAddress.Parse("10.0.0.8")));
        var local = Good with { Node = "rabbit@localhost" };
        Assert.That(await local.ResolveAddress(default), Is.EqualTo(IPAddress.Loopback), "it is alone");
        Assert.That(async () => await (local with { Seeds = ["rabbit@two"] }).ResolveAddress(default), Throws.TypeOf<ClusterException>().With.Message.Contains("Set Cluster:Address"));
    }
}
