using System.Collections.Immutable;
using System.Text.Json;
using Amqp.Core.Policies;
using Amqp.Core.Security;

namespace Amqp.Core.Topology;

/// <content>What operators change: virtual hosts, users, permissions, policies and parameters. Names and values are those of RabbitMQ's definitions.</content>
public static partial class ChangeJson
{
    private const string PolicyMerge = "policy-merge";

    private static void WriteOperators(Utf8JsonWriter writer, TopologyChange change)
    {
        switch (change)
        {
            case VhostChanged vhost:
                writer.WriteString("name", vhost.Name);
                writer.WriteString("description", vhost.Metadata.Description);
                Write(writer, "tags", vhost.Metadata.Tags);
                if (vhost.Metadata.DefaultQueueType is { } type) writer.WriteString("default_queue_type", type.Text());
                if (vhost.Metadata.MergesPolicies) writer.WriteBoolean(PolicyMerge, true);
                Write(writer, "max-connections", vhost.Limits.MaxConnections);
                Write(writer, "max-queues", vhost.Limits.MaxQueues);
                break;
            case VhostRemoved { Vhost.Name: var name }:
                writer.WriteString("name", name);
                break;
            case UserChanged { User: var user }:
                writer.WriteString("name", user.Name);
                writer.WriteBase64String("password_hash", user.Password.Bytes.AsSpan());
                writer.WriteString("hashing_algorithm", user.Password.Algorithm.Text());
                Write(writer, "tags", user.Tags);
                Write(writer, "max-connections", user.Limits.MaxConnections);
                Write(writer, "max-channels", user.Limits.MaxChannels);
                break;
            case UserRemoved { Name: var name }:
                writer.WriteString("name", name);
                break;
            case PermissionsChanged { User: var user, Permissions: var permissions }:
                writer.WriteString("user", user);
                if (permissions is null) break;
                foreach (var access in Enum.GetValues<Access>()) writer.WriteString(access.Text(), permissions.For(access).Text);
                break;
            case TopicPermissionsChanged { User: var user, Exchange: var exchange, Permissions: var permissions }:
                writer.WriteString("user", user);
                writer.WriteString("exchange", exchange);
                if (permissions is null) break;
                writer.WriteString("write", permissions.Write);
                writer.WriteString("read", permissions.Read);
                break;
            case PolicyChanged { Name: var name, Policy: var policy }:
                writer.WriteString("name", name);
                if (policy is not null) Write(writer, policy);
                break;
            case GlobalParameterChanged { Name: var name, Value: var value }:
                writer.WriteString("name", name);
                if (value is { } set) Write(writer, "value", set);
                break;
        }
    }

    /// <returns>Null if it is about something else.</returns>
    private static TopologyChange? ReadOperators(JsonElement change, string thing, bool added) => (thing, added) switch
    {
        ("vhost", true) => new VhostChanged(
            Text(change, "name"),
            new VhostMetadata(Text(change, "description"), Texts(change, "tags"), ReadDefaultQueueType(change), change.TryGetProperty(PolicyMerge, out _)),
            new VhostLimits(Number(change, "max-connections"), Number(change, "max-queues"))),
        ("vhost", false) => new VhostRemoved(VirtualHost.New(Text(change, "name"))),
        ("user", true) => new UserChanged(ReadUser(change)),
        ("user", false) => new UserRemoved(Text(change, "name")),
        ("permissions", _) => new PermissionsChanged(
            Text(change, "vhost"),
            Text(change, "user"),
            added ? new Permissions(Pattern(change, Access.Configure), Pattern(change, Access.Write), Pattern(change, Access.Read)) : null),
        ("topicPermissions", _) => ReadTopicPermissions(change, Text(change, "vhost"), Text(change, "user"), added),
        ("policy", _) => ReadPolicy(change, PolicyKind.User, added),
        ("operator_policy", _) => ReadPolicy(change, PolicyKind.Operator, added),
        (GlobalParameter, _) => new GlobalParameterChanged(Text(change, "name"), added ? change.GetProperty("value").Clone() : null),
        _ => null,
    };

    private static void Write(Utf8JsonWriter writer, Policy policy)
    {
        writer.WriteString("pattern", policy.Pattern.Text);
        writer.WriteString("apply-to", policy.ApplyTo.Text());
        writer.WriteNumber("priority", policy.Priority);
        writer.WriteStartObject("definition");
        foreach (var (key, value) in policy.Definition) Write(writer, key, value);
        writer.WriteEndObject();
    }

    private static PolicyChanged ReadPolicy(JsonElement change, PolicyKind kind, bool added)
    {
        var (vhost, name) = (Text(change, "vhost"), Text(change, "name"));
        if (!added) return new PolicyChanged(vhost, kind, name, Policy: null);
        if (!PolicyTargets.TryParse(Text(change, "apply-to"), out var target)) throw NotUnderstood();
        return new PolicyChanged(vhost, kind, name, new Policy(
            name, new NamePattern(Text(change, "pattern")), target, PolicyDefinition.Of(change.GetProperty("definition")), change.GetProperty("priority").GetInt64()));
    }

    private static QueueType? ReadDefaultQueueType(JsonElement change)
    {
        if (!change.TryGetProperty("default_queue_type", out var text)) return null;
        return QueueTypes.TryParse(text.GetString() ?? "", out var type) ? type : throw NotUnderstood();
    }

    private static User ReadUser(JsonElement change)
    {
        if (!HashingAlgorithms.TryParse(Text(change, "hashing_algorithm"), out var algorithm)) throw NotUnderstood();
        return new User(
            Text(change, "name"),
            new PasswordHash(algorithm, [.. change.GetProperty("password_hash").GetBytesFromBase64()]),
            Texts(change, "tags"),
            new UserLimits(Number(change, "max-connections"), Number(change, "max-channels")));
    }

    private static TopicPermissionsChanged ReadTopicPermissions(JsonElement change, string vhost, string user, bool added) => new(
        vhost,
        user,
        Text(change, "exchange"),
        added ? new TopicPermissions(vhost, user, Text(change, "write"), Text(change, "read")) : null);

    private static void Write(Utf8JsonWriter writer, string name, ImmutableArray<string> texts)
    {
        writer.WriteStartArray(name);
        foreach (var text in texts) writer.WriteStringValue(text);
        writer.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter writer, string name, long? number)
    {
        if (number is { } value) writer.WriteNumber(name, value);
    }

    private static void Write(Utf8JsonWriter writer, string name, JsonElement value)
    {
        writer.WritePropertyName(name);
        value.WriteTo(writer);
    }

    private static NamePattern Pattern(JsonElement change, Access access) => new(Text(change, access.Text()));

    private static ImmutableArray<string> Texts(JsonElement change, string name) =>
        [.. change.GetProperty(name).EnumerateArray().Select(text => text.GetString() ?? throw NotUnderstood())];

    private static long? Number(JsonElement change, string name) => change.TryGetProperty(name, out var number) ? number.GetInt64() : null;
}
