namespace Amqp.Cluster.Forwarding;

/// <summary>What the lines of a frame say; the number is on the wire. What each carries is in <see cref="LineFormat"/>.</summary>
internal enum LineKind : byte
{
    /// <summary>To the leader: a session begins, and whatever was in one before is over.</summary>
    Begin = 1,

    /// <summary>To the edge: it has begun.</summary>
    Begun,

    /// <summary>To the edge: that session is over.</summary>
    Lost,

    // To the leader. Number: of the publish, the question, the credit or the part; or of the consumer or other holder that it is about.
    Queue,
    Publish,
    Credit,
    Settle,
    Release,
    Forget,
    AddConsumer,
    RemoveConsumer,
    Asks,
    Room,
    Grant,
    Get,
    Purge,
    Status,
    Browse,
    Cancel,
    Delete,
    PartPublish,
    PartSettle,
    Prepare,
    Commit,
    Abort,
    GiveHistory,

    /// <summary>A publish to the queue with the number that it has there, which stays the same if it is sent again.</summary>
    PublishNumbered,

    // To the edge. Number: as the edge has given it.
    Taken,
    Refused,
    CreditBack,
    Added,
    InExclusiveUse,
    Cancelled,
    Delivery,
    Ask,
    Decline,
    Counted,
    Done,
    Got,
    StatusIs,
    BrowsedMessage,
    Browsed,
    Deleted,
    Prepared,
    PartRefused,
    Committed,
    NotCommitted,
    Failed,

    /// <summary>The queue is not led here: the question was not answered, or the consumer is none any more.</summary>
    NotLeading,

    // Of publishes with numbers, and the queue's own number.
    TakenIn,
    RefusedIn,
    LostIn,
}

/// <summary>One operation or answer on its way between two nodes. A struct, so that a message on its way costs no object of its own.</summary>
/// <param name="Flags">Yes or no, or a value of an enumeration.</param>
/// <param name="Number">What it is about.</param>
/// <param name="Value">A position, a count, bytes.</param>
/// <param name="Extra">Another one.</param>
/// <param name="Subject">A message, a text, or what else is drawn in <see cref="LineFormat"/>.</param>
internal readonly record struct Line(LineKind Kind, long Number = 0, long Value = 0, object? Subject = null, byte Flags = 0, long Extra = 0)
{
    /// <summary>What a line takes in memory, about.</summary>
    private const int OwnBytes = 48;

    /// <summary>What it takes in memory, about.</summary>
    public int Bytes => OwnBytes + ((Subject as Core.Messages.Message)?.Size ?? 0);
}

/// <summary>What a consumer wants, for its stand-in at the leader.</summary>
/// <param name="BrowsesFrom">-1: it takes messages.</param>
internal sealed record ConsumerTerms(string Tag, bool AutoAck, bool Exclusive, bool Asks, int Priority, int Prefetch, long BrowsesFrom);
