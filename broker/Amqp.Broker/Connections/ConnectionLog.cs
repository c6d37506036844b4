using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Connections;

/// <summary>
/// What is said of connections, in one place. A client's mistake is information: it is told to the client, and the broker
/// is well. Warnings are what an operator should look into.
/// </summary>
internal sealed partial class ConnectionLog(ILogger logger)
{
    private readonly ILogger _logger = logger;

    [LoggerMessage(Level = LogLevel.Debug, Message = "accepting AMQP connection {Connection}")]
    public partial void Accepted(string connection);

    [LoggerMessage(Level = LogLevel.Information, Message = "connection {Connection}: user '{User}' authenticated and granted access to vhost '{Vhost}'")]
    public partial void Opened(string connection, string user, string vhost);

    [LoggerMessage(Level = LogLevel.Information, Message = "closing connection {Connection} (vhost: '{Vhost}', user: '{User}'){Why}")]
    public partial void Closed(string connection, string vhost, string user, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "connection {Connection} ended before it was open: {Why}")]
    public partial void NeverOpened(string connection, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "connection {Connection}: {Mechanism} login refused: {Reason}; check the user's name and password, and whether the user may log in from there")]
    public partial void LoginRefused(string connection, string mechanism, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "missed heartbeats from client {Connection}, timeout: {Seconds}s; the client is hanging, or the network between is down")]
    public partial void MissedHeartbeats(string connection, int seconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "connection {Connection} is closed: its client has taken nothing of what it is sent for {Milliseconds} ms (Limits:SendMs), its messages return to their queues; the client is hanging, or the network between is down")]
    public partial void StoppedReading(string connection, int milliseconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "connection {Connection}, channel {Channel}: consumer '{Consumer}' of queue '{Queue}' in vhost '{Vhost}' has not settled delivery {Tag} in {Timeout} ms (consumer-timeout, or Limits:DeliveryTimeoutMs), and {Outcome}; it is hanging, or needs more time than that")]
    public partial void DeliveryTimedOut(string connection, int channel, string consumer, string queue, string vhost, ulong tag, long timeout, string outcome);

    [LoggerMessage(Level = LogLevel.Information, Message = "connection {Connection}: error on channel {Channel}: {Error} (method {Method})")]
    public partial void ChannelError(string connection, int channel, string error, string method);

    [LoggerMessage(Level = LogLevel.Information, Message = "connection {Connection}: closed because of channel {Channel}: {Error} (method {Method})")]
    public partial void ConnectionError(string connection, int channel, string error, string method);

    [LoggerMessage(Level = LogLevel.Debug, Message = "connection {Connection}: client closed channel {Channel}: {Code} {Text}")]
    public partial void ChannelClosedByClient(string connection, int channel, AMQP.Net.ReplyCode code, string text);

    [LoggerMessage(Level = LogLevel.Error, Message = "connection {Connection} ended by a defect of the broker, please report it; its messages return to their queues")]
    public partial void Crashed(Exception exception, string connection);
}
