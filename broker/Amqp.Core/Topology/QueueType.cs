namespace Amqp.Core.Topology;

public enum QueueType
{
    Classic,
    Quorum,
    Stream,
}

/// <summary>The queue types that have an argument, or a key of policies.</summary>
[Flags]
internal enum QueueTypeSet
{
    Classic = 1 << QueueType.Classic,
    Quorum = 1 << QueueType.Quorum,
    Stream = 1 << QueueType.Stream,
    Any = Classic | Quorum | Stream,
}

public static class QueueTypes
{
    internal static bool Has(this QueueTypeSet set, QueueType type) => ((int)set & (1 << (int)type)) != 0;

    /// <summary>The value of <c>x-queue-type</c>.</summary>
    public static string Text(this QueueType type) => type switch
    {
        QueueType.Classic => "classic",
        QueueType.Quorum => "quorum",
        QueueType.Stream => "stream",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, message: null),
    };

    /// <summary>The name that RabbitMQ's error texts use.</summary>
    public static string ModuleName(this QueueType type) => $"rabbit_{type.Text()}_queue";

    public static bool TryParse(string text, out QueueType type)
    {
        (var known, type) = text switch
        {
            "classic" => (true, QueueType.Classic),
            "quorum" => (true, QueueType.Quorum),
            "stream" => (true, QueueType.Stream),
            _ => (false, default),
        };
        return known;
    }
}
