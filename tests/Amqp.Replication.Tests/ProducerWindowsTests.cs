namespace Amqp.Replication.Tests;

/// <summary>Which publishes are known.</summary>
public class ProducerWindowsTests
{
    private static readonly ProducerId One = new(1, 1), Other = new(1, 2);

    [Test]
    public void What_was_taken_is_known_and_what_was_refused_in_between_is_not()
    {
        var windows = new ProducerWindows();
        windows.Add(new ProducerMark(One, First: 5, Last: 9, Floor: 5));
        windows.Add(new ProducerMark(One, First: 11, Last: 12, Floor: 5));
        Assert.That(Enumerable.Range(1, 14).Where(number => windows.Knows(One, number)), Is.EqualTo(new[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12 }));
        Assert.That(windows.Knows(Other, 5), Is.False);
        windows.Add(new ProducerMark(One, First: 10, Last: 10, Floor: 10));
        Assert.That(windows.ToArray(), Is.EqualTo(new[] { new ProducerMark(One, 5, 12, 10) }));
    }

    [Test]
    public void What_the_producer_knows_is_forgotten()
    {
        var windows = new ProducerWindows();
        for (var number = 1; number < 1_000; number += 2) windows.Add(new ProducerMark(One, number, number, Floor: Math.Max(1, number - 20)));
        Assert.That(windows.ToArray(), Has.Length.EqualTo(11));
        Assert.That(windows.Knows(One, 998), Is.False);
        windows.Forget(One);
        Assert.That(windows.ToArray(), Is.Empty);
    }

    [Test]
    public void Of_too_many_producers_the_one_is_forgotten_that_was_silent_longest()
    {
        var windows = new ProducerWindows();
        windows.Add(new ProducerMark(One, 1, 1, 1));
        windows.Add(new ProducerMark(Other, 1, 1, 1));
        for (var channel = 3; channel <= ProducerWindows.ProducersMax; channel++) windows.Add(new ProducerMark(new ProducerId(1, channel), 1, 1, 1));
        windows.Add(new ProducerMark(One, 2, 2, 1));
        windows.Add(new ProducerMark(new ProducerId(2, 1), 1, 1, 1));
        Assert.That((windows.Knows(One, 1), windows.Knows(Other, 1)), Is.EqualTo((true, false)));
    }

    [Test]
    public void Runs_are_as_a_set_of_numbers([Range(1, 50)] int seed)
    {
        var random = new Random(seed);
        var (windows, known, floor) = (new ProducerWindows(), new HashSet<long>(), 0L);
        for (var step = 0; step < 200; step++)
        {
            var first = floor + random.Next(40);
            var last = first + random.Next(3);
            if (random.Next(10) == 0) floor += random.Next(5);
            windows.Add(new ProducerMark(One, first, last, floor));
            for (var number = first; number <= last; number++) known.Add(number);
            for (var number = 0L; number < floor + 60; number++)
                Assert.That(windows.Knows(One, number), Is.EqualTo(number < floor || known.Contains(number)), $"{number} of floor {floor}");
        }
    }
}
