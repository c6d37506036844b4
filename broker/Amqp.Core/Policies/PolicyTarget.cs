using Amqp.Core.Topology;

namespace Amqp.Core.Policies;

/// <summary>What a policy is for: its <c>apply-to</c>.</summary>
public enum PolicyTarget
{
    All,
    Queues,
    ClassicQueues,
    QuorumQueues,
    Streams,
    Exchanges,
}

public static class PolicyTargets
{
    /// <summary>The value of <c>apply-to</c>.</summary>
    public static string Text(this PolicyTarget target) => target switch
    {
        PolicyTarget.All => "all",
        PolicyTarget.Queues => "queues",
        PolicyTarget.ClassicQueues => "classic_queues",
        PolicyTarget.QuorumQueues => "quorum_queues",
        PolicyTarget.Streams => "streams",
        PolicyTarget.Exchanges => "exchanges",
        _ => throw new ArgumentOutOfRangeException(nameof(target), target, message: null),
    };

    public static bool TryParse(string text, out PolicyTarget target)
    {
        foreach (var known in Enum.GetValues<PolicyTarget>())
        {
            target = known;
            if (known.Text() == text) return true;
        }
        target = default;
        return false;
    }

    public static bool Includes(this PolicyTarget target, QueueType type) => target is PolicyTarget.All or PolicyTarget.Queues || target == type switch
    {
        QueueType.Classic => PolicyTarget.ClassicQueues,
        QueueType.Quorum => PolicyTarget.QuorumQueues,
        QueueType.Stream => PolicyTarget.Streams,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, message: null),
    };

    public static bool IncludesExchanges(this PolicyTarget target) => target is PolicyTarget.All or PolicyTarget.Exchanges;
}
