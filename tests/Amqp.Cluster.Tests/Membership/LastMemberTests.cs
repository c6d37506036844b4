using Amqp.Cluster.Membership;

namespace Amqp.Cluster.Tests.Membership;

/// <summary>A node that is to be alone looks at what it knows of the cluster that it was in.</summary>
public class LastMemberTests
{
    private static readonly Guid Own = Guid.NewGuid();

    private string _folder = "";

    [SetUp]
    public void Begin() => _folder = Directory.CreateTempSubdirectory("etcd-").FullName;

    [TearDown]
    public void End()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void One_that_never_was_a_member_forgets_that_it_was_to_be_one()
    {
        new MembershipFile { Directory = Own }.Write(_folder);
        Assert.That(Find(), Is.Null);
        Assert.That(Directory.Exists(_folder), Is.False);
    }

    [Test]
    public void One_that_was_removed_throws_nothing_away()
    {
        new MembershipFile { Directory = Own, IsRegistered = true, Members = [Member("n2", Guid.NewGuid())] }.Write(_folder);
        Assert.That(Find, Throws.TypeOf<ClusterException>().With.Message.Contains("rabbitmqctl reset"));
        Assert.That(File.Exists(Path.Combine(_folder, MembershipFile.Name)));
    }

    [Test]
    public void One_that_has_others_is_told_how_to_be_the_last()
    {
        new MembershipFile { Directory = Own, IsRegistered = true, Members = [Member("n1", Own), Member("n2", Guid.NewGuid())] }.Write(_folder);
        Assert.That(Find, Throws.TypeOf<ClusterException>().With.Message.Contains("forget_cluster_node n2"));
    }

    [Test]
    public void The_last_one_is_found()
    {
        new MembershipFile { Directory = Own, IsRegistered = true, Members = [Member("n1", Own)] }.Write(_folder);
        Assert.That(Find()?.Node, Is.EqualTo("n1"));
    }

    private LastMember? Find() => LastMember.Find(new ClusterOptions { Node = "n1", Folder = _folder });

    private static MemberRecord Member(string name, Guid directory) => new(name, "127.0.0.1", 25_672, directory, IsVoter: true, "1.0");
}
