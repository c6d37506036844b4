using System.Collections.Immutable;
using Amqp.Core.Topology;

namespace Amqp.Core.Policies;

/// <summary>
/// The policies of a virtual host. RabbitMQ lets one policy of each kind act on an object, the first that matches: adding one with an <c>expires</c>
/// silently switches off the mirroring that another one had switched on. A virtual host can have all that match act together
/// instead (<c>policy-merge</c>): each key is taken from the first of them that has it.
/// </summary>
public sealed record PolicySet
{
    private static readonly ImmutableSortedDictionary<string, Policy> None = ImmutableSortedDictionary.Create<string, Policy>(StringComparer.Ordinal);

    // Behind what it is made of.
    public static readonly PolicySet Empty = new();

    private PolicySet()
    {
    }

    /// <summary>All that match act together.</summary>
    public bool Merges { get; internal init; }

    /// <summary>By name.</summary>
    public ImmutableSortedDictionary<string, Policy> Policies { get; private init; } = None;

    /// <summary>Those of the operators, by name.</summary>
    public ImmutableSortedDictionary<string, Policy> OperatorPolicies { get; private init; } = None;

    public bool IsEmpty => Policies.IsEmpty && OperatorPolicies.IsEmpty;

    /// <summary>Some of them says whether messages are traced.</summary>
    public bool MayTrace => Policies.Values.Concat(OperatorPolicies.Values).Any(policy => policy.Definition.Find(PolicyKeys.Trace) is not null);

    private ImmutableArray<Policy> Ordered { get; init; } = [];

    private ImmutableArray<Policy> OrderedOperator { get; init; } = [];

    /// <summary>By name, of one kind.</summary>
    public ImmutableSortedDictionary<string, Policy> Of(PolicyKind kind) => kind == PolicyKind.Operator ? OperatorPolicies : Policies;

    /// <summary>What a queue goes by.</summary>
    public AppliedPolicies For(QueueDefinition queue) =>
        IsEmpty ? AppliedPolicies.None : Apply(policy => policy.IsFor(queue.Parsed.Type, queue.Name));

    /// <summary>What an exchange goes by.</summary>
    public AppliedPolicies For(Exchange exchange) => IsEmpty ? AppliedPolicies.None : Apply(policy => policy.IsForExchange(exchange.Name));

    /// <summary>With this policy in the place of the one of the same name.</summary>
    /// <param name="policy">Null: without the one of this name.</param>
    internal PolicySet With(PolicyKind kind, string name, Policy? policy)
    {
        var policies = policy is null ? Of(kind).Remove(name) : Of(kind).SetItem(name, policy);
        // A stable sort, and it starts from the order of the names.
        ImmutableArray<Policy> ordered = [.. policies.Values.OrderByDescending(each => each.Priority)];
        return kind == PolicyKind.Operator
            ? this with { OperatorPolicies = policies, OrderedOperator = ordered }
            : this with { Policies = policies, Ordered = ordered };
    }

    private AppliedPolicies Apply(Func<Policy, bool> isFor)
    {
        var (policy, definition) = Find(Ordered, isFor);
        var (operatorPolicy, cap) = Find(OrderedOperator, isFor);
        return policy is null && operatorPolicy is null ? AppliedPolicies.None : new(policy, operatorPolicy, PolicyKeys.Merge(definition, cap));
    }

    private (Policy? First, PolicyDefinition Definition) Find(ImmutableArray<Policy> ordered, Func<Policy, bool> isFor)
    {
        var (first, definition) = ((Policy?)null, PolicyDefinition.Empty);
        foreach (var policy in ordered)
        {
            if (!isFor(policy)) continue;
            if (first is null) (first, definition) = (policy, policy.Definition);
            else definition = PolicyKeys.Complete(definition, policy.Definition);
            if (!Merges) break;
        }
        return (first, definition);
    }
}
