using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using AMQP.Net;
using BenchmarkDotNet.Attributes;

namespace Amqp.Bench.Micro;

/// <summary>
/// A queue's state alone, driven as its actor does it: the operations of one socket read, then the effects. All messages are one
/// object, so what is allocated is the queue's own.
/// </summary>
public class Queues
{
    private const int Messages = 65_536;

    /// <summary>Operations between two looks at the effects.</summary>
    private const int DrainSize = 64;

    private const int Prefetch = 100;
    private const long Now = 1_000;

    private readonly QueueEffects _effects = new();
    private readonly Message _transient = NewMessage(deliveryMode: 1);
    private readonly Message _persistent = NewMessage(deliveryMode: 2);
    private Consumer _consumer = null!;
    private QueueState _queue = null!;
    private long _settled;

    [GlobalSetup(Target = nameof(PublishAndDeliver))]
    public void ConsumeWithAutoAck() => Begin(isDurable: false, prefetch: 0, autoAck: true);

    /// <summary>As many messages as the consumer may have, and some that wait for it.</summary>
    [GlobalSetup(Target = nameof(PublishDeliverAndSettle))]
    public void ConsumeWithPrefetch()
    {
        Begin(isDurable: false, Prefetch, autoAck: false);
        for (var left = Prefetch + DrainSize; left > 0; left--) _queue.Publish(_transient, Now);
        CarryOut();
    }

    [GlobalSetup(Target = nameof(PublishAndDrain))]
    public void BeginWithoutConsumer()
    {
        Begin(isDurable: false, prefetch: 0, autoAck: true);
        _queue.RemoveConsumer(_consumer);
    }

    [GlobalSetup(Target = nameof(PublishPersistentAndSettle))]
    public void ConsumeFromDurable() => Begin(isDurable: true, prefetch: 0, autoAck: false);

    /// <summary>Every message is handed out as it comes, and settled by that.</summary>
    [Benchmark(OperationsPerInvoke = Messages)]
    public void PublishAndDeliver()
    {
        for (var left = Messages; left > 0; left -= DrainSize) Publish(_transient);
        Expect(ready: 0, unacked: 0);
    }

    /// <summary>The consumer always has what its prefetch allows; each message that it settles brings it the next.</summary>
    [Benchmark(OperationsPerInvoke = Messages)]
    public void PublishDeliverAndSettle()
    {
        for (var left = Messages; left > 0; left -= DrainSize)
        {
            Publish(_transient);
            Settle();
        }
        Expect(DrainSize, Prefetch);
    }

    /// <summary>A backlog, and then a consumer that takes it.</summary>
    [Benchmark(OperationsPerInvoke = Messages)]
    public void PublishAndDrain()
    {
        for (var left = Messages; left > 0; left -= DrainSize) Publish(_transient);
        _consumer.Room = DrainSize;
        _queue.AddConsumer(_consumer, Now);
        while (_queue.ReadyCount > 0)
        {
            CarryOut();
            _consumer.Room = DrainSize;
            _queue.Resume(_consumer, Now);
        }
        CarryOut();
        _queue.RemoveConsumer(_consumer);
        Expect(ready: 0, unacked: 0);
    }

    /// <summary>With the records that the store gets: of the messages, and that they were settled.</summary>
    [Benchmark(OperationsPerInvoke = Messages)]
    public void PublishPersistentAndSettle()
    {
        for (var left = Messages; left > 0; left -= DrainSize)
        {
            Publish(_persistent);
            Settle();
            _queue.Written(_effects.EnqueuedEnd);
        }
        Expect(ready: 0, unacked: 0);
    }

    private void Begin(bool isDurable, int prefetch, bool autoAck)
    {
        _queue = new QueueState(new QueueId(1), epoch: 0, isDurable, QueueSettings.None, _effects);
        _consumer = new Consumer { Tag = "consumer", AutoAck = autoAck, Exclusive = false, Priority = 0, Prefetch = prefetch };
        _queue.AddConsumer(_consumer, Now);
    }

    private void Publish(Message message)
    {
        for (var left = DrainSize; left > 0; left--) _queue.Publish(message, Now);
        CarryOut();
    }

    /// <summary>The oldest messages that the consumer has. Positions begin at 0 and have no gaps.</summary>
    private void Settle()
    {
        for (var left = DrainSize; left > 0; left--) _queue.Settle(_consumer, _settled++, Settlement.Acknowledge, Now);
        _queue.DeliverReady(Now);
        CarryOut();
    }

    /// <summary>What the actor does when it has handed on what there is.</summary>
    private void CarryOut() => _effects.Clear();

    /// <summary>A queue in which nothing happens, or everything stays, would be quick.</summary>
    private void Expect(int ready, int unacked)
    {
        if (_queue.ReadyCount != ready || _queue.UnackedCount != unacked)
            throw new InvalidOperationException($"{_queue.ReadyCount} ready and {_queue.UnackedCount} unacked messages, not {ready} and {unacked}");
    }

    private static Message NewMessage(byte deliveryMode)
    {
        var properties = new MutableProperties { DeliveryMode = deliveryMode }.Encode();
        return new Message("exchange", "routing.key", new Content([.. properties, .. new byte[16]], properties.Length));
    }

    private sealed class Consumer : QueueConsumer
    {
        public int Room { get; set; } = int.MaxValue;

        /// <summary>What a queue decides here is not carried out.</summary>
        public override IDeliveryOutlet Outlet => throw new NotSupportedException();

        public override void Added() => throw new NotSupportedException();

        public override void Cancelled() => throw new NotSupportedException();

        protected override bool TryEnter(int bytes)
        {
            if (Room == 0) return false;
            Room--;
            return true;
        }

        protected override void Leave(int count)
        {
        }

        protected override void Decline()
        {
        }
    }
}
