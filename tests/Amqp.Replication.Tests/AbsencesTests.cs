namespace Amqp.Replication.Tests;

/// <summary>What a copy must say that it may have had, and what it need not say.</summary>
public class AbsencesTests
{
    private Absences _absences = null!;

    [SetUp]
    public void Starts() => _absences = new Absences();

    [Test]
    public void After_a_start_all_below_the_end_is_in_doubt()
    {
        _absences.Begin(end: 100);
        Assert.That((Arrives(99), Arrives(100)), Is.EqualTo((true, false)));
    }

    [Test]
    public void What_it_lacked_in_the_session_before_never_was_here()
    {
        _absences.Begin(end: 0);
        _absences.Lacks(1);
        _absences.Lacks(2);
        _absences.Described(10);
        Arrives(1);
        _absences.Arrives(10, isNew: true);
        _absences.Begin(end: 11);
        Assert.That((Arrives(1), Arrives(2), Arrives(10)), Is.EqualTo((true, false, true)));
        Assert.That(Arrives(2), Is.True, "it was, now");
    }

    [Test]
    public void What_it_was_not_told_of_before_it_was_interrupted_never_was_here([Values(1, 2, 3)] int sessions)
    {
        _absences.Begin(end: 5);
        _absences.Described(20);
        _absences.Arrives(1_000, isNew: true);
        for (; sessions > 1; sessions--)
        {
            _absences.Begin(end: 1_001);
            _absences.Described(10);
        }
        _absences.Begin(end: 1_001);
        Assert.That((Arrives(4), Arrives(12), Arrives(20), Arrives(999), Arrives(1_000)), Is.EqualTo((true, true, false, false, true)));
    }

    [Test]
    public void What_it_gave_places_itself_was_here()
    {
        _absences.Begin(end: 5);
        _absences.Described(5);
        _absences.Leads(end: 5);
        _absences.Begin(end: 50);
        Assert.That(Arrives(20), Is.True);
    }

    [Test]
    public void When_it_lacks_nothing_all_is_as_after_a_start()
    {
        _absences.Begin(end: 0);
        _absences.Lacks(1);
        _absences.Described(2);
        _absences.Complete();
        _absences.Begin(end: 2);
        Assert.That(Arrives(1), Is.True);
    }

    private bool Arrives(long position) => _absences.Arrives(position, isNew: false);
}
