using Amqp.Broker.Connections;
using Amqp.Broker.Publishing;
using Amqp.Core.Errors;
using AMQP.Net;

namespace Amqp.Broker.Channels;

/// <summary>confirm.select.</summary>
internal sealed class ConfirmHandlers(ChannelSession channel)
{
    public ValueTask Select(ConfirmSelect select)
    {
        if (channel.Transaction is not null) throw new BrokerException(BrokerError.TxToConfirm);
        // Numbers count from the first select; another one changes nothing.
        channel.Confirms ??= new ConfirmTracker(() => channel.Output.Post(OutboundItem.Confirms(channel)));
        if (!select.NoWait) channel.Send(default(ConfirmSelectOk));
        return ValueTask.CompletedTask;
    }
}
