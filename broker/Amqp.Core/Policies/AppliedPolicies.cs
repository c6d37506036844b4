namespace Amqp.Core.Policies;

/// <summary>What policies make of a queue or exchange.</summary>
/// <param name="Policy">The one that it goes by; in a virtual host that merges policies, the first of them.</param>
/// <param name="OperatorPolicy">Likewise, of the operators'.</param>
/// <param name="Effective">The keys of both.</param>
public sealed record AppliedPolicies(Policy? Policy, Policy? OperatorPolicy, PolicyDefinition Effective)
{
    public static readonly AppliedPolicies None = new(null, null, PolicyDefinition.Empty);
}
