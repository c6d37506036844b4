using System.Text.Json;
using Amqp.Broker;
using Amqp.Core.Policies;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Management.Endpoints;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.Extensions.Logging;

namespace Amqp.Management.Definitions;

/// <summary>
/// Makes what a <c>definitions.json</c> of RabbitMQ says, of any version. What is there already and not in it stays; queues, exchanges and bindings that are there stay as they are, and everything else takes
/// the place of what has its name. So it can be done again, also after it was refused in the middle.
/// </summary>
internal sealed partial class DefinitionsImport(BrokerNode node, Requester who, TimeProvider time, ILogger logger)
{
    /// <summary>So many are asked for at once: the metadata store writes them together.</summary>
    private const int AtOnce = 1_000;

    /// <summary>From one line about the progress to the next.</summary>
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(2);

    /// <param name="into">All goes into that virtual host; null: each says where.</param>
    /// <exception cref="BadRequestException">Something in it cannot be; what comes before it has been made.</exception>
    public async Task Import(Body definitions, VirtualHost? into)
    {
        if (into is null) await ImportWhole(definitions);
        CheckLimits(definitions, into);
        await Make(definitions, "exchanges", item => Exchange(item, into));
        if (into is null) await Make(definitions, "global_parameters", item => new SetGlobalParameter(item.Text("name"), item.Value("value")));
        await Make(definitions, "policies", item => new SetPolicy(VhostOf(item, into), PolicyKind.User, item.Text("name"), PolicyEndpoints.ValueIn(item)));
        await Make(definitions, "parameters", item => Parameter(item, into));
        await Make(definitions, "queues", item => Queue(item, into));
        await Make(definitions, "bindings", item => Binding(item, into));
    }

    private async Task ImportWhole(Body definitions)
    {
        // Before 3.6, hashes had no algorithm, and were MD5.
        var version = definitions.TextOrNull("rabbitmq_version") ?? definitions.TextOrNull("rabbit_version");
        var algorithm = version is ['3', '.', >= '0' and <= '5', '.', ..] ? HashingAlgorithm.Md5 : HashingAlgorithm.Sha256;
        await Make(definitions, "users", item => User(item, algorithm));
        await Make(definitions, "vhosts", Vhost);
        foreach (var item in definitions.Items("vhosts"))
        {
            if (item.FlagOrTextOrNull("tracing") is { } traces && traces != node.IsTraced(item.Text("name"))) node.Trace(item.Text("name"), traces);
        }
        CheckVhosts(definitions);
        await Make(definitions, "permissions", item => new SetPermissions(VhostOf(item, into: null), item.Text("user"), PermissionEndpoints.PermissionsIn(item)));
        await Make(definitions, "topic_permissions", item => new SetTopicPermissions(VhostOf(item, into: null), item.Text("user"), item.Text("exchange"), item.Text("write"), item.Text("read")));
    }

    private Commands User(Body item, HashingAlgorithm algorithm)
    {
        var (name, password, tags) = (item.Text("name"), UserEndpoints.PasswordIn(item, algorithm), UserEndpoints.TagsIn(item));
        TopologyCommand[] user = node.Topology.FindUser(name) is null ? [new AddUser(name, password, tags)] : [new ChangePassword(name, password), new SetUserTags(name, tags)];
        return new Commands([.. user, .. item.ValueOrNull("limits") is { } limits ? (TopologyCommand[])[new SetUserLimits(name, LimitEndpoints.ReadOfUser(limits))] : []]);
    }

    private TopologyCommand Vhost(Body item)
    {
        var name = item.Text("name");
        var before = node.Topology.Find(name);
        var metadata = before?.Metadata ?? VhostMetadata.None;
        if (item.Inner("metadata") is { } inner) metadata = VhostEndpoints.Change(metadata, inner);
        metadata = VhostEndpoints.Change(metadata, item);
        return before is null ? new AddVhost(name, metadata) : new DescribeVhost(name, metadata);
    }

    private TopologyCommand? Exchange(Body item, VirtualHost? into)
    {
        var (vhost, name) = (VhostOf(item, into), ShortText.Of("exchange name", item.Text("name")));
        if (name.Length == 0 || Names.IsReserved(name)) return Skip("exchange", name);
        return node.Topology.Find(vhost)?.FindExchange(name) is not null
            ? null
            : new DeclareExchange(vhost, name, item.Text("type"), item.FlagOrText("durable"), item.FlagOrText("auto_delete"), item.FlagOrText("internal"), Arguments(item));
    }

    private TopologyCommand? Queue(Body item, VirtualHost? into)
    {
        var (vhost, name) = (VhostOf(item, into), ShortText.Of("queue name", item.Text("name")));
        if (Names.IsReserved(name)) return Skip("queue", name);
        return node.Topology.Find(vhost)?.FindQueue(name) is not null
            ? null
            : new DeclareQueue(vhost, name, item.FlagOrTextOrNull("durable") ?? true, item.FlagOrText("auto_delete"), Exclusive: false, Arguments(item), Requester: null);
    }

    private static Bind? Binding(Body item, VirtualHost? into)
    {
        var (source, destination, type) = (item.Text("source"), item.Text("destination"), item.Text("destination_type"));
        // Those of the default exchange are there without being declared.
        if (source.Length == 0) return null;
        var to = type switch
        {
            "queue" => Destination.Queue(destination),
            "exchange" => Destination.Exchange(destination),
            _ => throw new BadRequestException($"a binding of '{source}' has the destination_type '{type}': it has to be queue or exchange"),
        };
        return new Bind(VhostOf(item, into), new Binding(source, to, ShortText.Of("routing_key", item.TextOrNull("routing_key") ?? ""), Arguments(item)));
    }

    private TopologyCommand? Parameter(Body item, VirtualHost? into)
    {
        var (component, name) = (item.Text("component"), item.Text("name"));
        if (ParameterEndpoints.Set(VhostOf(item, into), component, name, item.Value("value")) is { } command) return command;
        // Files of brokers with plugins have some; what they ask for is done otherwise here or not at all, and is no reason to refuse the rest.
        LogParameter(logger, name, component);
        return null;
    }

    private TopologyCommand? Skip(string kind, string name)
    {
        LogReserved(logger, kind, name);
        return null;
    }

    private static AMQP.Net.FieldTable Arguments(Body item) =>
        // Erlang writes an empty table as an empty list.
        item.ValueOrNull("arguments") is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() == 0 ? AMQP.Net.FieldTable.Empty : FieldTableJson.Of(item.ValueOrNull("arguments"));

    private static string VhostOf(Body item, VirtualHost? into) => into?.Name ?? item.TextOrNull("vhost") ?? throw new BadRequestException(
        "some queues, exchanges, bindings, policies or parameters do not say in which virtual host they are: this is the file of one virtual host, to be imported into one (/api/definitions/{vhost})");

    /// <summary>What comes would have been made in part when the first one is missed.</summary>
    private void CheckVhosts(Body definitions)
    {
        foreach (var category in (string[])["permissions", "topic_permissions", "exchanges", "policies", "parameters", "queues", "bindings"])
        {
            foreach (var vhost in definitions.Items(category).Select(item => VhostOf(item, into: null)).Distinct())
            {
                if (node.Topology.Find(vhost) is null) throw new BadRequestException($"Please create virtual host \"{vhost}\" prior to importing definitions.");
            }
        }
    }

    private void CheckLimits(Body definitions, VirtualHost? into)
    {
        foreach (var queues in definitions.Items("queues").GroupBy(item => VhostOf(item, into)))
        {
            var vhost = node.Topology.Find(queues.Key)!;
            var added = queues.Select(item => item.Text("name")).Distinct().Count(name => vhost.FindQueue(name) is null);
            if (added == 0 || vhost.Limits.MaxQueues is not (>= 0 and var limit) || vhost.Queues.Count + added <= limit) continue;
            throw new BadRequestException(
                $"Adding {added} queue(s) to virtual host \"{vhost.Name}\" would exceed the limit of {limit} queue(s).\n\nThis virtual host currently has {vhost.Queues.Count} queue(s) defined.\n\nImport aborted!");
        }
    }

    private async Task Make(Body definitions, string category, Func<Body, TopologyCommand?> commandFor)
    {
        var items = definitions.Items(category);
        if (items.Count == 0) return;
        LogImporting(logger, items.Count, category);
        var (done, told) = (0, time.GetTimestamp());
        var before = Task.CompletedTask;
        foreach (var some in items.Chunk(AtOnce))
        {
            if (time.GetElapsedTime(told) >= ProgressInterval)
            {
                LogProgress(logger, done, items.Count, category);
                told = time.GetTimestamp();
            }
            done += some.Length;
            var asked = some.Select(item => (Item: item, Command: commandFor(item))).Where(each => each.Command is not null)
                .Select(each => (each.Item, Change: who.Change(node, each.Command!))).ToArray();
            // While these are stored, the next ones are read.
            await before;
            before = Await(asked, category);
        }
        await before;
    }

    /// <exception cref="BadRequestException">One of them was refused.</exception>
    private static async Task Await((Body Item, Task<TopologyResult> Change)[] asked, string category)
    {
        foreach (var (item, change) in asked)
        {
            if ((await change).Error is { } error) throw new BadRequestException($"{error.Text} ({category}: {item.Json})");
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Importing {Count} {Category} from definitions")]
    private static partial void LogImporting(ILogger logger, int count, string category);

    [LoggerMessage(Level = LogLevel.Information, Message = "Imported {Done} of {Count} {Category}")]
    private static partial void LogProgress(ILogger logger, int done, int count, string category);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Not importing the {Kind} '{Name}': its name is reserved, and such ones are there by themselves")]
    private static partial void LogReserved(ILogger logger, string kind, string name);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Not importing the parameter '{Name}' of component '{Component}', which is not known here")]
    private static partial void LogParameter(ILogger logger, string name, string component);
}
