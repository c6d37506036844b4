using AMQP.Net;

namespace Amqp.Core.Errors;

/// <summary>Channels, transactions and confirms.</summary>
public sealed partial record BrokerError
{
    public static BrokerError SecondChannelOpen => ChannelError("second 'channel.open' seen");

    /// <summary>A method on a channel that is not open.</summary>
    public static BrokerError ChannelNotOpen => ChannelError("expected 'channel.open'");

    public static BrokerError ChannelLimitReached(int open, int channelMax) =>
        NotAllowed($"number of channels opened ({open}) has reached the negotiated channel_max ({channelMax})");

    public static BrokerError UserChannelLimitReached(string user, long limit) =>
        NotAllowed($"number of channels opened for user '{user}' has reached the maximum allowed user limit of ({limit})");

    public static BrokerError NodeChannelLimitReached(string node, long limit) =>
        NotAllowed($"number of channels opened on node '{node}' has reached the maximum allowed limit of ({limit})");

    /// <summary>A client asks the broker to stop delivering with channel.flow; basic.qos is how that is done.</summary>
    public static BrokerError FlowInactive => NotImplemented("active=false");

    /// <summary>A method that a client does not send, or that the broker does not have. RabbitMQ's text names none.</summary>
    public static BrokerError UnimplementedMethod => new(ReplyCode.CommandInvalid, "unimplemented method");

    public static BrokerError ConfirmToTx => PreconditionFailed("cannot switch from confirm to tx mode");

    public static BrokerError TxToConfirm => PreconditionFailed("cannot switch from tx to confirm mode");

    public static BrokerError NotTransactional => PreconditionFailed("channel is not transactional");

    /// <summary>Some queue refused its part of a transaction.</summary>
    public static BrokerError PartialTxCompletion => PreconditionFailed("partial tx completion");
}
