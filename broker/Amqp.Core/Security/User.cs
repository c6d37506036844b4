using System.Collections.Immutable;

namespace Amqp.Core.Security;

/// <summary>A user who may log in. What they may do is said by each virtual host.</summary>
/// <param name="Tags">What they may do outside of virtual hosts: <c>administrator</c>, <c>monitoring</c>, <c>policymaker</c>,
/// <c>management</c>, <c>impersonator</c>, or words of others that this broker keeps and passes on.</param>
public sealed record User(string Name, PasswordHash Password, ImmutableArray<string> Tags, UserLimits Limits)
{
    public const string Administrator = "administrator";

    /// <summary>May see everything in the management, and change what <see cref="Management"/> may.</summary>
    public const string Monitoring = "monitoring";

    /// <summary>May, in the management, set policies and parameters of the virtual hosts that it has permissions in.</summary>
    public const string Policymaker = "policymaker";

    /// <summary>May use the management for what it could do by AMQP.</summary>
    public const string Management = "management";

    /// <summary>May publish messages whose user_id names another user.</summary>
    public const string Impersonator = "impersonator";
}

/// <summary>How much one user may use at a time. Null or negative: no limit; 0: nothing.</summary>
public sealed record UserLimits(long? MaxConnections, long? MaxChannels)
{
    public static readonly UserLimits None = new(null, null);
}
