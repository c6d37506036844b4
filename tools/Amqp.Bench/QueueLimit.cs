using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Bench;

/// <summary>
/// One queue alone: its state, driven as its actor drives it, with one consumer that has room for everything. The actor's own cost
/// (mailbox, hand-over, posting to connections) is not in it: an actor does not run without a connection.
/// </summary>
internal static class QueueLimit
{
    /// <summary>Messages go in and out by so many, a mailbox full.</summary>
    private const int Batch = Work.Prefetch;

    public static Limit Measure(bool autoAck, bool isPersistent, int seconds)
    {
        var effects = new QueueEffects();
        var queue = new QueueState(new QueueId(1), epoch: 0, isPersistent, QueueSettings.None, effects);
        var consumer = new Taker { Tag = "c0", AutoAck = autoAck, Exclusive = false, Priority = 0, Prefetch = Batch };
        queue.AddConsumer(consumer, now: 0);
        var message = new Message("", "q0", Traffic.Content(bodyBytes: 16, isPersistent));
        var positions = new long[Batch];
        return Limit.Measure(seconds, () =>
        {
            for (var published = 0; published < Batch; published++) queue.Publish(message, now: 0);
            for (var index = 0; index < Batch; index++) positions[index] = effects.Deliveries[index].Position;
            if (isPersistent) queue.Written(effects.EnqueuedEnd);
            effects.Clear();
            if (autoAck) return Batch;
            foreach (var position in positions) queue.Settle(consumer, position, Settlement.Acknowledge, now: 0);
            effects.Clear();
            return Batch;
        });
    }

    private sealed class Taker : QueueConsumer
    {
        /// <summary>What a queue decides here is not carried out.</summary>
        public override IDeliveryOutlet Outlet => throw new NotSupportedException();

        public override void Added() => throw new NotSupportedException();

        public override void Cancelled() => throw new NotSupportedException();

        protected override bool TryEnter(int bytes) => true;

        protected override void Leave(int count)
        {
        }

        protected override void Decline()
        {
        }
    }
}
