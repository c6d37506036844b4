using Amqp.Broker.Loops;
using Amqp.Broker.Queues;
using Amqp.Core.Errors;
using Amqp.Core.Queues;

namespace Amqp.Broker.Channels;

/// <summary>
/// Sees that a channel's client settles what it is sent in time (<c>consumer-timeout</c>), so that no message stays for ever with one that has forgotten
/// it. When a delivery was made is not kept with it, but with marks: which tag was the last when it was looked.
/// <code>
/// mark   10:00 tag 70    10:01 tag 74    10:02 tag 90         71 to 74 were delivered before 10:01
/// </code>
/// So it is noticed late, by up to a quarter of the timeout, and a delivery costs nothing. For the read loop.
/// </summary>
internal sealed class DeliveryTimeouts(ChannelSession channel) : IDisposable
{
    private const int LooksPerTimeout = 8;

    /// <summary>Between two looks at least, milliseconds.</summary>
    private const int IntervalMsMin = 50;

    /// <summary>And at most, as in RabbitMQ: policies may bring a timeout.</summary>
    private const int IntervalMsMax = 60_000;

    /// <summary>Marks that are kept, of 16 bytes; of more, every second goes.</summary>
    private const int MarksMax = 1_024;

    /// <summary>Deliveries that may be taken back from a client that does not settle them; then its channel is closed all the same.</summary>
    private const int GivenUpMax = 65_536;

    private readonly List<(long Time, ulong Tag)> _marks = [];
    private readonly List<Unsettled> _overdue = [];
    private LoopTimer? _timer;
    private long _nextLook = long.MaxValue;

    private BrokerClock Clock => channel.Connection.Services.Clock;

    /// <summary>Deliveries to this link have to be settled.</summary>
    public void Watch(IQueueLink link) => LookIn(TimeoutOf(link));

    public void Dispose() => _timer?.Dispose();

    private void Look()
    {
        if (channel.IsClosed) return;
        // A channel that waits for an answer is looked at when it has it.
        if (!channel.IsWaiting) LookAt(Clock.Now);
        _nextLook = long.MaxValue;
        if (!channel.IsClosed) LookIn(channel.Links.Min(TimeoutOf));
    }

    private void LookAt(long now)
    {
        Mark(now);
        if (channel.Links.Min(TimeoutOf) is not { } shortest || !TryFindMark(now - shortest, out var newest)) return;
        channel.Tags.Find(newest, (tag, link) => TimeoutOf(link) is { } timeout && DeliveredBefore(tag) <= now - timeout, _overdue);
        if (_overdue.Count == 0) return;
        foreach (var delivery in _overdue) TimeOut(delivery);
        _overdue.Clear();
        channel.Connection.Posts.Flush();
    }

    private void TimeOut(in Unsettled delivery)
    {
        if (channel.IsClosed) return;
        var (queue, timeout) = (delivery.Link.Queue.Definition, TimeoutOf(delivery.Link)!.Value);
        var consumer = (delivery.Link as ConsumerLink)?.Tag ?? "";
        var isTakenBack = queue.Settings.ConsumerTimeoutRequeues && channel.Tags.CountGivenUp() < GivenUpMax;
        channel.Connection.Log.DeliveryTimedOut(
            channel.Connection.Name, channel.Number, consumer, queue.Name, queue.Vhost, delivery.Tag, timeout, isTakenBack ? "the message returns" : "the channel is closed");
        if (!isTakenBack)
        {
            channel.Fail(BrokerError.DeliveryAcknowledgementTimedOut(channel.Number, timeout));
            return;
        }
        channel.Tags.GiveUp(delivery.Tag);
        channel.Connection.Posts.Add(delivery.Link.Queue, QueueOperation.Settle(Settlement.Abandon, delivery.Link.Holder, delivery.Position));
    }

    private void Mark(long now)
    {
        var (last, firstWaiting) = channel.Tags.Bounds();
        _marks.RemoveRange(0, firstWaiting == 0 ? _marks.Count : FirstMarkOf(firstWaiting));
        if (firstWaiting > 0 && (_marks.Count == 0 || _marks[^1].Tag < last)) _marks.Add((now, last));
        if (_marks.Count <= MarksMax) return;
        var kept = 0;
        for (var index = 1; index < _marks.Count; index += 2) _marks[kept++] = _marks[index];
        _marks.RemoveRange(kept, _marks.Count - kept);
    }

    /// <summary>The newest tag that was given by that time.</summary>
    private bool TryFindMark(long time, out ulong tag)
    {
        var index = _marks.FindLastIndex(mark => mark.Time <= time);
        tag = index < 0 ? 0 : _marks[index].Tag;
        return index >= 0;
    }

    private long DeliveredBefore(ulong tag) => FirstMarkOf(tag) is var index && index < _marks.Count ? _marks[index].Time : long.MaxValue;

    /// <summary>The place of the first mark that was made when the tag had been given.</summary>
    private int FirstMarkOf(ulong tag)
    {
        var (low, high) = (0, _marks.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_marks[middle].Tag < tag) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    /// <param name="timeout">The shortest there is, or null.</param>
    private void LookIn(long? timeout)
    {
        var interval = Math.Clamp((timeout ?? long.MaxValue) / LooksPerTimeout, IntervalMsMin, IntervalMsMax);
        if (Clock.Now + interval >= _nextLook) return;
        _nextLook = Clock.Now + interval;
        _timer ??= Clock.CreateTimer(() => channel.Connection.Loop.Post(Look));
        _timer.Set(interval);
    }

    /// <summary>The consumer's or the queue's; where neither has one, the node's.</summary>
    private long? TimeoutOf(IQueueLink link)
    {
        var ofConsumer = (link as ConsumerLink)?.TimeoutMs;
        var ofQueue = link.Queue.Definition.Settings.ConsumerTimeoutMs;
        if (ofConsumer is { } one && ofQueue is { } other) return Math.Min(one, other);
        var ofNode = channel.Connection.Services.Limits.DeliveryTimeoutMs;
        return ofConsumer ?? ofQueue ?? (ofNode > 0 ? ofNode : null);
    }
}
