namespace Amqp.Host.RabbitConfig;

/// <summary>Environment variables by which RabbitMQ is configured, in container images above all.</summary>
internal static class RabbitVariables
{
    private static readonly (string Variable, string Option)[] Known =
    [
        ("RABBITMQ_DEFAULT_USER", "Security:DefaultUser"),
        ("RABBITMQ_DEFAULT_PASS", "Security:DefaultPassword"),
        ("RABBITMQ_DEFAULT_VHOST", "Security:DefaultVhost"),
        ("RABBITMQ_NODE_PORT", "Listeners:Amqp:Port"),
        ("RABBITMQ_NODE_IP_ADDRESS", "Listeners:Amqp:Address"),
        ("RABBITMQ_DIST_PORT", "Cluster:Port"),
        ("RABBITMQ_MNESIA_DIR", "Storage:Directory"),
    ];

    /// <summary>Variables of older images that name a file with what the variable would have been.</summary>
    private static readonly (string Variable, string Option)[] Files =
    [
        ("RABBITMQ_DEFAULT_USER_FILE", "Security:DefaultUser"),
        ("RABBITMQ_DEFAULT_PASS_FILE", "Security:DefaultPassword"),
    ];

    /// <summary>Variables of older images that are keys of <c>rabbitmq.conf</c> by now.</summary>
    private static readonly (string Variable, string Key)[] Keys =
    [
        ("RABBITMQ_SSL_CERTFILE", "ssl_options.certfile"),
        ("RABBITMQ_SSL_KEYFILE", "ssl_options.keyfile"),
        ("RABBITMQ_SSL_CACERTFILE", "ssl_options.cacertfile"),
        ("RABBITMQ_SSL_VERIFY", "ssl_options.verify"),
        ("RABBITMQ_SSL_FAIL_IF_NO_PEER_CERT", "ssl_options.fail_if_no_peer_cert"),
        ("RABBITMQ_MANAGEMENT_SSL_CERTFILE", "management.ssl.certfile"),
        ("RABBITMQ_MANAGEMENT_SSL_KEYFILE", "management.ssl.keyfile"),
        ("RABBITMQ_MANAGEMENT_SSL_CACERTFILE", "management.ssl.cacertfile"),
    ];

    /// <returns>Null: there is no such variable. An empty one is none, as in RabbitMQ.</returns>
    public static string? Find(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;

    /// <summary>Gives those that stand for keys of the configuration file.</summary>
    public static void Give(ConfigKeys keys)
    {
        foreach (var (variable, key) in Keys)
            if (Find(variable) is { } value) keys.Take(new SysctlSetting(key, value, variable));
        // With a certificate these images had the usual ports speak TLS.
        if (Find("RABBITMQ_SSL_CERTFILE") is not null) keys.Take(new SysctlSetting("listeners.ssl.default", "5671", "RABBITMQ_SSL_CERTFILE"));
        if (Find("RABBITMQ_MANAGEMENT_SSL_CERTFILE") is not null) keys.Take(new SysctlSetting("management.ssl.port", "15671", "RABBITMQ_MANAGEMENT_SSL_CERTFILE"));
        if (Find("RABBITMQ_VM_MEMORY_HIGH_WATERMARK") is { } watermark)
            keys.Take(new SysctlSetting(ConfigValues.Share(watermark) is <= 1 ? "vm_memory_high_watermark.relative" : "vm_memory_high_watermark.absolute", watermark, "RABBITMQ_VM_MEMORY_HIGH_WATERMARK"));
    }

    /// <summary>The others, as options of ours.</summary>
    public static IEnumerable<KeyValuePair<string, string?>> Options(ConfigNotes notes)
    {
        foreach (var (variable, option) in Files)
        {
            if (Find(variable) is not { } path) continue;
            if (File.Exists(path)) yield return new(option, File.ReadLines(path).FirstOrDefault("").Trim());
            else notes.Warn($"{variable} names {path}, and there is no such file");
        }
        foreach (var (variable, option) in Known)
            if (Find(variable) is { } value) yield return new(option, value);
        // RabbitMQ adds the host's name where there is none.
        if (Find("RABBITMQ_NODENAME") is { } name) yield return new("Node:Name", name.Contains('@', StringComparison.Ordinal) ? name : $"{name}@{Environment.MachineName.Split('.')[0]}");
    }
}
