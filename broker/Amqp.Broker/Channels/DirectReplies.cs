using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Amqp.Core.Topology;

namespace Amqp.Broker.Channels;

/// <summary>
/// Direct reply-to: requesters consume from a pseudo-queue, and a client with a requester's address sends replies straight to
/// its channel, through no queue. The address is a secret, so that no client can guess its way into a conversation.
/// </summary>
internal sealed class DirectReplies
{
    private readonly ConcurrentDictionary<string, ReplyConsumer> _consumers = new();

    public ReplyConsumer Add(ChannelSession channel, string tag, string secret)
    {
        var consumer = new ReplyConsumer(channel, tag, Names.DirectReplyToPrefix + secret);
        _consumers[consumer.Address] = consumer;
        return consumer;
    }

    public void Remove(ReplyConsumer consumer) => _consumers.TryRemove(consumer.Address, out _);

    public bool TryFind(string address, [MaybeNullWhen(false)] out ReplyConsumer consumer) =>
        _consumers.TryGetValue(address, out consumer);
}
