using System.Text.Json;
using Amqp.Core.Errors;

namespace Amqp.Core.Policies;

/// <summary>The keys that ask for mirrors, which act in a cluster: their values, and RabbitMQ's words about wrong ones.</summary>
internal static class MirrorPolicy
{
    public const string Mode = "ha-mode";
    public const string Params = "ha-params";
    public const string SyncMode = "ha-sync-mode";
    public const string SyncBatchSize = "ha-sync-batch-size";
    public const string PromoteOnShutdown = "ha-promote-on-shutdown";
    public const string PromoteOnFailure = "ha-promote-on-failure";

    public const string MinInSync = "ha-min-in-sync";
    public const string MaxLagMs = "ha-max-lag-ms";

    public const string Exactly = "exactly";
    public const string Nodes = "nodes";
    public const string Always = "always";

    private const string All = "all";

    public static string? CheckMode(JsonElement value) =>
        IsOneOf(value, All, Exactly, Nodes) ? null : $"{ErlangTerm.Render(value)} is not a valid ha-mode value";

    public static string? CheckSyncMode(JsonElement value) =>
        IsOneOf(value, "automatic", "manual") ? null : $"ha-sync-mode must be \"manual\" or \"automatic\", got {ErlangTerm.Render(value)}";

    public static Func<JsonElement, string?> CheckPositive(string key) => value =>
        value.TryGetInteger(out var number) && number > 0 ? null : $"{key} takes an integer greater than 0, {ErlangTerm.Render(value)} given";

    public static Func<JsonElement, string?> CheckPromotion(string key) => value =>
        IsOneOf(value, Always, "when-synced") ? null : $"{key} must be \"always\" or \"when-synced\", got {ErlangTerm.Render(value)}";

    /// <summary>What is wrong with the keys as a whole: the mode has to be there, and the parameters have to fit it.</summary>
    public static string? CheckTogether(PolicyDefinition definition)
    {
        var parameters = definition.Find(Params);
        if (definition.Text(Mode) is not { } mode)
        {
            return definition.Any(entry => entry.Key.StartsWith("ha-", StringComparison.Ordinal) && PolicyKeys.Have(entry.Key, Topology.QueueType.Classic))
                ? "ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown"
                : null;
        }
        return mode switch
        {
            All => parameters is null ? null : "ha-mode=\"all\" does not take parameters",
            Exactly => parameters is { } count && count.TryGetInteger(out var integer) && integer > 0
                ? null
                : $"ha-mode=\"exactly\" takes an integer, {Render(parameters)} given",
            _ => CheckNodes(parameters),
        };
    }

    /// <summary>The one with more mirrors: all, exactly so many, these nodes.</summary>
    public static JsonElement MergeMode(JsonElement policy, JsonElement operators)
    {
        var mode = policy.GetString();
        if (mode == All) return policy;
        return operators.GetString() == All || mode == Nodes ? operators : policy;
    }

    /// <summary>The parameters of <see cref="MergeMode"/>: the larger number, else the number, else the longer list.</summary>
    public static JsonElement MergeParams(JsonElement policy, JsonElement operators)
    {
        var (isCount, isOperatorsCount) = (policy.TryGetInteger(out var count), operators.TryGetInteger(out var operatorsCount));
        if (isCount) return !isOperatorsCount || count > operatorsCount ? policy : operators;
        return !isOperatorsCount && policy.GetArrayLength() > operators.GetArrayLength() ? policy : operators;
    }

    private static string? CheckNodes(JsonElement? parameters)
    {
        if (parameters is not { ValueKind: JsonValueKind.Array } list) return $"ha-mode=\"nodes\" takes a list, {Render(parameters)} given";
        if (list.GetArrayLength() == 0) return "ha-mode=\"nodes\" list must be non-empty";
        var others = list.EnumerateArray().Where(item => item.ValueKind != JsonValueKind.String).Select(ErlangTerm.Render).ToList();
        return others.Count == 0 ? null : $"ha-mode=\"nodes\" takes a list of strings, [{string.Join(',', others)}] was not a string";
    }

    private static string Render(JsonElement? value) => value is { } given ? ErlangTerm.Render(given) : "none";

    private static bool IsOneOf(JsonElement value, params ReadOnlySpan<string> texts) =>
        value.ValueKind == JsonValueKind.String && texts.Contains(value.GetString());
}
