namespace Amqp.Broker.Channels;

/// <summary>The consumer of a channel's direct replies (pseudo-queue <c>amq.rabbitmq.reply-to</c>).</summary>
internal sealed class ReplyConsumer(ChannelSession channel, string tag, string address)
{
    private volatile bool _isCancelled;

    public ChannelSession Channel { get; } = channel;

    public string Tag { get; } = tag;

    /// <summary>What replies are sent to: <c>amq.rabbitmq.reply-to.</c> and a secret.</summary>
    public string Address { get; } = address;

    /// <summary>Set before cancel-ok is posted; read by the write loop.</summary>
    public bool IsCancelled => _isCancelled;

    public void Cancel() => _isCancelled = true;
}
