using Amqp.Broker;
using Amqp.Broker.Observability;
using Amqp.Management.Http;

namespace Amqp.Management.Prometheus;

/// <summary>One page of metrics while it is made.</summary>
/// <param name="connections">Of this node.</param>
internal sealed class MetricsPage(INodeHost host, IMetricsSink sink, ConnectionInfo[] connections, CancellationToken cancellation)
{
    private const string Prefix = "rabbitmq_";
    private const string DetailedPrefix = "rabbitmq_detailed_";
    private const string ClusterPrefix = "rabbitmq_cluster_";

    private readonly BrokerNode _node = host.Node;
    private readonly NodeReading _reading = new(host, host.Node.Status());

    /// <summary>Of all objects together.</summary>
    public async Task WriteAggregated()
    {
        var queues = Queues(which: null);
        foreach (var group in QueueGroups.All) WriteSums(group, queues);
        foreach (var group in ChannelGroups.All) WriteSums(group, Channels());
        foreach (var group in ConnectionGroups.All) WriteSums(group, connections);
        await WriteCommon(queues.Length, "aggregated");
    }

    /// <summary>Of each object.</summary>
    public async Task WritePerObject()
    {
        var queues = Queues(which: null);
        var labelled = Label(queues);
        foreach (var group in QueueGroups.All) await WriteEach(Prefix, group, labelled);
        foreach (var group in ChannelGroups.All) await WriteEach(Prefix, group, LabelChannels());
        foreach (var group in ConnectionGroups.All) await WriteEach(Prefix, group, LabelConnections());
        await WriteCommon(queues.Length, "per-object");
    }

    /// <summary>Of each object, what was asked for.</summary>
    /// <param name="families">Those that there are not are not told.</param>
    /// <param name="vhosts">Whose queues; null: all.</param>
    public async Task WriteDetailed(IReadOnlySet<string> families, IReadOnlySet<string>? vhosts)
    {
        foreach (var group in NodeGroups.All.Where(group => families.Contains(group.Family))) await WriteEach(DetailedPrefix, group, [new Labelled<NodeReading>([], _reading)]);
        var ofQueues = QueueGroups.All.Append(QueueGroups.Consumers).Where(group => families.Contains(group.Family))
            .Where(group => group != QueueGroups.Consumers || !families.Contains(QueueGroups.Full.Family)).ToArray();
        if (ofQueues.Length > 0)
        {
            var queues = Label(Queues(vhosts));
            foreach (var group in ofQueues) await WriteEach(DetailedPrefix, group, queues);
        }
        foreach (var group in ChannelGroups.All.Where(group => families.Contains(group.Family))) await WriteEach(DetailedPrefix, group, LabelChannels());
        foreach (var group in ConnectionGroups.All.Where(group => families.Contains(group.Family))) await WriteEach(DetailedPrefix, group, LabelConnections());
        if (families.Contains(ExchangeGroups.Publishes.Family)) await WriteEach(DetailedPrefix, ExchangeGroups.Publishes, ExchangeGroups.Label(_node, withType: false));
        if (families.Contains("vhost_status"))
        {
            sink.Begin(ClusterPrefix + "vhost_status", "gauge", "Whether a given vhost is running");
            foreach (var vhost in _node.Topology.VirtualHosts.Keys) sink.Sample(MetricsText.LabelsOf(("vhost", vhost)), 1);
        }
        foreach (var group in ExchangeGroups.OfCluster.Where(group => families.Contains(group.Family))) await WriteEach(ClusterPrefix, group, ExchangeGroups.Label(_node, withType: true));
        WriteIdentity("detailed");
    }

    /// <summary>What is the same on the pages of all objects and of each.</summary>
    private async Task WriteCommon(int queues, string endpoint)
    {
        foreach (var group in NodeGroups.All) WriteSums(group, [_reading]);
        var channels = Channels();
        WriteOne("connections", "Connections currently open", connections.Length);
        WriteOne("channels", "Channels currently open", channels.Count);
        WriteOne("consumers", "Consumers currently connected", channels.Sum(channel => channel.Consumers.Length));
        WriteOne("queues", "Queues available", queues);
        WriteStates();
        GlobalCounters.Write(sink, _node, channels);
        sink.Begin(Prefix + "message_size_bytes", "histogram", "Size of messages received from publishers");
        sink.Samples(_node.MessageSizes, ("protocol", "amqp091"));
        WriteOne("alarms_memory_used_watermark", "is 1 if VM memory watermark alarm is in effect", _reading.Status.MemoryAlarm ? 1 : 0);
        WriteOne("alarms_free_disk_space_watermark", "is 1 if free disk space watermark alarm is in effect", _reading.Status.DiskAlarm ? 1 : 0);
        WriteOne("alarms_file_descriptor_limit", "is 1 if file descriptor limit alarm is in effect: connections beyond the limit are refused, and no alarm is raised", 0);
        WriteStore();
        WriteLinks();
        WriteIdentity(endpoint);
        await sink.FlushIfMuch(cancellation);
    }

    private void WriteOne(string name, string help, double value)
    {
        sink.Begin(Prefix + name, "gauge", help);
        sink.Sample([], value);
    }

    /// <summary>Ours: how many connections flow control or an alarm holds back.</summary>
    private void WriteStates()
    {
        sink.Begin(Prefix + "connections_by_state", "gauge", "Connections by their state");
        foreach (var state in (string[])["running", "flow", "blocking", "blocked"])
            sink.Sample(MetricsText.LabelsOf(("state", state)), connections.Count(connection => connection.State == state));
    }

    /// <summary>Ours: what durability costs.</summary>
    private void WriteStore()
    {
        sink.Begin(Prefix + "store_flush_seconds", "histogram", "How long flushes of the message store took");
        sink.Samples(_reading.Store.FlushSeconds);
        sink.Begin(Prefix + "store_group_messages", "histogram", "How many messages became durable with one flush");
        sink.Samples(_reading.Store.GroupMessages);
    }

    /// <summary>Under Erlang's name, which alerts of clusters look at; 3 is up, 1 is being tried.</summary>
    private void WriteLinks()
    {
        var unreachable = _node.Operations.Unreachable;
        var others = _node.Cluster.Nodes.Where(other => other.Name != _node.Identity.Name).ToArray();
        WriteOne("unreachable_cluster_peers_count", "Number of peers in the cluster the current node cannot reach.", others.Count(other => !other.IsRunning || unreachable.Contains(other.Name)));
        sink.Begin("erlang_vm_dist_node_state", "gauge", "The current state of the distribution link. The state is represented as a numerical value where `pending=1', `up_pending=2' and `up=3'.");
        foreach (var other in others.Where(other => other.IsRunning)) sink.Sample(MetricsText.LabelsOf(("peer", other.Name)), unreachable.Contains(other.Name) ? 1 : 3);
    }

    /// <summary>By these, dashboards know what the other numbers belong to.</summary>
    private void WriteIdentity(string endpoint)
    {
        sink.Begin(Prefix + "build_info", "untyped", "RabbitMQ & runtime version info");
        sink.Sample(
            MetricsText.LabelsOf(
                ("rabbitmq_version", host.Identity.ProductVersion),
                ("prometheus_plugin_version", host.Identity.ProductVersion),
                ("prometheus_client_version", NodeIdentity.OwnVersion),
                ("erlang_version", ForTools.RuntimeVersion),
                ("product_name", NodeIdentity.OwnName),
                ("product_version", NodeIdentity.OwnVersion)),
            1);
        sink.Begin(Prefix + "identity_info", "untyped", "RabbitMQ node & cluster identity info");
        sink.Sample(MetricsText.LabelsOf(("rabbitmq_node", host.Identity.Name), ("rabbitmq_cluster", _node.ClusterName), ("rabbitmq_endpoint", endpoint)), 1);
        sink.Begin("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.");
        sink.Sample([], _node.StartedAt.ToUnixTimeSeconds());
        sink.Begin("process_resident_memory_bytes", "gauge", "Resident size of the process; the memory alarm does not go by it.");
        sink.Sample([], _reading.Status.ResidentBytes);
    }

    private void WriteSums<T>(MetricGroup<T> group, IReadOnlyCollection<T> objects)
    {
        foreach (var metric in group.Metrics.Where(metric => !metric.HasNoSum))
        {
            sink.Begin(Prefix + metric.Name, metric.Type, metric.Help);
            sink.Sample([], metric.OfAll?.Invoke(_node) ?? objects.Select(metric.Of).Where(double.IsFinite).Sum());
        }
    }

    private async Task WriteEach<T>(string prefix, MetricGroup<T> group, IReadOnlyList<Labelled<T>> objects)
    {
        foreach (var metric in group.Metrics)
        {
            sink.Begin(prefix + metric.Name, metric.Type, metric.Help);
            foreach (var (labels, value) in objects)
            {
                sink.Sample(labels, metric.Of(value));
                await sink.FlushIfMuch(cancellation);
            }
        }
    }

    /// <summary>Those that this node leads: each node tells of its own.</summary>
    private QueueInfo[] Queues(IReadOnlySet<string>? which) => [.. _node.Queues.List().Where(queue => queue.Place.Leader == host.Identity.Name && which?.Contains(queue.Definition.Vhost) != false)];

    private static Labelled<QueueInfo>[] Label(QueueInfo[] queues) =>
        Array.ConvertAll(queues, queue => new Labelled<QueueInfo>(MetricsText.LabelsOf(("vhost", queue.Definition.Vhost), ("queue", queue.Definition.Name)), queue));

    private List<ChannelInfo> Channels() => [.. connections.SelectMany(connection => connection.Channels)];

    private List<Labelled<ChannelInfo>> LabelChannels() =>
    [
        .. from connection in connections
           from channel in connection.Channels
           select new Labelled<ChannelInfo>(MetricsText.LabelsOf(("channel", _node.Pids.Of(connection.Id, channel.Number))), channel),
    ];

    /// <summary>As in RabbitMQ, the label of a connection's identifier is called channel.</summary>
    private Labelled<ConnectionInfo>[] LabelConnections() =>
        Array.ConvertAll(connections, connection => new Labelled<ConnectionInfo>(MetricsText.LabelsOf(("channel", _node.Pids.Of(connection.Id))), connection));
}
