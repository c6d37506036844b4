using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Core.Metrics;

/// <summary>What all queues of a node did since it started, those that are gone too, by their kind. The sampler writes, any thread reads.</summary>
public sealed class QueueTotals
{
    private readonly Dictionary<QueueKind, long[]> _counts = QueueKind.All.ToDictionary(kind => kind, _ => new long[Counters.Size]);

    /// <summary>The count as of the last pass of the sampler.</summary>
    public long this[QueueKind kind, Measure measure] => Volatile.Read(ref _counts[kind][(int)measure]);

    /// <summary>Adds what a queue did; for the sampler.</summary>
    /// <param name="settings">Of the queue, as they are now.</param>
    /// <param name="changes">One for each measure in order.</param>
    public void Add(QueueSettings settings, ReadOnlySpan<long> changes)
    {
        var counts = _counts[QueueKind.Of(settings)];
        for (var measure = 0; measure < changes.Length; measure++) Volatile.Write(ref counts[measure], counts[measure] + changes[measure]);
    }
}

/// <summary>By what RabbitMQ tells queues apart in its global counters.</summary>
public readonly record struct QueueKind(QueueType Type, DeadLetterStrategy DeadLetters)
{
    /// <summary>Every kind that there is.</summary>
    public static readonly IReadOnlyList<QueueKind> All =
        [.. from type in Enum.GetValues<QueueType>() from strategy in Enum.GetValues<DeadLetterStrategy>() select new QueueKind(type, strategy)];

    public static QueueKind Of(QueueSettings settings) => new(
        settings.Type,
        settings.DeadLetterExchange is null ? DeadLetterStrategy.Disabled : settings.RetriesDeadLetters ? DeadLetterStrategy.AtLeastOnce : DeadLetterStrategy.AtMostOnce);
}

/// <summary>What becomes of the dead messages of a queue.</summary>
public enum DeadLetterStrategy
{
    /// <summary>They are dropped.</summary>
    Disabled,

    /// <summary>They are published to its dead-letter exchange.</summary>
    AtMostOnce,

    /// <summary>They stay until the queues there have confirmed them.</summary>
    AtLeastOnce,
}
