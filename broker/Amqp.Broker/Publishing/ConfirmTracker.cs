namespace Amqp.Broker.Publishing;

/// <summary>What a channel in confirm mode has published and its queues have not answered for yet.</summary>
internal abstract class ConfirmTracker
{
    /// <summary>A queue has taken the message of that number; from any thread.</summary>
    public abstract void Settle(long number);

    /// <summary>A queue could not take the message of that number; from any thread.</summary>
    public abstract void Refuse(long number);
}
