using AMQP.Net;

namespace Amqp.Core.Errors;

/// <summary>Handshake, authentication, negotiation, connection limits and the end of a connection.</summary>
public sealed partial record BrokerError
{
    public static BrokerError UnknownAuthenticationMechanism(string name) =>
        new(ReplyCode.CommandInvalid, $"unknown authentication mechanism '{name}'");

    /// <summary>The SASL response has not the form that its mechanism asks for. The response is not repeated: it may hold a password.</summary>
    public static BrokerError MalformedAuthenticationResponse(string mechanism) =>
        new(ReplyCode.SyntaxError, $"{mechanism} response invalid");

    /// <summary>What the client is told; why (<see cref="LoopbackUserOnly"/>, a wrong password) stands in the log only.</summary>
    public static BrokerError LoginRefused(string mechanism) =>
        AccessRefused($"Login was refused using authentication mechanism {mechanism}. For details see the broker logfile.");

    /// <summary>For the log.</summary>
    public static BrokerError LoopbackUserOnly(string user) => AccessRefused($"user '{user}' can only connect via localhost");

    /// <param name="field"><c>frame_max</c> or <c>channel_max</c>.</param>
    public static BrokerError NegotiatedTooLow(string field, long received, long minimum) =>
        NotAllowed($"negotiated {field} = {received} is lower than the minimum allowed value ({minimum})");

    /// <param name="field"><c>frame_max</c> or <c>channel_max</c>.</param>
    /// <param name="received">0 means "no limit", which is more than any limit.</param>
    public static BrokerError NegotiatedTooHigh(string field, long received, long maximum)
    {
        var detail = field == "channel_max" && received == 0 ? " (no limit)" : "";
        return NotAllowed($"negotiated {field} = {received}{detail} is higher than the maximum allowed value ({maximum})");
    }

    public static BrokerError VhostNotFound(string vhost) => NotAllowed($"vhost {vhost} not found");

    /// <summary>It was deleted while connections to it were open.</summary>
    public static BrokerError VhostDeleted(string vhost) => new(ReplyCode.ConnectionForced, $"vhost '{vhost}' is deleted");

    /// <summary>Deleted while connections of theirs were open.</summary>
    public static BrokerError UserDeleted(string user) => new(ReplyCode.ConnectionForced, $"user '{user}' is deleted");

    /// <summary>The node did not answer the other nodes for longer than a lease, and lives: what was exclusive to its connections is gone. A client that connects again declares it anew.</summary>
    public static BrokerError ExclusiveQueuesDeleted(string node) =>
        new(ReplyCode.ConnectionForced, $"the other nodes have taken node '{node}' for ended, and deleted the exclusive queues of this connection");

    public static BrokerError VhostAccessRefused(string vhost, string user) =>
        NotAllowed($"access to vhost '{vhost}' refused for user '{user}'");

    public static BrokerError VhostConnectionLimitReached(string vhost, string user, long limit) =>
        NotAllowed($"access to vhost '{vhost}' refused for user '{user}': connection limit ({limit}) is reached");

    public static BrokerError VhostDown(string vhost, string user) =>
        new(ReplyCode.InternalError, $"access to vhost '{vhost}' refused for user '{user}': vhost '{vhost}' is down");

    public static BrokerError UserConnectionLimitReached(string user, long limit) =>
        NotAllowed($"connection refused for user '{user}': user connection limit ({limit}) is reached");

    public static BrokerError NodeConnectionLimitReached(long limit) =>
        NotAllowed($"connection refused: node connection limit ({limit}) is reached");

    /// <param name="state">The connection's state in RabbitMQ's words: <c>starting</c>, <c>tuning</c>, <c>opening</c>, <c>running</c>.</param>
    public static BrokerError UnexpectedMethodInState(string state) =>
        ChannelError($"unexpected method in connection state {state}");

    /// <summary>The node stops or an operator closes its connections.</summary>
    /// <param name="reason"><c>shutdown</c>.</param>
    public static BrokerError ForcedClosure(string reason) =>
        new(ReplyCode.ConnectionForced, $"broker forced connection closure with reason '{reason}'");

    /// <summary>An operator closes one connection, by the HTTP API or the command line.</summary>
    /// <param name="reason">The operator's words; <c>Closed via management plugin</c> if none are given.</param>
    public static BrokerError ClosedByOperator(string? reason) =>
        new(ReplyCode.ConnectionForced, string.IsNullOrEmpty(reason) ? "Closed via management plugin" : reason);

    /// <summary>The broker's own fault; details stand in the log.</summary>
    public static BrokerError InternalError(string text) => new(ReplyCode.InternalError, text);
}
