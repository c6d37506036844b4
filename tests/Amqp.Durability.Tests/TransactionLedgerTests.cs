using Amqp.Durability.Tests.Load;

namespace Amqp.Durability.Tests;

/// <summary>The ledger of transactions must find what is planted.</summary>
public sealed class TransactionLedgerTests
{
    private TransactionLedger _ledger = null!;

    [SetUp]
    public void Begin()
    {
        _ledger = new TransactionLedger("a", "b", "c");
        for (var number = 1; number <= 5; number++) _ledger.Offer(number);
        for (var number = 1; number <= 4; number++) _ledger.Give(number);
        _ledger.Commit(1);
        _ledger.Commit(2);
        Assert.That(_ledger.See(2, life: 1, redelivered: false), Is.True);
        _ledger.AckSeen(2, life: 1);
    }

    // 1 and 2 are committed, 2 was consumed from a, of 3 the commit was never answered, 4 was not taken, 5 was not confirmed.
    [TestCase("4", "1 3", "1 2 3", "1 2 3", "")]
    [TestCase("3 4", "1", "1 2", "1 2", "", TestName = "A commit that was not answered may not have happened")]
    [TestCase("4", "1 2 3", "1 2 3", "1 2 3", "", TestName = "What was acked may have come back")]
    [TestCase("3 4", "1", "1", "1 2", "partial: 2 is only in a and c", TestName = "A consumer saw a number that one queue does not have")]
    [TestCase("3 4", "1", "1", "1", "partial: 2 is only in a", TestName = "A consumer saw a number that no other queue has")]
    [TestCase("4 5", "1 3", "1 2 3", "1 2 3", "", TestName = "What was offered and not confirmed may be there")]
    [TestCase("4", "1 3", "1 2 3", "1 2", "partial: 3 is only in a and b")]
    [TestCase("3 4", "", "2", "2", "lost: 1 was committed and is nowhere")]
    [TestCase("4", "1", "1 2", "1 2", "lost: 3 was taken out of the work and is nowhere")]
    [TestCase("3 4", "1 3", "1 2 3", "1 2 3", "half: 3 was published, and still lies in the work")]
    [TestCase("4", "1 3", "1 2 3", "1 2 3 3", "twice: 3 lies 2 times in c")]
    [TestCase("4 4 3", "1", "1 2", "1 2", "twice: 4 lies 2 times in work")]
    [TestCase("4", "1 3 9", "1 2 3 9", "1 2 3 9", "invented: 9 was never offered")]
    public void Close(string work, string a, string b, string c, string violation)
    {
        var found = new Dictionary<string, IReadOnlyCollection<int>> { ["a"] = Numbers(a), ["b"] = Numbers(b), ["c"] = Numbers(c) };
        Assert.That(_ledger.Close(Numbers(work), found), Is.EqualTo(violation.Length == 0 ? [] : new[] { violation }));
    }

    [TestCase(1, true, ExpectedResult = false, TestName = "What was acked does not come again without a crash")]
    [TestCase(2, true, ExpectedResult = true, TestName = "What was acked may come again after a crash")]
    [TestCase(2, false, ExpectedResult = false, TestName = "What comes again is marked")]
    public bool See(int life, bool redelivered) => _ledger.See(2, life, redelivered);

    private static int[] Numbers(string text) => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
}
