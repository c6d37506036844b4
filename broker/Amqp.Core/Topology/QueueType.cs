namespace Amqp.Core.Topology;

public enum QueueType
{
    Classic,
    Quorum,
    Stream,
}

public static class QueueTypes
{
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
