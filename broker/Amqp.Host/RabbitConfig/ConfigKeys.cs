using Amqp.Core;
using Amqp.Host.Options;

namespace Amqp.Host.RabbitConfig;

/// <summary>What the keys of RabbitMQ's configuration are in ours. Every key that is given is taken, or a note says what becomes of it.</summary>
/// <param name="notes">Told of what is not taken.</param>
/// <param name="listensOnAll">A listener for which no address is given listens on all.</param>
internal sealed class ConfigKeys(ConfigNotes notes, bool listensOnAll)
{
    /// <summary>They tune what only RabbitMQ has, so that nothing is lost without them.</summary>
    private static readonly string[] Tuning =
    [
        "num_acceptors.", "socket_writer.", "erlang.", "tcp_listen_options.", "ranch_connection_max", "default_worker_pool_size", "delegate_count", "cluster_keepalive_interval", "net_ticktime",
        "mirroring_sync_batch_size", "mirroring_sync_max_throughput", "collect_statistics", "collect_statistics_interval", "hipe_compile", "mnesia_table_loading_retry_", "message_store_shutdown_timeout",
        "queue_index_embed_msgs_below", "background_gc_", "vhost_restart_strategy", "memory_monitor_interval", "vm_memory_calculation_strategy", "distribution.", "sysmon_handler.", "raft.",
        "classic_queue.default_version", "quorum_queue.", "metadata_store.", "stream.", "motd_file", "initial_frame_max", "management.rates_mode", "management.sample_retention_policies.",
        "management.db_cache_multiplier", "management.http_log_dir", "management.tcp.", "management.ssl.", "management.listener.server.", "management.listener.ssl_opts.", "management_agent.",
        "prometheus.tcp.", "prometheus.ssl.", "ssl_options.", "cluster_formation.", "log.", "definitions.import_backend", "definitions.skip_if_unchanged", "definitions.hashing.", "reverse_dns_lookups",
        "cluster_partition_handling.", "deprecated_features.", "product.",
    ];

    /// <summary>Of what protects a cluster; RabbitMQ's generated cookies have 20.</summary>
    private const int SecretLengthMin = 16;

    private readonly Dictionary<string, string?> _options = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConfigListener _amqp = new("Listeners:Amqp");
    private readonly ConfigListener _amqps = new("Listeners:Amqps");
    private readonly ConfigListener _management = new("Listeners:Management");
    private readonly ConfigListener _prometheus = new("Listeners:Prometheus");
    private readonly SortedDictionary<string, string> _mechanisms = new(StringComparer.Ordinal);
    private readonly HashSet<string> _loopbackUsers = ["guest"];
    private readonly List<string> _nodes = [];
    private bool _hasLoopbackUsers;

    /// <summary>A secret for the nodes of a cluster, if there is one.</summary>
    public string? Cookie { get; set; }

    public void Take(SysctlSetting setting)
    {
        var (key, value, place) = setting;
        if (value.StartsWith("encrypted:", StringComparison.Ordinal)) notes.Warn($"{place}: {key} is encrypted, and only RabbitMQ can decrypt it, so it changes nothing");
        else if (Take(key, value, place) is { } problem) notes.Warn($"{place}: {key}: {problem}");
    }

    /// <summary>All that was taken, as options of ours.</summary>
    public IReadOnlyDictionary<string, string?> Finish()
    {
        foreach (var listener in (ConfigListener[])[_amqp, _amqps, _management, _prometheus]) listener.AddTo(_options, listensOnAll, notes);
        if (_mechanisms.Count > 0) _options["Security:Mechanisms"] = string.Join(',', _mechanisms.Values.Distinct());
        if (_hasLoopbackUsers) _options["Security:LoopbackUsers"] = string.Join(',', _loopbackUsers);
        AddNodes();
        return _options;
    }

    private string? Take(string key, string value, string place) => key switch
    {
        "listeners.tcp" or "listeners.ssl" => value == "none" ? Set(() => (key == "listeners.tcp" ? _amqp : _amqps).IsOff = true) : Unusable(value, "none"),
        "handshake_timeout" => Number("Limits:HandshakeMs", value),
        "ssl_handshake_timeout" => Number("Listeners:Amqps:HandshakeMs", value),
        "heartbeat" => Number("Limits:HeartbeatSeconds", value),
        "frame_max" => Number("Limits:FrameBytes", value == "0" ? "16777216" : value),
        "channel_max" => Number("Limits:ChannelsPerConnection", value == "0" ? "65535" : value),
        "connection_max" => Number("Limits:Connections", value == "infinity" ? "0" : value),
        "max_message_size" => Number("Limits:MessageBytes", value),
        "consumer_timeout" => Number("Limits:DeliveryTimeoutMs", value is "undefined" or "infinity" ? "0" : value),
        "proxy_protocol" => Text("Listeners:Amqp:ProxyProtocol", value) ?? Text("Listeners:Amqps:ProxyProtocol", value),
        "default_user" => Text("Security:DefaultUser", value),
        "default_pass" => Text("Security:DefaultPassword", value),
        "default_vhost" => Text("Security:DefaultVhost", value),
        "default_permissions.configure" or "default_permissions.read" or "default_permissions.write" when value != ".*" => "the default user has all permissions in its virtual host; take some away with set_permissions",
        "default_permissions.configure" or "default_permissions.read" or "default_permissions.write" or "default_user_tags.administrator" => null,
        "ssl_cert_login_from" => Choice("Listeners:Amqps:ClientNameFrom", value, ("distinguished_name", "DistinguishedName"), ("common_name", "CommonName"), ("subject_alternative_name", "SubjectAlternativeName")),
        "vm_memory_high_watermark.relative" => Share("Limits:MemoryShare", value),
        "vm_memory_high_watermark.absolute" => Bytes("Limits:MemoryBytes", value),
        "vm_memory_high_watermark_paging_ratio" => Share("Limits:PageOutShare", value),
        "disk_free_limit.absolute" => Bytes("Limits:DiskFreeBytes", value),
        "disk_free_limit.relative" => Share("Limits:DiskFreeOfMemory", value),
        "load_definitions" or "management.load_definitions" or "definitions.local.path" => Text("Definitions:File", value),
        "cluster_name" => Text("Node:ClusterName", value),
        "cluster_partition_handling" => Text("Cluster:PartitionHandling", value),
        "queue_master_locator" or "queue_leader_locator" => Choice("Cluster:QueueLeaderLocator", value, ("client-local", "client-local"), ("min-masters", "min-masters"), ("balanced", "balanced"), ("random", "random")),
        "cluster_formation.peer_discovery_backend" => value is "classic_config" or "rabbit_peer_discovery_classic_config" ? null : "only a list of nodes is read (classic_config); Cluster:Seeds knows lists and DNS",
        "cluster_formation.dns.hostname" => "nodes are found by DNS with Cluster:Seeds, dns:NAME",
        "default_queue_type" => value == "classic" ? null : "every virtual host has a default queue type of its own (update_vhost_metadata)",
        "password_hashing_module" => value == "rabbit_password_hashing_sha256" ? null : "new passwords are hashed with SHA-256; hashes that are imported stay as they are",
        "product.name" => "clients are told the product of Node:Product",
        "log.console.level" or "log.file.level" or "log.default.level" => Choice(
            "Logging:LogLevel:Default", value, ("debug", "Debug"), ("info", "Information"), ("notice", "Information"), ("warning", "Warning"), ("error", "Error"), ("critical", "Critical"), ("alert", "Critical"), ("emergency", "Critical"), ("none", "None")),
        "log.console" or "log.file" when value is "true" or "false" => null,
        "log.file" or "log.dir" or "log.syslog" or "log.exchange" or "log.journald" when value != "false" => "the log goes to standard output only",
        "management.tcp.port" or "management.listener.port" => _management.Port(value),
        "management.tcp.ip" or "management.listener.ip" => _management.Address(value),
        "management.listener.ssl" => Set(() => _management.IsTls = value == "true"),
        "management.ssl.port" => _management.TlsPort(value),
        "management.ssl.ip" => _management.Address(value),
        "prometheus.tcp.port" => _prometheus.Port(value),
        "prometheus.tcp.ip" or "prometheus.ssl.ip" => _prometheus.Address(value),
        "prometheus.ssl.port" => _prometheus.TlsPort(value),
        "prometheus.path" => value is "/metrics" ? null : "metrics are under /metrics",
        "prometheus.return_per_object_metrics" => value == "false" ? null : "metrics of each object are under /metrics/per-object",
        "prometheus.authentication.enabled" => value == "false" ? null : "metrics are read without a login; let only Prometheus reach the port",
        _ => TakeNamed(key, value, place),
    };

    /// <summary>Keys with a name of the operator's in them, or that there are many of.</summary>
    private string? TakeNamed(string key, string value, string place)
    {
        if (TryCut(key, "listeners.tcp.", out _)) return _amqp.Add(value);
        if (TryCut(key, "listeners.ssl.", out _)) return _amqps.Add(value);
        if (TryCut(key, "ssl_options.", out var option) && _amqps.TryTls(option, value)) return null;
        if ((TryCut(key, "management.ssl.", out option) || TryCut(key, "management.listener.ssl_opts.", out option)) && _management.TryTls(option, value)) return null;
        if (TryCut(key, "prometheus.ssl.", out option) && _prometheus.TryTls(option, value)) return null;
        if (TryCut(key, "auth_mechanisms.", out var number)) return AddMechanism(number, value);
        if (TryCut(key, "auth_backends.", out _)) return value is "internal" or "rabbit_auth_backend_internal" ? null : "users are the broker's own only; others cannot log in";
        if (key == "loopback_users" && value == "none") return SetLoopbackUsers(_loopbackUsers.Clear);
        if (TryCut(key, "loopback_users.", out var user)) return SetLoopbackUsers(() => _ = value == "true" ? _loopbackUsers.Add(user) : _loopbackUsers.Remove(user));
        if (TryCut(key, "cluster_formation.classic_config.nodes.", out _)) return Set(() => _nodes.Add(value));
        if (!Array.Exists(Tuning, known => key == known || (known[^1] is '.' or '_' && key.StartsWith(known, StringComparison.Ordinal)))) return "there is nothing here that it could change";
        notes.Tell($"{place}: {key} changes nothing here, and nothing is lost without it");
        return null;
    }

    private string? AddMechanism(string number, string value)
    {
        if (!Broker.Security.LoginRules.Known.Contains(value)) return $"there is no SASL mechanism {value}; there are {string.Join(", ", Broker.Security.LoginRules.Known.Order(StringComparer.Ordinal))}";
        _mechanisms[number.PadLeft(10)] = value;
        return null;
    }

    /// <summary>One that is named alone is this node.</summary>
    private void AddNodes()
    {
        if (_nodes.Count < 2) return;
        if (Cookie is not { Length: >= SecretLengthMin })
        {
            notes.Warn($"cluster_formation.classic_config.nodes: these nodes form a cluster only with a secret of {SecretLengthMin} characters or more that they share, RABBITMQ_ERLANG_COOKIE or Cluster:Secret; this node is alone");
            return;
        }
        _options["Cluster:Mode"] = "etcd-managed";
        _options["Cluster:Secret"] = Cookie;
        for (var index = 0; index < _nodes.Count; index++) _options[$"Cluster:Bootstrap:{index}"] = _nodes[index];
    }

    private static string? Set(Action set)
    {
        set();
        return null;
    }

    private string? SetLoopbackUsers(Action change)
    {
        _hasLoopbackUsers = true;
        return Set(change);
    }

    /// <summary>A value that the option cannot have would stop the start.</summary>
    private string? Text(string option, string value) =>
        OptionsReader.ProblemWith(option, value) is { } problem ? $"it changes nothing: {problem}" : Set(() => _options[option] = value);

    private string? Number(string option, string value) => DecimalDigits.TryParse(value, out _) ? Text(option, value) : Unusable(value, "a whole number");

    private string? Bytes(string option, string value) =>
        ConfigValues.Bytes(value) is { } bytes ? Text(option, bytes.ToString(System.Globalization.CultureInfo.InvariantCulture)) : Unusable(value, "a number of bytes, such as 2GB");

    private string? Share(string option, string value) => ConfigValues.Share(value) is null ? Unusable(value, "a number such as 0.4") : Text(option, value);

    private string? Choice(string option, string value, params ReadOnlySpan<(string Theirs, string Ours)> choices)
    {
        foreach (var (theirs, ours) in choices)
            if (value == theirs) return Text(option, ours);
        return Unusable(value, string.Join(" or ", choices.ToArray().Select(choice => choice.Theirs)));
    }

    private static string Unusable(string value, string allowed) => $"'{value}' is not possible, it would be {allowed}; it changes nothing";

    private static bool TryCut(string key, string prefix, out string rest)
    {
        var has = key.StartsWith(prefix, StringComparison.Ordinal);
        rest = has ? key[prefix.Length..] : "";
        return has;
    }
}
