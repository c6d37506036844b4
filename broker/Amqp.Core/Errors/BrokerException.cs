namespace Amqp.Core.Errors;

/// <summary>Carries a <see cref="BrokerError"/> out of a handler to the place that answers the client. An impossible state
/// is not a broker error: it is thrown as what it is and ends the loop that found it.</summary>
public sealed class BrokerException(BrokerError error) : Exception(error.ReplyText)
{
    public BrokerError Error { get; } = error;
}
