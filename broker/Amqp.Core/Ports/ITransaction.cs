namespace Amqp.Core.Ports;

/// <summary>What hears from a queue whether it can commit its part of a transaction. Called by the queue: it must neither block nor throw.</summary>
public interface ITransaction
{
    /// <summary>The part is prepared, and its records may be stored: the store has all that came before them in this queue.</summary>
    void Prepared();

    /// <summary>The queue has failed, or has no room for the part: the transaction cannot be committed.</summary>
    void Refused();
}
