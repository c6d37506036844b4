using System.ComponentModel.DataAnnotations;
using Amqp.Broker;
using Amqp.Broker.Security;
using Amqp.Core;
using Amqp.Core.Messages;
using Amqp.Storage.Segments;

namespace Amqp.Host.Options;

/// <summary>
/// Everything that can be configured, with its defaults: the broker runs without any file. <c>appsettings.json</c> documents
/// each option for operators; environment variables (<c>Listeners__Amqp__Port</c>) and the command line
/// (<c>--Listeners:Amqp:Port=0</c>) override it, in that order.
/// </summary>
public sealed record BrokerOptions
{
    public NodeOptions Node { get; init; } = new();

    public ListenersOptions Listeners { get; init; } = new();

    public StorageOptions Storage { get; init; } = new();

    public ControlOptions Control { get; init; } = new();

    public SecurityOptions Security { get; init; } = new();

    public DefinitionOptions Definitions { get; init; } = new();

    public RabbitOptions RabbitMQ { get; init; } = new();

    public DelayOptions Delays { get; init; } = new();

    public ClusterSettings Cluster { get; init; } = new();

    public OpenTelemetryOptions OpenTelemetry { get; init; } = new();

    public Limits Limits { get; init; } = new();
}

public sealed record NodeOptions
{
    /// <summary>Name of this node; clients see it as the cluster's name. Default: <c>rabbit@</c> and the host's short name, as in RabbitMQ.</summary>
    [NodeName]
    public string Name { get; init; } = $"rabbit@{Environment.MachineName.Split('.')[0]}";

    private const string RabbitMQ = "RabbitMQ";

    /// <summary>What connection.start calls the server. Clients choose by it: Celery, told any other name, expects prefetch as the
    /// specification has it, and its tasks with an ETA block their worker.</summary>
    public string Product { get; init; } = RabbitMQ;

    /// <summary>Its version there, which clients compare. Empty: of RabbitMQ the one whose behaviour this is, with any other
    /// <see cref="Product"/> the broker's own.</summary>
    public string ProductVersion { get; init; } = "";

    /// <summary>What the cluster is called until an operator gives it a name (RabbitMQ's <c>cluster_name</c>). Empty: as its first node.</summary>
    public string ClusterName { get; init; } = "";

    internal NodeIdentity Identity =>
        new(Name, Product, ProductVersion.Length > 0 ? ProductVersion : Product == RabbitMQ ? "3.13.7" : NodeIdentity.OwnVersion) { ClusterName = ClusterName };
}

public sealed record ListenersOptions : IValidatableObject
{
    public ListenerOptions Amqp { get; init; } = new() { Port = 5672 };

    /// <summary>The same over TLS, if there is a certificate.</summary>
    public TlsListenerOptions Amqps { get; init; } = new() { Port = 5671 };

    /// <summary>RabbitMQ's management HTTP API.</summary>
    public HttpListenerOptions Management { get; init; } = new() { Port = 15_672, Connections = 500 };

    /// <summary>Metrics for Prometheus, without a login, and probes for Kubernetes. The default port is done without where another broker has it.</summary>
    public HttpListenerOptions Prometheus { get; init; } = new() { Port = PrometheusPort, Connections = 50 };

    internal const int PrometheusPort = 15_692;

    /// <inheritdoc/>
    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext)
    {
        if (!Amqp.Enabled && Amqps.Certificates.Length == 0) yield return new("true where Listeners:Amqps has no certificate: no client could connect", [$"{nameof(Amqp)}:{nameof(ListenerOptions.Enabled)}"]);
    }
}

/// <summary>Where to listen.</summary>
public record EndPointOptions
{
    /// <summary>An IP address of this host, or several with commas between them; <c>0.0.0.0</c> or <c>::</c> for all; <c>localhost</c> for 127.0.0.1 and, where there is IPv6, ::1.</summary>
    [ListenAddress]
    public string Address { get; init; } = "localhost";

    /// <summary>TCP port; 0 takes any free one and logs which.</summary>
    [Range(0, 65_535)]
    public int Port { get; init; }
}

public record ListenerOptions : EndPointOptions
{
    /// <summary>False: there is no such listener (RabbitMQ's <c>listeners.tcp = none</c>). That of TLS is there with a certificate only.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Only proxies connect to this port, and say first for whom: the PROXY protocol, version 1 or 2 (RabbitMQ's <c>proxy_protocol</c>).
    /// Any other client that reaches the port can claim to be anywhere, on this host too.</summary>
    public bool ProxyProtocol { get; init; }
}

public sealed record TlsListenerOptions : ListenerOptions, IValidatableObject
{
    /// <summary>None, and there is no such listener. Clients get the one that fits the name they ask for (SNI), or the first.</summary>
    public CertificateOptions[] Certificates { get; init; } = [];

    /// <summary>PEM file of authorities whose certificates identify clients; empty, and clients are not asked for certificates.</summary>
    public string ClientCaFile { get; init; } = "";

    /// <summary>Clients without such a certificate are turned away (RabbitMQ's <c>fail_if_no_peer_cert</c>).</summary>
    public bool RequireClientCertificate { get; init; }

    /// <summary>What of a client's certificate names the user that it logs in as with EXTERNAL (RabbitMQ's <c>ssl_cert_login_from</c>).</summary>
    public ClientName ClientNameFrom { get; init; }

    /// <summary>How long the TLS handshake may take, in milliseconds. RabbitMQ: 5 s.</summary>
    [Range(100, 3_600_000)]
    public int HandshakeMs { get; init; } = 5_000;

    /// <inheritdoc/>
    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext)
    {
        if (RequireClientCertificate && ClientCaFile.Length == 0) yield return new($"set where {nameof(RequireClientCertificate)} is", [nameof(ClientCaFile)]);
    }
}

public sealed record HttpListenerOptions : EndPointOptions
{
    /// <summary>False: there is no such listener. Operators have the control socket nevertheless.</summary>
    public bool Enabled { get; init; } = true;

    public HttpTlsOptions Tls { get; init; } = new();

    /// <summary>Connections at a time; others are closed. A page of a browser takes six, a tool one.</summary>
    [Range(1, 100_000)]
    public int Connections { get; init; }
}

public sealed record HttpTlsOptions
{
    /// <summary>With one, the port speaks HTTPS, and nothing else.</summary>
    public CertificateOptions[] Certificates { get; init; } = [];
}

public enum ClientName
{
    /// <summary>The whole subject, as RFC 4514 writes it: <c>CN=client,O=Example</c>.</summary>
    DistinguishedName,

    /// <summary>The subject's CN.</summary>
    CommonName,

    /// <summary>The first DNS name among the alternative ones.</summary>
    SubjectAlternativeName,
}

public sealed record CertificateOptions
{
    /// <summary>PEM file of the certificate, followed by those of its chain; or a PKCS#12 file.</summary>
    [NotEmpty("the path of a file")]
    public string File { get; init; } = "";

    /// <summary>PEM file of its private key; empty for PKCS#12.</summary>
    public string KeyFile { get; init; } = "";

    /// <summary>Of the private key, or of the PKCS#12 file.</summary>
    [Secret]
    public string Password { get; init; } = "";
}

public sealed record StorageOptions
{
    /// <summary>Directory of everything that survives a restart; relative to the working directory. Made if it is not there.</summary>
    [NotEmpty("a path")]
    public string Directory { get; init; } = "data";

    /// <summary>What keeps the messages: <c>auto</c>, <c>litedb</c> or <c>journal</c>.</summary>
    [EngineName]
    public string Engine { get; init; } = EngineChoice.Auto;
}

public sealed record ControlOptions
{
    /// <summary>Path of the Unix domain socket on which amqpctl reaches the broker; empty: <c>control.sock</c> in the data directory.</summary>
    public string Socket { get; init; } = "";
}

public sealed record DelayOptions
{
    /// <summary>What the numbers in <c>x-delay-level</c> mean, from 1 on: times with spaces between, in s, m, h or d. RocketMQ's
    /// <c>messageDelayLevel</c>.</summary>
    [DelayLevels]
    public string Levels { get; init; } = DelayLevels.DefaultText;
}

public sealed record DefinitionOptions
{
    /// <summary>A <c>definitions.json</c>, or a directory with some, that every start imports before clients can connect; empty: none. With one the default user is not made, as in RabbitMQ
    /// (<c>load_definitions</c>): users are in it.</summary>
    public string File { get; init; } = "";
}

/// <summary>RabbitMQ's own configuration, for those who move: read before everything else, so that all other options override it.</summary>
public sealed record RabbitOptions
{
    /// <summary>A <c>rabbitmq.conf</c>; the files in <c>conf.d</c> beside it are read too. Also <c>RABBITMQ_CONFIG_FILE</c>. Empty: none.</summary>
    public string ConfigFile { get; init; } = "";

    /// <summary>An <c>enabled_plugins</c>: the ports of plugins that are not in it are closed. Also <c>RABBITMQ_ENABLED_PLUGINS_FILE</c>. Empty: none.</summary>
    public string EnabledPluginsFile { get; init; } = "";
}

public sealed record SecurityOptions
{
    /// <summary>The user whom the first start makes, an administrator with every permission in <see cref="DefaultVhost"/>. Later starts
    /// do not look at it, nor at the next two. Also <c>RABBITMQ_DEFAULT_USER</c>.</summary>
    [Name]
    public string DefaultUser { get; init; } = "guest";

    /// <summary>Also <c>RABBITMQ_DEFAULT_PASS</c>.</summary>
    [NotEmpty("something")]
    [Secret]
    public string DefaultPassword { get; init; } = "guest";

    /// <summary>The virtual host that the first start makes. Also <c>RABBITMQ_DEFAULT_VHOST</c>.</summary>
    [Name]
    public string DefaultVhost { get; init; } = "/";

    /// <summary>Users who may log in from this host only, with commas between. RabbitMQ: guest, whose password is well known.</summary>
    public string LoopbackUsers { get; init; } = "guest";

    /// <summary>SASL mechanisms that clients may log in with, with commas between (RabbitMQ's <c>auth_mechanisms</c>). EXTERNAL is not among
    /// them unless it is wanted: clients that know it try it before a password.</summary>
    [Mechanisms]
    public string Mechanisms { get; init; } = "PLAIN,AMQPLAIN";

    internal LoginRules Logins => new(Words(LoopbackUsers), Words(Mechanisms));

    internal static HashSet<string> Words(string list) => [.. list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];
}

/// <summary>Metrics and the log, sent to a collector by OpenTelemetry's protocol (OTLP).</summary>
public sealed record OpenTelemetryOptions
{
    /// <summary>Of the collector. Empty: nothing is sent.</summary>
    [HttpAddress]
    public string Endpoint { get; init; } = "";

    /// <summary>How the collector is spoken to there.</summary>
    public TelemetryProtocol Protocol { get; init; } = TelemetryProtocol.Grpc;

    /// <summary>Sent with each request, <c>name=value</c> with commas between them.</summary>
    [Secret]
    public string Headers { get; init; } = "";

    /// <summary>Between two readings of the metrics.</summary>
    [Range(1_000, 3_600_000)]
    public int IntervalMs { get; init; } = 60_000;
}

/// <summary>OTLP's two ways.</summary>
public enum TelemetryProtocol
{
    /// <summary>Usually port 4317.</summary>
    Grpc,

    /// <summary>Protobuf over HTTP/1.1, usually port 4318.</summary>
    Http,
}
