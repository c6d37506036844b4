using Amqp.Broker.Connections;
using Amqp.Broker.Queues;
using Amqp.Core.Errors;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Channels;

/// <summary>Getting messages: basic.consume, basic.cancel, basic.get, basic.qos.</summary>
internal sealed class ConsumerHandlers(ChannelSession channel)
{
    private const int GetLinksKeptMin = 16;

    private readonly AmqpConnection _connection = channel.Connection;
    private int _getLinksKept = GetLinksKeptMin;

    private DeliveryTimeouts? _timeouts;

    // Cancelled consumers whose messages are not settled yet: those return when the channel ends.
    private readonly List<ConsumerLink> _cancelled = [];

    /// <summary>Whatever may hold messages.</summary>
    public IEnumerable<IQueueLink> Links => channel.Consumers.Values.Where(consumer => !consumer.AutoAck).Concat<IQueueLink>(_cancelled).Concat(channel.GetLinks.Values);

    public ValueTask Qos(BasicQos qos)
    {
        if (qos.PrefetchSize != 0) throw new BrokerException(BrokerError.PrefetchSizeNotImplemented(qos.PrefetchSize));
        if (qos.Global) channel.Prefetch.SetLimit(qos.PrefetchCount);
        else
        {
            // As in RabbitMQ: a prefetch per consumer lifts the one that they share.
            channel.Prefetch.SetLimit(0);
            channel.ConsumerPrefetch = qos.PrefetchCount;
        }
        channel.Send(default(BasicQosOk));
        return ValueTask.CompletedTask;
    }

    public ValueTask Consume(BasicConsume consume)
    {
        if (channel.Consumers.ContainsKey(consume.ConsumerTag) || channel.ReplyConsumer?.Tag == consume.ConsumerTag)
            throw new BrokerException(BrokerError.ConsumerTagReuse(consume.ConsumerTag));
        var tag = consume.ConsumerTag.Length > 0 ? consume.ConsumerTag : Names.GeneratedConsumerTag(Random16.Bytes());
        return consume.Queue == Names.DirectReplyTo ? ConsumeDirectReplies(consume, tag) : ConsumeQueue(consume, tag);
    }

    public async ValueTask Cancel(BasicCancel cancel)
    {
        if (channel.ReplyConsumer?.Tag == cancel.ConsumerTag)
        {
            _connection.Services.DirectReplies.Remove(channel.ReplyConsumer);
            channel.ReplyConsumer.Cancel();
            channel.ReplyConsumer = null;
        }
        else if (channel.Consumers.Remove(cancel.ConsumerTag, out var consumer))
        {
            // Those that were settled since, or whose queue is gone, have nothing to return.
            // (An actor that counts down at this moment leaves one for the next time.)
            _cancelled.RemoveAll(cancelled => cancelled.UnackedCount == 0 || cancelled.Queue.IsDeleted);
            _cancelled.Add(consumer);
            var held = await _connection.Ask<int>(consumer.Queue, reply => QueueOperation.RemoveConsumer(consumer, reply));
            if (held == 0) _cancelled.Remove(consumer);
        }
        if (!cancel.NoWait) channel.Send(new BasicCancelOk(cancel.ConsumerTag));
    }

    public async ValueTask Get(BasicGet get)
    {
        var queue = channel.FindQueue(get.Queue);
        if (queue.Definition.Settings is { Type: QueueType.Quorum, SingleActiveConsumer: true })
            throw new BrokerException(BrokerError.GetWithSingleActiveConsumer(queue.Definition.Vhost, queue.Definition.Name));
        if (queue.Definition.Settings.MessageGroups)
            throw new BrokerException(BrokerError.GetWithMessageGroups(queue.Definition.Vhost, queue.Definition.Name));
        var holder = get.NoAck ? null : GetLink(queue);
        var result = await _connection.Ask<GetResult>(queue, reply => QueueOperation.Get(holder, reply));
        if (result.Message is null)
        {
            channel.FromClient.Add(Measure.GetEmpty);
            channel.Send(default(BasicGetEmpty));
        }
        else
        {
            channel.Output.Post(OutboundItem.GetOk(channel, holder, result));
            if (channel.Firehose.IsOn(_connection.Vhost)) channel.Firehose.Delivered(channel, result.Message, queue.Definition.Name, result.Redelivered);
            if (channel.Tracing.IsOn) channel.Tracing.HandedOut(channel, result.Message, queue.Definition, consumerTag: null, result.Redelivered);
        }
    }

    /// <summary>The queue cancelled the consumer: its deletion took everything with it.</summary>
    public void Forget(ConsumerLink consumer)
    {
        if (channel.Consumers.TryGetValue(consumer.Tag, out var known) && known == consumer) channel.Consumers.Remove(consumer.Tag);
        _cancelled.Remove(consumer);
    }

    /// <summary>The channel ends: what cancelled consumers still hold returns to the queues.</summary>
    public void Close()
    {
        foreach (var consumer in _cancelled) _connection.Posts.Add(consumer.Queue, QueueOperation.Release(consumer));
        _cancelled.Clear();
        _timeouts?.Dispose();
    }

    private void Watch(IQueueLink link) => (_timeouts ??= new DeliveryTimeouts(channel)).Watch(link);

    private async ValueTask ConsumeQueue(BasicConsume consume, string tag)
    {
        var queue = channel.FindQueue(consume.Queue);
        if (queue.Definition.Settings.Type == QueueType.Quorum && channel.Prefetch.Limit > 0)
            throw new BrokerException(BrokerError.GlobalQosNotSupported(queue.Definition.Vhost, queue.Definition.Name));
        var consumer = new ConsumerLink(channel, queue, _connection.Services.Limits.ConsumerWindowBytes)
        {
            Tag = tag,
            AutoAck = consume.NoAck,
            Exclusive = consume.Exclusive,
            EndsWithLeader = ConsumeArguments.EndsWithLeader(queue.Definition.Resource, consume.Arguments),
            Priority = ConsumeArguments.Priority(queue.Definition.Resource, consume.Arguments),
            TimeoutMs = ConsumeArguments.TimeoutMs(queue.Definition.Resource, consume.Arguments),
            BrowsesFrom = ConsumeArguments.BrowsesFrom(queue.Definition.Resource, consume.Arguments, consume.NoAck),
            Prefetch = channel.ConsumerPrefetch,
            Arguments = consume.Arguments,
            NoWait = consume.NoWait,
        };
        // In the table before the answer, so that a channel that ends meanwhile releases this consumer too.
        channel.Consumers.Add(tag, consumer);
        if (!consumer.AutoAck) Watch(consumer);
        try
        {
            var result = await _connection.Ask<ConsumeResult>(queue, reply => QueueOperation.AddConsumer(consumer, reply));
            if (result == ConsumeResult.ExclusiveUse)
                throw new BrokerException(BrokerError.QueueInExclusiveUse(queue.Definition.Vhost, queue.Definition.Name));
        }
        catch (BrokerException)
        {
            channel.Consumers.Remove(tag);
            throw;
        }
    }

    private ValueTask ConsumeDirectReplies(BasicConsume consume, string tag)
    {
        if (!consume.NoAck) throw new BrokerException(BrokerError.ReplyConsumerCannotAcknowledge);
        if (channel.ReplyConsumer is not null) throw new BrokerException(BrokerError.ReplyConsumerAlreadySet);
        channel.ReplyConsumer = _connection.Services.DirectReplies.Add(channel, tag, Random16.Text());
        if (!consume.NoWait) channel.Send(new BasicConsumeOk(tag));
        return ValueTask.CompletedTask;
    }

    private GetLink GetLink(IQueueEndpoint queue)
    {
        if (channel.GetLinks.TryGetValue(queue, out var link)) return link;
        if (channel.GetLinks.Count >= _getLinksKept)
        {
            foreach (var known in channel.GetLinks.Keys.Where(known => known.IsDeleted).ToArray()) channel.GetLinks.Remove(known);
            _getLinksKept = Math.Max(GetLinksKeptMin, 2 * channel.GetLinks.Count);
        }
        link = new GetLink(queue);
        channel.GetLinks.Add(queue, link);
        Watch(link);
        return link;
    }
}
