using System.Collections.Immutable;
using System.Text.Json;
using Amqp.Core.Policies;
using Amqp.Core.Security;

namespace Amqp.Core.Topology;

/// <summary>Makes a virtual host, with the exchanges that every one has. One that is there stays as it is.</summary>
public sealed record AddVhost(string Name, VhostMetadata Metadata) : TopologyCommand
{
    public AddVhost(string name)
        : this(name, VhostMetadata.None)
    {
    }
}

/// <summary>With everything in it; its connections are closed.</summary>
public sealed record DeleteVhost(string Vhost) : CommandInVhost(Vhost);

/// <summary>Queues that are there keep their type.</summary>
public sealed record DescribeVhost(string Vhost, VhostMetadata Metadata) : CommandInVhost(Vhost);

public sealed record SetVhostLimits(string Vhost, VhostLimits Limits) : CommandInVhost(Vhost);

/// <summary>Makes a user, who has no permissions yet.</summary>
public sealed record AddUser(string Name, PasswordHash Password, ImmutableArray<string> Tags) : TopologyCommand;

/// <summary>With all permissions; the user's connections are closed.</summary>
public sealed record DeleteUser(string Name) : TopologyCommand;

/// <summary>Holds from the next login on: connections that are open stay.</summary>
/// <param name="Password"><see cref="PasswordHash.None"/> takes the password away.</param>
public sealed record ChangePassword(string Name, PasswordHash Password) : TopologyCommand;

public sealed record SetUserTags(string Name, ImmutableArray<string> Tags) : TopologyCommand;

/// <summary>Holds for connections and channels to come.</summary>
public sealed record SetUserLimits(string Name, UserLimits Limits) : TopologyCommand;

public sealed record SetPermissions(string Vhost, string User, Permissions Permissions) : CommandInVhost(Vhost);

/// <summary>The user may not open the virtual host any more; connections that are open stay, and may do nothing.</summary>
public sealed record ClearPermissions(string Vhost, string User) : CommandInVhost(Vhost);

/// <param name="Exchange">It need not be there.</param>
public sealed record SetTopicPermissions(string Vhost, string User, string Exchange, string Write, string Read) : CommandInVhost(Vhost);

/// <param name="Exchange">Null: of all exchanges.</param>
public sealed record ClearTopicPermissions(string Vhost, string User, string? Exchange = null) : CommandInVhost(Vhost);

/// <summary>Makes a policy, or takes the place of the one of this name; what it is for follows at once.</summary>
/// <param name="Value">An object with <c>pattern</c>, <c>definition</c>, <c>priority</c> and <c>apply-to</c>.</param>
public sealed record SetPolicy(string Vhost, PolicyKind Kind, string Name, JsonElement Value) : CommandInVhost(Vhost);

public sealed record ClearPolicy(string Vhost, PolicyKind Kind, string Name) : CommandInVhost(Vhost);

/// <summary>Keeps a value for tools, in no virtual host.</summary>
/// <param name="IfMissing">What is there already stays.</param>
public sealed record SetGlobalParameter(string Name, JsonElement Value, bool IfMissing = false) : TopologyCommand;

public sealed record ClearGlobalParameter(string Name) : TopologyCommand;
