using Amqp.Core.Metrics;

namespace Amqp.Core.Tests.Metrics;

internal sealed class LatestTests
{
    [Test]
    public void A_reader_sees_whole_values_while_they_are_written()
    {
        const int Writes = 300_000;
        var latest = new Latest<(long A, long B, long C, long D)>();
        var writer = new Thread(() =>
        {
            for (long number = 1; number <= Writes; number++) latest.Write((number, -number, number * 3, ~number));
        });
        var (reads, last) = (0, 0L);
        writer.Start();
        while (last < Writes)
        {
            var (a, b, c, d) = latest.Read();
            if (a == 0) continue;
            reads++;
            Assert.That((b, c, d), Is.EqualTo((-a, a * 3, ~a)));
            Assert.That(a, Is.GreaterThanOrEqualTo(last), "what is read is never older than what was read");
            last = a;
        }
        writer.Join();
        Assert.That(reads, Is.Positive);
    }
}
