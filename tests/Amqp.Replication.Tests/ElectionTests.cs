namespace Amqp.Replication.Tests;

/// <summary>Who may lead.</summary>
public class ElectionTests
{
    private static readonly Member A = New("a", 1), B = New("b", 2), C = New("c", 3);

    [Test]
    public void The_first_of_the_policys_order_leads_that_is_in_sync_and_runs()
    {
        var configuration = InSync(A, B, C);
        Assert.That(Election.Choose(configuration, [C, B]), Is.EqualTo(B));
        Assert.That(Election.Choose(configuration, [C]), Is.EqualTo(C));
        Assert.That(Election.Choose(configuration, []), Is.Null);
        Assert.That(Election.Choose(InSync(A), [B, C]), Is.Null, "they may lack what was confirmed");
    }

    [Test]
    public void One_that_never_stopped_is_preferred_to_one_that_was_started_again()
    {
        var again = B with { Boot = 9 };
        Assert.That(Election.Choose(InSync(A, B, C), [again, C]), Is.EqualTo(C));
        Assert.That(Election.Choose(InSync(A, B, C), [again]), Is.EqualTo(again), "its disk has all that is persistent");
        Assert.That(Election.Promote(InSync(A, B, C), again, epoch: 5).InSync, Is.EqualTo(new[] { A, again, C }));
    }

    [Test]
    public void One_with_another_disk_is_another_copy()
    {
        var emptied = B with { Directory = Guid.NewGuid() };
        Assert.That(Election.Choose(InSync(A, B), [emptied]), Is.Null);
        Assert.That(InSync(A, B).IsInSync(emptied), Is.False);
    }

    [Test]
    public void Only_when_asked_for_leads_one_that_is_not_in_sync()
    {
        var configuration = InSync(A);
        Assert.That(Election.Choose(configuration, [C, B], promotesUnsynchronised: true), Is.EqualTo(B));
        Assert.That(Election.Choose(configuration, [New("d", 4)], promotesUnsynchronised: true), Is.Null, "the policy does not name it");
        Assert.That(Election.Choose(configuration, [B, A], promotesUnsynchronised: true), Is.EqualTo(A));
        Assert.That(Election.Promote(configuration, B, epoch: 5) is { Epoch: 5, Leader: var leader, InSync: [var only], Revision: 0 } && leader == B && only == B);
    }

    private static Member New(string node, long boot) => new(node, Guid.NewGuid(), boot);

    private static QueueConfiguration InSync(params Member[] members) =>
        new() { Revision = 1, Epoch = 1, Leader = members[0], Replicas = ["a", "b", "c"], InSync = [.. members] };
}
