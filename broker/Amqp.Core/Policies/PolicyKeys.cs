using System.Collections.Immutable;
using System.Text.Json;
using Amqp.Core.Errors;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Of = Amqp.Core.Topology.QueueTypeSet;

namespace Amqp.Core.Policies;

/// <summary>
/// The keys that policies have. <see cref="Known"/> is the one table of them: which values they take, which queue types have them, and
/// what becomes of a key that a policy and an operator policy both set. A key that is not in it is refused.
/// </summary>
internal static class PolicyKeys
{
    /// <summary>What becomes of messages is kept.</summary>
    public const string Trace = "trace";

    private static readonly ImmutableArray<PolicyKey> Known =
    [
        new("alternate-exchange", Of.Any, Text("alternate exchange name")),
        new("dead-letter-exchange", Of.Classic | Of.Quorum, Text("dead letter exchange name")),
        new("dead-letter-routing-key", Of.Classic | Of.Quorum, Text("dead letter routing key")),
        new("dead-letter-strategy", Of.Quorum, OneOf("dead letter strategy", "at-most-once", "at-least-once")),
        new("expires", Of.Classic | Of.Quorum, Integer(1, long.MaxValue, "queue expiry"), Smaller),
        new("message-ttl", Of.Classic | Of.Quorum, Integer(0, long.MaxValue, "message TTL"), Smaller),
        new("max-length", Of.Classic | Of.Quorum, Integer(0, long.MaxValue, "maximum length"), Smaller),
        new("max-length-bytes", Of.Any, Integer(0, long.MaxValue, "maximum length in bytes"), Smaller),
        new("overflow", Of.Classic | Of.Quorum, OneOf("overflow value", "drop-head", "reject-publish", "reject-publish-dlx"), OperatorsOwn),
        new("delivery-limit", Of.Quorum, Integer(0, long.MaxValue, "delivery limit"), Smaller),
        new("consumer-timeout", Of.Any, Integer(0, long.MaxValue, "consumer timeout")),
        new("consumer-timeout-action", Of.Classic | Of.Quorum, OneOf("consumer timeout action", "close-channel", "requeue")),
        new("delayed-retry-type", Of.Classic | Of.Quorum, RetryType, OperatorsOwn),
        new("delayed-retry-min", Of.Classic | Of.Quorum, RetryTime("minimum"), Larger),
        new("delayed-retry-max", Of.Classic | Of.Quorum, RetryTime("maximum"), Smaller),
        new("delayed-retry-multiplier", Of.Classic | Of.Quorum, Integer(1, long.MaxValue, "delayed retry multiplier")),
        new("queue-mode", Of.Classic, OneOf("queue-mode value", "default", "lazy")),
        new("queue-version", Of.Any, Integer(1, 2, "queue-version value"), OperatorsOwn),
        new("queue-master-locator", Of.Classic, MasterLocator),
        new("queue-leader-locator", Of.Quorum | Of.Stream, OneOf("queue leader locator value", "client-local", "balanced", "random", "least-leaders")),
        new("max-in-memory-length", Of.Quorum, Integer(0, long.MaxValue, "maximum memory in bytes"), Smaller),
        new("max-in-memory-bytes", Of.Quorum, Integer(0, long.MaxValue, "maximum memory in bytes"), Smaller),
        new("target-group-size", Of.Quorum, Integer(1, long.MaxValue, "qq target count value"), Larger),
        new("initial-cluster-size", Of.Stream, Integer(0, long.MaxValue, "cluster size")),
        new(MirrorPolicy.Mode, Of.Classic, MirrorPolicy.CheckMode, MirrorPolicy.MergeMode),
        new(MirrorPolicy.Params, Of.Classic, _ => null, MirrorPolicy.MergeParams),
        new(MirrorPolicy.SyncMode, Of.Classic, MirrorPolicy.CheckSyncMode, OperatorsOwn),
        new(MirrorPolicy.SyncBatchSize, Of.Any, MirrorPolicy.CheckPositive(MirrorPolicy.SyncBatchSize)),
        new(MirrorPolicy.PromoteOnShutdown, Of.Classic, MirrorPolicy.CheckPromotion(MirrorPolicy.PromoteOnShutdown)),
        new(MirrorPolicy.PromoteOnFailure, Of.Classic, MirrorPolicy.CheckPromotion(MirrorPolicy.PromoteOnFailure)),
        // These are ours.
        new(MirrorPolicy.MinInSync, Of.Classic, MirrorPolicy.CheckPositive(MirrorPolicy.MinInSync), Larger),
        new(MirrorPolicy.MaxLagMs, Of.Classic, MirrorPolicy.CheckPositive(MirrorPolicy.MaxLagMs), Smaller),
        new(Trace, Of.Classic | Of.Quorum, value => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : Invalid(value, "trace value"), OperatorsOwn),
    ];

    private static readonly ImmutableDictionary<string, PolicyKey> ByName = Known.ToImmutableDictionary(key => key.Name);

    /// <summary>Whether queues of this type have the key. A policy acts on none of those that lack one of its keys, as in RabbitMQ.</summary>
    public static bool Have(string key, QueueType type) => ByName.TryGetValue(key, out var known) && known.Types.Has(type);

    /// <summary>What is wrong with a definition, in RabbitMQ's words; null if nothing is.</summary>
    public static string? Check(PolicyKind kind, JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object) return $"definition must be a dictionary: {ErlangTerm.Render(json)}";
        var definition = PolicyDefinition.Of(json);
        if (definition.Count == 0) return "no policy provided";
        var unknown = definition.Where(entry => !(ByName.TryGetValue(entry.Key, out var key) && (kind == PolicyKind.User || key.Merge is not null))).ToList();
        foreach (var (key, value) in definition)
        {
            if (!unknown.Exists(entry => entry.Key == key) && ByName[key].Check(value) is { } defect) return defect;
        }
        if (CheckRetry(definition) is { } retry) return retry;
        if (MirrorPolicy.CheckTogether(definition) is { } inconsistent) return inconsistent;
        return unknown.Count == 0 ? null : $"{ErlangTerm.Render(unknown)} are not recognised policy settings";
    }

    /// <summary>What a policy and an operator policy make together.</summary>
    public static PolicyDefinition Merge(PolicyDefinition policy, PolicyDefinition operatorPolicy)
    {
        if (policy.Count == 0) return operatorPolicy;
        foreach (var (key, value) in operatorPolicy) policy = policy.With(key, Merge(key, policy.Find(key), value));
        return policy;
    }

    /// <summary>The definition with the keys of a later one that it lacks. <c>ha-params</c> belongs to its <c>ha-mode</c>.</summary>
    public static PolicyDefinition Complete(PolicyDefinition definition, PolicyDefinition later)
    {
        var hasMode = definition.Find(MirrorPolicy.Mode) is not null;
        foreach (var (key, value) in later)
        {
            if (definition.Find(key) is null && !(key == MirrorPolicy.Params && hasMode)) definition = definition.With(key, value);
        }
        return definition;
    }

    private static JsonElement Merge(string key, JsonElement? policy, JsonElement operators) =>
        policy is { } given && ByName.TryGetValue(key, out var known) && known.Merge is { } merge ? merge(given, operators) : operators;

    private static Func<JsonElement, string?> Text(string what) =>
        value => value.ValueKind == JsonValueKind.String ? null : Invalid(value, what);

    private static Func<JsonElement, string?> Integer(long min, long max, string what) =>
        value => value.TryGetInteger(out var integer) && integer >= min && integer <= max ? null : Invalid(value, what);

    private static Func<JsonElement, string?> OneOf(string what, params string[] texts) =>
        value => value.ValueKind == JsonValueKind.String && texts.Contains(value.GetString()) ? null : Invalid(value, what);

    private static string? MasterLocator(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && value.GetString() is "min-masters" or "client-local" or "random"
            ? null
            : $"{ErlangTerm.Render(value)} invalid queue-master-locator value";

    private static string? RetryType(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && RetryDelay.Parse(value.GetString()) is not null
            ? null
            : $"{Invalid(value, "delayed retry type")}. Must be one of: all, failed, returned, disabled";

    private static Func<JsonElement, string?> RetryTime(string which) =>
        value => Integer(1, long.MaxValue, $"delayed retry {which} delay")(value) is { } defect ? $"{defect}. Must be a positive integer" : null;

    private static string? CheckRetry(PolicyDefinition definition)
    {
        var (type, min, max) = (definition.Text("delayed-retry-type"), definition.Integer("delayed-retry-min"), definition.Integer("delayed-retry-max"));
        if (type is not (null or "disabled") && min is null) return $"delayed-retry-min is required when delayed-retry-type is {type}";
        return max < min ? $"delayed-retry-max ({max}) must not be smaller than delayed-retry-min ({min})" : null;
    }

    private static string Invalid(JsonElement value, string what) => $"{ErlangTerm.Render(value)} is not a valid {what}";

    private static JsonElement Smaller(JsonElement policy, JsonElement cap) => cap.GetInt64() < policy.GetInt64() ? cap : policy;

    private static JsonElement Larger(JsonElement policy, JsonElement floor) => floor.GetInt64() > policy.GetInt64() ? floor : policy;

    private static JsonElement OperatorsOwn(JsonElement policy, JsonElement operators) => operators;

    /// <summary>One line of the table.</summary>
    /// <param name="Types">Which queue types have it.</param>
    /// <param name="Check">What is wrong with a value, in RabbitMQ's words, or null.</param>
    /// <param name="Merge">The value, out of the policy's and the operator policy's. Null: operator policies do not have it.</param>
    private sealed record PolicyKey(string Name, Of Types, Func<JsonElement, string?> Check, Func<JsonElement, JsonElement, JsonElement>? Merge = null);
}
