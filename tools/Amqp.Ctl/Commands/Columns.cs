using Amqp.Ctl.Output;

namespace Amqp.Ctl.Commands;

/// <summary>The columns of each listing, in RabbitMQ's order: their names, and what of the HTTP API's JSON they are.</summary>
internal static class Columns
{
    public static readonly IReadOnlyList<Column> OfQueues =
    [
        new("name"), new("durable"), new("auto_delete"), new("arguments", Kind.Table),
        new("policy"), new("operator_policy"), new("effective_policy_definition", Kind.BinaryPairs),
        new("pid", Kind.Pid), new("owner_pid", Kind.Pid), new("exclusive"), new("exclusive_consumer_pid", Kind.Pid), new("exclusive_consumer_tag"),
        new("messages_ready"), new("messages_unacknowledged"), new("messages"),
        new("messages_ready_ram"), new("messages_unacknowledged_ram"), new("messages_ram"), new("messages_persistent"),
        new("message_bytes"), new("message_bytes_ready"), new("message_bytes_unacknowledged"), new("message_bytes_ram"), new("message_bytes_persistent"),
        new("head_message_timestamp"), new("disk_reads"), new("disk_writes"),
        new("consumers"), new("consumer_utilisation"), new("consumer_capacity"), new("memory"),
        new("slave_pids", Kind.Pids), new("synchronised_slave_pids", Kind.Pids), new("state", Kind.Atom), new("type", Kind.Atom),
        new("leader", Kind.Atom), new("members", Kind.Atoms), new("online", Kind.Atoms),
        new("mirror_pids", Kind.Pids, "slave_pids"), new("synchronised_mirror_pids", Kind.Pids, "synchronised_slave_pids"),
    ];

    public static readonly IReadOnlyList<Column> OfUnresponsiveQueues =
    [
        new("name"), new("durable"), new("auto_delete"), new("arguments", Kind.Table), new("pid", Kind.Pid),
        new("recoverable_slaves"), new("recoverable_mirrors", Key: "recoverable_slaves"), new("type", Kind.Atom),
    ];

    public static readonly IReadOnlyList<Column> OfExchanges =
        [new("name"), new("type", Kind.Atom), new("durable"), new("auto_delete"), new("internal"), new("arguments", Kind.Table), new("policy")];

    public static readonly IReadOnlyList<Column> OfBindings =
    [
        new("source_name", Key: "source"), new("source_kind", Fixed: new Atom("exchange")),
        new("destination_name", Key: "destination"), new("destination_kind", Kind.Atom, "destination_type"),
        new("routing_key"), new("arguments", Kind.SortedTable),
    ];

    public static readonly IReadOnlyList<Column> OfConnections =
    [
        new("pid", Kind.Pid), new("name"), new("port"), new("host", Kind.Address), new("peer_port"), new("peer_host", Kind.Address),
        new("ssl"), new("ssl_protocol"), new("ssl_key_exchange"), new("ssl_cipher"), new("ssl_hash"),
        new("peer_cert_subject"), new("peer_cert_issuer"), new("peer_cert_validity"),
        new("state", Kind.Atom), new("channels"), new("protocol", Kind.Protocol), new("auth_mechanism"), new("user"), new("vhost"),
        new("timeout"), new("frame_max"), new("channel_max"), new("client_properties", Kind.Table),
        new("recv_oct"), new("recv_cnt"), new("send_oct"), new("send_cnt"), new("send_pend"), new("connected_at"),
    ];

    public static readonly IReadOnlyList<Column> OfChannels =
    [
        new("pid", Kind.Pid), new("connection", Kind.Pid), new("name"), new("number"), new("user"), new("vhost"),
        new("transactional"), new("confirm"), new("consumer_count"), new("messages_unacknowledged"), new("messages_uncommitted"),
        new("acks_uncommitted"), new("messages_unconfirmed"), new("prefetch_count"), new("global_prefetch_count"),
    ];

    public static readonly IReadOnlyList<Column> OfConsumers =
    [
        new("queue_name", Key: "queue.name"), new("channel_pid", Kind.Pid), new("consumer_tag"), new("ack_required"), new("prefetch_count"),
        new("active"), new("activity_status", Kind.Atom), new("arguments", Kind.Table),
    ];
}
