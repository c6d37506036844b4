using System.Text.Json;
using Amqp.Core.Policies;
using AMQP.Net;

namespace Amqp.Core.Topology;

/// <summary>
/// A change of the topology as a JSON object, as metadata stores keep it: <c>{"add":"queue","vhost":"/","name":"orders",...}</c>. Arguments are
/// the field table's bytes in base64, because its types and the order of its fields must come back exactly; an empty table is left out.
/// Only what ends with its node, or with a connection, says so: <c>"transient":true</c>, <c>"owner":"rabbit@a","epoch":3,"connection":17</c>; and in a cluster a queue
/// says which node has it: <c>"home":"rabbit@a"</c>.
/// </summary>
public static partial class ChangeJson
{
    private const string GlobalParameter = "globalParameter";
    private const string Transient = "transient";

    /// <summary>Writes a change.</summary>
    public static void Write(Utf8JsonWriter writer, TopologyChange change)
    {
        writer.WriteStartObject();
        var (verb, thing) = change switch
        {
            ExchangeAdded => ("add", "exchange"),
            ExchangeRemoved => ("remove", "exchange"),
            QueueAdded => ("add", "queue"),
            QueueRemoved => ("remove", "queue"),
            BindingAdded => ("add", "binding"),
            BindingRemoved => ("remove", "binding"),
            VhostChanged => ("add", "vhost"),
            VhostRemoved => ("remove", "vhost"),
            UserChanged => ("add", "user"),
            UserRemoved => ("remove", "user"),
            PermissionsChanged { Permissions: not null } => ("add", "permissions"),
            PermissionsChanged => ("remove", "permissions"),
            TopicPermissionsChanged { Permissions: not null } => ("add", "topicPermissions"),
            TopicPermissionsChanged => ("remove", "topicPermissions"),
            PolicyChanged { Policy: not null, Kind: var kind } => ("add", kind.Component()),
            PolicyChanged { Kind: var kind } => ("remove", kind.Component()),
            GlobalParameterChanged { Value: not null } => ("add", GlobalParameter),
            GlobalParameterChanged => ("remove", GlobalParameter),
            _ => throw new ArgumentOutOfRangeException(nameof(change), change, message: null),
        };
        writer.WriteString(verb, thing);
        if (change is ChangeInVhost { Vhost: var vhost }) writer.WriteString("vhost", vhost);
        switch (change)
        {
            case ExchangeAdded { Exchange: var exchange }:
                Write(writer, exchange);
                break;
            case ExchangeRemoved { Exchange: var exchange }:
                Write(writer, exchange);
                break;
            case QueueAdded { Queue: var queue }:
                Write(writer, queue);
                break;
            case QueueRemoved { Queue: var queue }:
                Write(writer, queue);
                break;
            case BindingAdded { Binding: var binding, Durable: var durable }:
                Write(writer, binding, durable);
                break;
            case BindingRemoved { Binding: var binding, Durable: var durable }:
                Write(writer, binding, durable);
                break;
            default:
                WriteOperators(writer, change);
                break;
        }
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, Exchange exchange)
    {
        writer.WriteString("name", exchange.Name);
        writer.WriteString("type", exchange.Type);
        writer.WriteBoolean("autoDelete", exchange.AutoDelete);
        writer.WriteBoolean("internal", exchange.Internal);
        WriteDurable(writer, exchange.Durable);
        if (exchange.OwnQueue is { } queue)
        {
            writer.WriteNumber("queue", queue.Id.Value);
            WriteHome(writer, queue);
        }
        Write(writer, exchange.Arguments);
    }

    private static void Write(Utf8JsonWriter writer, QueueDefinition queue)
    {
        writer.WriteString("name", queue.Name);
        writer.WriteNumber("id", queue.Id.Value);
        writer.WriteBoolean("autoDelete", queue.AutoDelete);
        WriteDurable(writer, queue.Durable);
        if (queue.Owner is { } owner)
        {
            writer.WriteString("owner", owner.Node);
            writer.WriteNumber("epoch", owner.Epoch);
            writer.WriteNumber("connection", owner.Number);
        }
        WriteHome(writer, queue);
        Write(writer, queue.Arguments);
    }

    private static void WriteHome(Utf8JsonWriter writer, QueueDefinition queue)
    {
        if (queue.Home.Node is not { } node) return;
        writer.WriteString("home", node);
        if (queue.Home.Epoch > 0) writer.WriteNumber("homeEpoch", queue.Home.Epoch);
    }

    private static void WriteDurable(Utf8JsonWriter writer, bool isDurable)
    {
        if (!isDurable) writer.WriteBoolean(Transient, value: true);
    }

    private static bool IsDurable(JsonElement change) => !change.TryGetProperty(Transient, out _);

    private static void Write(Utf8JsonWriter writer, Binding binding, bool isDurable)
    {
        WriteDurable(writer, isDurable);
        writer.WriteString("source", binding.Source);
        writer.WriteString(binding.Destination.Kind.Text(), binding.Destination.Name);
        writer.WriteString("key", binding.RoutingKey);
        Write(writer, binding.Arguments);
    }

    private static void Write(Utf8JsonWriter writer, FieldTable arguments)
    {
        if (!arguments.Bytes.IsEmpty) writer.WriteBase64String("arguments", arguments.Bytes.Span);
    }

    /// <summary>Reads what <see cref="Write(Utf8JsonWriter, TopologyChange)"/> has written.</summary>
    /// <exception cref="FormatException">This version does not know the change, or something that it says.</exception>
    /// <exception cref="KeyNotFoundException">It says too little.</exception>
    /// <exception cref="InvalidOperationException">A value is of another kind.</exception>
    public static TopologyChange Read(JsonElement change)
    {
        var added = change.TryGetProperty("add", out var thing);
        if (!added) thing = change.GetProperty("remove");
        if (ReadOperators(change, thing.GetString()!, added) is { } operators) return operators;
        var vhost = Text(change, "vhost");
        return (thing.GetString(), added) switch
        {
            ("exchange", true) => new ExchangeAdded(ReadExchange(change, vhost)),
            ("exchange", false) => new ExchangeRemoved(ReadRemoved(change, vhost)),
            ("queue", true) => new QueueAdded(ReadQueue(change, vhost)),
            ("queue", false) => new QueueRemoved(ReadQueue(change, vhost)),
            ("binding", true) => new BindingAdded(vhost, ReadBinding(change), IsDurable(change)),
            ("binding", false) => new BindingRemoved(vhost, ReadBinding(change), IsDurable(change)),
            _ => throw NotUnderstood(),
        };
    }

    private static Exchange ReadExchange(JsonElement change, string vhost)
    {
        var type = Text(change, "type");
        if (!ExchangeTypes.IsKnown(type)) throw NotUnderstood();
        return new(
            vhost,
            Text(change, "name"),
            type,
            IsDurable(change),
            Flag(change, "autoDelete"),
            Flag(change, "internal"),
            Arguments(change),
            change.TryGetProperty("queue", out var queue) ? new QueueId(queue.GetInt64()) : null,
            Home(change));
    }

    /// <summary>Earlier versions wrote only the name.</summary>
    private static Exchange ReadRemoved(JsonElement change, string vhost) => change.TryGetProperty("type", out _)
        ? ReadExchange(change, vhost)
        : new(vhost, Text(change, "name"), ExchangeTypes.Direct, durable: true, autoDelete: false, isInternal: false, FieldTable.Empty);

    private static QueueDefinition ReadQueue(JsonElement change, string vhost) => new(
        vhost,
        Text(change, "name"),
        new QueueId(change.GetProperty("id").GetInt64()),
        IsDurable(change),
        Flag(change, "autoDelete"),
        change.TryGetProperty("owner", out var owner)
            ? new ConnectionId(owner.GetString()!, change.GetProperty("epoch").GetUInt32(), change.GetProperty("connection").GetInt64())
            : null,
        Arguments(change),
        Home(change));

    private static Binding ReadBinding(JsonElement change)
    {
        var destination = change.TryGetProperty("queue", out var queue)
            ? Destination.Queue(queue.GetString()!)
            : Destination.Exchange(Text(change, "exchange"));
        return new(Text(change, "source"), destination, Text(change, "key"), Arguments(change));
    }

    private static QueueHome Home(JsonElement change) =>
        change.TryGetProperty("home", out var node) ? new(node.GetString(), change.TryGetProperty("homeEpoch", out var epoch) ? epoch.GetUInt32() : 0) : default;

    private static FieldTable Arguments(JsonElement change) =>
        change.TryGetProperty("arguments", out var bytes) ? new FieldTable(bytes.GetBytesFromBase64()) : FieldTable.Empty;

    private static string Text(JsonElement change, string name) => change.GetProperty(name).GetString() ?? throw NotUnderstood();

    private static FormatException NotUnderstood() => new("This version does not know this change of the topology.");

    private static bool Flag(JsonElement change, string name) => change.GetProperty(name).GetBoolean();
}
