using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Amqp.Core.Errors;
using Amqp.Core.Policies;
using Amqp.Core.Security;

namespace Amqp.Core.Topology;

/// <content>What operators change: virtual hosts, users, permissions, policies and parameters.</content>
public static partial class TopologyReducer
{
    private static TopologyResult Apply(TopologySnapshot before, Commands several, QueuePlacement? placement)
    {
        var (topology, changes) = (before, ImmutableArray.CreateBuilder<TopologyChange>());
        foreach (var command in several.All)
        {
            var result = Apply(topology, command, placement);
            if (result.Error is { } error) return Refuse(before, error);
            topology = result.Topology;
            changes.AddRange(result.Changes);
        }
        return new(topology, changes.DrainToImmutable());
    }

    private static TopologyResult ApplyToUsersAndVhosts(TopologySnapshot topology, TopologyCommand command, QueuePlacement? placement) => command switch
    {
        AddVhost add => Apply(topology, add),
        AddUser add => Apply(topology, add),
        DeleteUser delete => ChangeUser(topology, delete.Name, user => new UserRemoved(user.Name)),
        ChangePassword change => ChangeUser(topology, change.Name, user => new UserChanged(user with { Password = change.Password })),
        SetUserTags set => ChangeUser(topology, set.Name, user => new UserChanged(user with { Tags = set.Tags })),
        SetUserLimits set => ChangeUser(topology, set.Name, user => new UserChanged(user with { Limits = set.Limits })),
        SetGlobalParameter set => Apply(topology, set),
        EndNode end => RemoveAll(topology, placement, queue => EndsWith(queue, end)),
        EndAllTransient => RemoveTransient(topology, placement),
        RemoveQueuesOfNode forgotten => RemoveAll(topology, placement, forgotten.Takes),
        ClearGlobalParameter clear => topology.GlobalParameters.ContainsKey(clear.Name)
            ? Do(topology, new GlobalParameterChanged(clear.Name, Value: null))
            : Refuse(topology, BrokerError.ParameterNotFound()),
        _ => throw new ArgumentOutOfRangeException(nameof(command), command, message: null),
    };

    private static TopologyResult ApplyToPermissions(TopologySnapshot topology, VirtualHost vhost, CommandInVhost command) => command switch
    {
        DeleteVhost => Do(topology, new VhostRemoved(vhost)),
        DescribeVhost { Metadata: var metadata } => CheckQueueType(metadata) is { } error
            ? Refuse(topology, error)
            : Do(topology, new VhostChanged(vhost.Name, metadata, vhost.Limits)),
        SetVhostLimits set => Do(topology, new VhostChanged(vhost.Name, vhost.Metadata, set.Limits)),
        SetPermissions set => Apply(topology, set),
        ClearPermissions { User: var user } => vhost.Permissions.ContainsKey(user)
            ? Do(topology, new PermissionsChanged(vhost.Name, user, Permissions: null))
            : new(topology, []),
        SetTopicPermissions set => Apply(topology, set),
        ClearTopicPermissions clear => Apply(topology, vhost, clear),
        SetPolicy set => Apply(topology, vhost, set),
        ClearPolicy clear => vhost.Policies.Of(clear.Kind).ContainsKey(clear.Name)
            ? Do(topology, new PolicyChanged(vhost.Name, clear.Kind, clear.Name, Policy: null))
            : Refuse(topology, BrokerError.ParameterNotFound()),
        _ => throw new ArgumentOutOfRangeException(nameof(command), command, message: null),
    };

    private static TopologyResult Apply(TopologySnapshot topology, AddVhost add)
    {
        if (CheckName("virtual host", add.Name) is { } error) return Refuse(topology, error);
        if (topology.Find(add.Name) is not null) return new(topology, []);
        return CheckQueueType(add.Metadata) is { } notSupported
            ? Refuse(topology, notSupported)
            : Do(topology, new VhostChanged(add.Name, add.Metadata, VhostLimits.None));
    }

    private static TopologyResult Apply(TopologySnapshot topology, AddUser add)
    {
        if (CheckName("user", add.Name) is { } error) return Refuse(topology, error);
        return topology.FindUser(add.Name) is not null
            ? Refuse(topology, BrokerError.UserExists(add.Name))
            : Do(topology, new UserChanged(new User(add.Name, add.Password, add.Tags, UserLimits.None)));
    }

    private static TopologyResult Apply(TopologySnapshot topology, SetPermissions set)
    {
        var (_, name, permissions) = set;
        return CheckPatterns(permissions.Configure, permissions.Write, permissions.Read) is { } error
            ? Refuse(topology, error)
            : ChangeUser(topology, name, user => new PermissionsChanged(set.Vhost, user.Name, permissions));
    }

    private static TopologyResult Apply(TopologySnapshot topology, SetTopicPermissions set)
    {
        var permissions = new TopicPermissions(set.Vhost, set.User, set.Write, set.Read);
        return CheckPatterns(permissions.For(Access.Write), permissions.For(Access.Read)) is { } error
            ? Refuse(topology, error)
            : ChangeUser(topology, set.User, user => new TopicPermissionsChanged(set.Vhost, user.Name, set.Exchange, permissions));
    }

    private static TopologyResult Apply(TopologySnapshot topology, VirtualHost vhost, ClearTopicPermissions clear)
    {
        var exchanges = vhost.TopicPermissions.Keys
            .Where(key => key.User == clear.User && (clear.Exchange is null || key.Exchange == clear.Exchange))
            .Select(key => key.Exchange);
        return Do(topology, [.. exchanges.Select(exchange => new TopicPermissionsChanged(vhost.Name, clear.User, exchange, Permissions: null))]);
    }

    private static TopologyResult Apply(TopologySnapshot topology, VirtualHost vhost, SetPolicy set)
    {
        if (Policy.Parse(set.Kind, set.Name, set.Value, out var error) is not { } policy) return Refuse(topology, error!);
        return vhost.Policies.Of(set.Kind).TryGetValue(set.Name, out var before) && before == policy
            ? new(topology, [])
            : Do(topology, new PolicyChanged(vhost.Name, set.Kind, set.Name, policy));
    }

    private static TopologyResult Apply(TopologySnapshot topology, SetGlobalParameter set) =>
        topology.GlobalParameters.TryGetValue(set.Name, out var before) && (set.IfMissing || JsonElement.DeepEquals(before, set.Value))
            ? new(topology, [])
            : Do(topology, new GlobalParameterChanged(set.Name, set.Value));

    private static TopologyResult ChangeUser(TopologySnapshot topology, string name, Func<User, TopologyChange> change) =>
        topology.FindUser(name) is { } user ? Do(topology, change(user)) : Refuse(topology, BrokerError.UserNotFound(name));

    private static BrokerError? CheckPatterns(params ReadOnlySpan<NamePattern> patterns)
    {
        foreach (var pattern in patterns)
        {
            if (pattern.Defect is { } defect) return BrokerError.InvalidPattern(pattern.Text, defect);
        }
        return null;
    }

    private static BrokerError? CheckQueueType(VhostMetadata metadata) =>
        metadata.DefaultQueueType is QueueType.Stream ? BrokerError.DefaultQueueTypeNotSupported(QueueType.Stream) : null;

    private static BrokerError? CheckName(string kind, string name)
    {
        if (name.Length == 0) return BrokerError.EmptyName(kind);
        var bytes = Encoding.UTF8.GetByteCount(name);
        return bytes > Limits.NameBytes ? BrokerError.NameTooLong(kind, bytes, Limits.NameBytes) : null;
    }

    private static TopologyResult Do(TopologySnapshot topology, params ImmutableArray<TopologyChange> changes) =>
        new TopologyResult(changes.Aggregate(topology, (snapshot, change) => change.ApplyTo(snapshot)), changes).UnderPolicies();

    private static TopologyResult Refuse(TopologySnapshot topology, BrokerError error) => new(topology, []) { Error = error };
}
