using Amqp.Core.Records;
using Amqp.Storage.Segments;

namespace Amqp.Bench;

/// <summary>The store alone: persistent messages of 1 KiB, committed by groups.</summary>
internal static class StoreLimit
{
    /// <summary>
    /// Groups one after the other, each waited for: what a publisher gets at best whose confirm window is one group. They are
    /// settled as in <see cref="Work.All"/>.
    /// </summary>
    /// <param name="path">A directory that is not there yet.</param>
    public static Limit Measure(StoreEngine engine, string path, int group, int seconds) => StorageBench.InStore(engine, path, (store, listener, queue) =>
    {
        var message = Filling.MessageOf(StorageBench.BodyBytes);
        var records = new StoreRecord[group];
        var (position, settled, ticket) = (0L, 0L, 0L);
        return Limit.Measure(seconds, () =>
        {
            for (var index = 0; index < group; index++) records[index] = StoreRecord.Enqueue(queue, position + index, message, expiresAt: 0);
            store.Commit(queue, records, ++ticket);
            listener.WaitFor(ticket);
            position += group;
            if (position - settled < Work.LateAckBatch) return group;
            store.Commit(queue, [StoreRecord.Settle(queue, settled, position - settled)], ticket: 0);
            settled = position;
            return group;
        });
    });
}
