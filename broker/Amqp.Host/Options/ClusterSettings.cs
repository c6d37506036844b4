using System.ComponentModel.DataAnnotations;
using System.Net;
using Amqp.Cluster.Membership;
using Amqp.Core.Topology;

namespace Amqp.Host.Options;

/// <summary>The cluster that the node is in, and how it finds the other nodes.</summary>
public sealed record ClusterSettings : IValidatableObject
{
    internal const string None = "none";

    private const string Managed = "etcd-managed";
    private const string External = "etcd-external";

    private const int PortMax = 65_533;

    private static readonly string[] Modes = [None, Managed, External];
    private static readonly string[] Locators = [QueuePlacement.ClientLocal, "min-masters", "balanced", "random"];
    private static readonly string[] PartitionModes = ["ignore", "pause_minority", "pause_if_all_down", "autoheal"];

    /// <summary><c>none</c>: the node is alone. <c>etcd-managed</c>: it is in a cluster, and runs a member of etcd by itself. <c>etcd-external</c>: the cluster uses an
    /// etcd that is there.</summary>
    public string Mode { get; init; } = None;

    /// <summary>The IP address at which other nodes reach this one; empty: what the host part of its name resolves to.</summary>
    public string Address { get; init; } = "";

    /// <summary>TCP port for other nodes (RabbitMQ's distribution port). The two ports behind it are etcd's.</summary>
    [Range(1, PortMax)]
    public int Port { get; init; } = NodeAddress.DefaultPort;

    /// <summary>Nodes of the cluster that this one joins: <c>rabbit@host</c>, <c>rabbit@host=10.0.0.2:25672</c>, or <c>dns:name</c> for all addresses of a name. With commas between them, or a list.</summary>
    public string[] Seeds { get; init; } = [];

    /// <summary>The nodes that begin a cluster together, this one among them; written like <see cref="Seeds"/>, the same on all of them.</summary>
    public string[] Bootstrap { get; init; } = [];

    /// <summary>Known to all nodes and to no one else (RabbitMQ's Erlang cookie): 16 characters or more, by chance.</summary>
    [Secret]
    public string Secret { get; init; } = "";

    /// <summary>Instead of a secret.</summary>
    public ClusterTlsOptions Tls { get; init; } = new();

    /// <summary>Of an external etcd, for its clients: <c>https://10.0.0.9:2379</c>. With commas between them, or a list.</summary>
    public string[] Endpoints { get; init; } = [];

    /// <summary>The path of <c>etcd</c>; empty: it is looked for in the PATH.</summary>
    public string EtcdProgram { get; init; } = "";

    /// <summary>Where queues are that do not say (RabbitMQ's <c>queue_master_locator</c>): <c>client-local</c>, <c>min-masters</c> (or <c>balanced</c>), <c>random</c>.</summary>
    public string QueueLeaderLocator { get; init; } = QueuePlacement.ClientLocal;

    /// <summary>RabbitMQ's <c>cluster_partition_handling</c>; it changes nothing here: a minority pauses by nature, and keeps what is not mirrored.</summary>
    public string PartitionHandling { get; init; } = "ignore";

    internal bool IsNone => Mode == None;

    internal ClusterOptions For(string node, string folder) => new()
    {
        Mode = Mode == External ? ClusterMode.EtcdExternal : ClusterMode.EtcdManaged,
        Node = node,
        Address = Address.Length > 0 ? IPAddress.Parse(Address) : null,
        Port = Port,
        Seeds = Words(Seeds),
        Bootstrap = Words(Bootstrap),
        Endpoints = [.. Words(Endpoints).Select(endpoint => new Uri(endpoint, UriKind.RelativeOrAbsolute))],
        EtcdProgram = EtcdProgram.Length > 0 ? EtcdProgram : null,
        Folder = folder,
    };

    /// <inheritdoc/>
    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext)
    {
        if (!Modes.Contains(Mode)) yield return OneOf(nameof(Mode), Modes);
        if (!Locators.Contains(QueueLeaderLocator)) yield return OneOf(nameof(QueueLeaderLocator), Locators);
        if (!PartitionModes.Contains(PartitionHandling)) yield return OneOf(nameof(PartitionHandling), PartitionModes);
        if (Address.Length > 0 && !IPAddress.TryParse(Address, out _)) yield return new("an IP address, such as 10.0.0.1, or empty", [nameof(Address)]);
        if (!IsNone && Secret.Length == 0 && Tls.CertificateFile.Length == 0)
            yield return new("set, the same on all nodes, for example to what `openssl rand -base64 32` prints; or Cluster:Tls has to be", [nameof(Secret)]);
    }

    private static ValidationResult OneOf(string option, string[] words) => new(string.Join(" or ", words), [option]);

    private static string[] Words(string[] items) => [.. items.SelectMany(item => item.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))];
}

/// <summary>Certificates by which nodes know each other, if there is no secret. PEM files.</summary>
public sealed record ClusterTlsOptions : IValidatableObject
{
    /// <summary>The node's certificate, whose common name is the node's name, followed by those between it and the authority.</summary>
    public string CertificateFile { get; init; } = "";

    /// <summary>Its private key.</summary>
    public string KeyFile { get; init; } = "";

    /// <summary>The authorities whose certificates nodes have.</summary>
    public string AuthorityFile { get; init; } = "";

    /// <inheritdoc/>
    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext)
    {
        if (CertificateFile.Length == 0) yield break;
        if (KeyFile.Length == 0) yield return new($"set where {nameof(CertificateFile)} is", [nameof(KeyFile)]);
        if (AuthorityFile.Length == 0) yield return new($"set where {nameof(CertificateFile)} is", [nameof(AuthorityFile)]);
    }
}
