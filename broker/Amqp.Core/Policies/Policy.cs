using System.Collections.Immutable;
using System.Text.Json;
using Amqp.Core.Errors;
using Amqp.Core.Security;
using Amqp.Core.Topology;

namespace Amqp.Core.Policies;

/// <summary>Settings for every queue and exchange of a virtual host whose name matches a pattern.</summary>
/// <param name="Priority">Of several that match, the one with the highest counts; of equal ones the first by name.</param>
public sealed record Policy(string Name, NamePattern Pattern, PolicyTarget ApplyTo, PolicyDefinition Definition, long Priority)
{
    /// <summary>
    /// The policy out of a JSON object with <c>pattern</c>, <c>definition</c>, <c>priority</c> and <c>apply-to</c>, as RabbitMQ's
    /// runtime parameters and definitions have it.
    /// </summary>
    /// <param name="error">What is wrong with it, in RabbitMQ's words; null if it is good.</param>
    /// <returns>Null if it is not good.</returns>
    public static Policy? Parse(PolicyKind kind, string name, JsonElement json, out BrokerError? error)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            error = BrokerError.ValidationFailed([$"{name} not a list {ErlangTerm.Render(json)}"]);
            return null;
        }
        var members = PolicyDefinition.Of(json);
        var (pattern, target) = (new NamePattern(members.Text("pattern") ?? ""), PolicyTarget.All);
        // From the last to the first: RabbitMQ tells them so.
        ImmutableArray<string> defects =
        [
            .. Unknown(members, name),
            .. Check(members, name, "definition", definition => PolicyKeys.Check(kind, definition)),
            .. Check(members, name, "apply-to", value => CheckTarget(value, out target), isOptional: true),
            .. Check(members, name, "pattern", value => CheckPattern(value, pattern)),
            .. Check(members, name, "priority", CheckPriority),
        ];
        error = defects.IsEmpty ? null : BrokerError.ValidationFailed(defects);
        return error is null ? new Policy(name, pattern, target, PolicyDefinition.Of(members.Find("definition")!.Value), members.Integer("priority")!.Value) : null;
    }

    /// <summary>Whether a queue of this name and type goes by it, if no other policy comes first.</summary>
    public bool IsFor(QueueType type, string name) =>
        ApplyTo.Includes(type) && Definition.All(entry => PolicyKeys.Have(entry.Key, type)) && Matches(name);

    /// <summary>Whether an exchange of this name goes by it, if no other policy comes first.</summary>
    public bool IsForExchange(string name) => ApplyTo.IncludesExchanges() && Matches(name);

    public bool Equals(Policy? other) => other is not null
        && (Name, Pattern.Text, ApplyTo, Priority) == (other.Name, other.Pattern.Text, other.ApplyTo, other.Priority)
        && Definition.Equals(other.Definition);

    public override int GetHashCode() => HashCode.Combine(Name, Pattern.Text, ApplyTo, Priority);

    /// <summary>Unlike an empty pattern of permissions, which is for nothing, one of policies is for everything.</summary>
    private bool Matches(string name) => Pattern.Text.Length == 0 || Pattern.IsMatch(name);

    private static IEnumerable<string> Check(PolicyDefinition members, string name, string key, Func<JsonElement, string?> check, bool isOptional = false)
    {
        if (members.Find(key) is not { } value) return isOptional ? [] : [$"Key \"{key}\" not found in {name}"];
        return check(value) is { } defect ? [defect] : [];
    }

    private static IEnumerable<string> Unknown(PolicyDefinition members, string name)
    {
        var unknown = members.Where(member => member.Key is not ("pattern" or "definition" or "apply-to" or "priority")).ToList();
        return unknown.Count == 0 ? [] : [$"Unrecognised terms {ErlangTerm.Render(unknown)} in {name}"];
    }

    private static string? CheckTarget(JsonElement value, out PolicyTarget target)
    {
        target = default;
        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : ErlangTerm.Render(value);
        return PolicyTargets.TryParse(text, out target)
            ? null
            : $"apply-to '{text}' unrecognised; should be one of: 'queues', 'classic_queues',  'quorum_queues', 'streams', 'exchanges', or 'all'";
    }

    private static string? CheckPattern(JsonElement value, NamePattern pattern)
    {
        if (value.ValueKind != JsonValueKind.String) return $"pattern should be a binary but was {ErlangTerm.Render(value)}";
        return pattern.Defect is { } defect ? $"pattern should be regular expression but is invalid: {defect}" : null;
    }

    private static string? CheckPriority(JsonElement value) =>
        value.TryGetInteger(out _) ? null : $"priority should be a number, actually was {ErlangTerm.Render(value)}";
}
