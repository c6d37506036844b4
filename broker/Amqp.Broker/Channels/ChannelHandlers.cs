using Amqp.Broker.Publishing;

namespace Amqp.Broker.Channels;

/// <summary>The handlers of a channel, by AMQP class; basic is split by what its methods are about.</summary>
internal sealed class ChannelHandlers(ChannelSession channel)
{
    public ExchangeHandlers Exchanges { get; } = new(channel);

    public QueueHandlers Queues { get; } = new(channel);

    public ConsumerHandlers Consumers { get; } = new(channel);

    public AckHandlers Acks { get; } = new(channel);

    public ConfirmHandlers Confirms { get; } = new(channel);

    public TransactionHandlers Transactions { get; } = new(channel);

    public PublishHandler Publish { get; } = new(channel);
}
