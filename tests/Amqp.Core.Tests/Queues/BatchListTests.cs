using Amqp.Core.Queues;

namespace Amqp.Core.Tests.Queues;

internal sealed class BatchListTests
{
    [TestCase(1)]
    [TestCase(512)]
    [TestCase(513)]
    [TestCase(100_000)]
    public void It_has_what_was_added_in_order_however_often_it_is_filled(int count)
    {
        var list = new BatchList<string>();
        for (var round = 0; round < 3; round++)
        {
            var added = Enumerable.Range(round, count).Select(number => $"{number}").ToArray();
            list.Add(added[0]);
            list.AddRange(added.AsSpan(1, count / 2));
            foreach (var item in added.AsSpan(1 + (count / 2))) list.Add(item);
            Assert.That(list.Items.SequenceEqual(added));
            list.Clear();
            Assert.That(list.Count, Is.Zero);
        }
    }

    [TestCase(100)]
    [TestCase(100_000)]
    public void It_keeps_nothing_alive_that_it_was_cleared_of(int count)
    {
        var list = new BatchList<object>();
        var gone = Fill(list, count);
        list.Clear();
        GC.Collect();
        Assert.That(gone.IsAlive, Is.False);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static WeakReference Fill(BatchList<object> list, int count)
    {
        var first = new object();
        list.Add(first);
        while (list.Count < count) list.Add("");
        return new WeakReference(first);
    }
}
