namespace Amqp.Core.Policies;

/// <summary>Who a policy is from. An object goes by one of each kind.</summary>
public enum PolicyKind
{
    /// <summary>From those who use the virtual host.</summary>
    User,

    /// <summary>From those who run the broker: it caps what users ask for, by arguments or policies.</summary>
    Operator,
}

public static class PolicyKinds
{
    /// <summary>The component that such policies are as runtime parameters.</summary>
    public static string Component(this PolicyKind kind) => kind == PolicyKind.Operator ? "operator_policy" : "policy";
}
