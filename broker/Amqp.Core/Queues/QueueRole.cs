namespace Amqp.Core.Queues;

/// <summary>What a queue is there for.</summary>
public enum QueueRole : byte
{
    /// <summary>For clients, which declare it and consume from it.</summary>
    ForClients,

    /// <summary>An exchange keeps messages in it until they are due (<c>x-delayed-message</c>): nothing is ever ready.</summary>
    Delays,

    /// <summary>An exchange keeps its last messages in it for queues to come (<c>x-recent-history</c>): nothing is ever consumed.</summary>
    History,

    /// <summary>An exchange remembers in it which keys have passed (<c>x-message-deduplication</c>): messages wait in it until they may pass.</summary>
    Deduplication,
}
