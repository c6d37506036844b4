using Amqp.Broker.Flow;

namespace Amqp.Broker.Tests.Flow;

/// <summary>When memory is tight, and when it is short.</summary>
internal sealed class MemoryBudgetTests
{
    private readonly List<string> _told = [];

    [TestCase("200", ExpectedResult = "")]
    [TestCase("400 1", ExpectedResult = "tight")]
    [TestCase("401 -90 500", ExpectedResult = "tight", Description = "still tight: not a quarter is free")]
    [TestCase("401 -101 101", ExpectedResult = "tight tight")]
    [TestCase("1000", ExpectedResult = "tight")]
    [TestCase("1001", ExpectedResult = "tight short")]
    [TestCase("1001 -100", ExpectedResult = "tight short", Description = "still short: not a tenth is free")]
    [TestCase("1001 -101 100", ExpectedResult = "tight short enough")]
    [TestCase("1001 -901 901", ExpectedResult = "tight short enough tight short")]
    public string It_tells_of_both(string changes)
    {
        var memory = Budget();
        foreach (var change in changes.Split(' ')) memory.Add(long.Parse(change, System.Globalization.CultureInfo.InvariantCulture));
        return string.Join(' ', _told);
    }

    [Test]
    public void What_is_told_last_is_so_however_many_report_at_once()
    {
        for (var round = 0; round < 200; round++)
        {
            var memory = Budget();
            Parallel.For(0, 4, reporter =>
            {
                var random = new Random((round * 4) + reporter);
                var mine = 0L;
                for (var report = 0; report < 200; report++)
                {
                    var next = random.Next(400);
                    memory.Add(next - mine);
                    mine = next;
                }
                memory.Add((round % 2 == 0 ? 0 : 300) - mine);
            });
            var shortage = _told.FindAll(told => told != "tight");
            Assert.That(memory.UsedBytes, Is.EqualTo(round % 2 == 0 ? 0 : 1_200));
            Assert.That(shortage.Where((told, index) => told != (index % 2 == 0 ? "short" : "enough")), Is.Empty, "in turns");
            Assert.That(shortage.Count % 2, Is.EqualTo(round % 2), "the last word");
            _told.Clear();
        }
    }

    private MemoryBudget Budget() => new(limitBytes: 1_000, pageOutBytes: 400)
    {
        BecameTight = () => Tell("tight"),
        ShortageChanged = isShort => Tell(isShort ? "short" : "enough"),
    };

    private void Tell(string what)
    {
        lock (_told) _told.Add(what);
    }
}
