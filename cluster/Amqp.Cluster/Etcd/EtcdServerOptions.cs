using System.Net;
using Amqp.Cluster.Security;

namespace Amqp.Cluster.Etcd;

/// <summary>The member of etcd that runs on this node.</summary>
public sealed record EtcdServerOptions
{
    /// <summary>Enough for some millions of queues.</summary>
    public const long StoredBytesMaxDefault = 8L << 30;

    /// <summary>The largest change at a time.</summary>
    private const int RequestBytesMax = 4 << 20;

    private const int HeartbeatMs = 100;
    private const int ElectionMs = 1_000;

    /// <summary>The path of <c>etcd</c>.</summary>
    public required string Program { get; init; }

    /// <summary>Holds its data, its certificates and its log, and nothing else.</summary>
    public required string Folder { get; init; }

    /// <summary>Its name, and where the others reach it.</summary>
    public required EtcdPeer Self { get; init; }

    /// <summary>On loopback, and on the address of <see cref="Self"/> for nodes whose own member is down or that have none; with mutual TLS on both.</summary>
    public required int ClientPort { get; init; }

    /// <summary>Etcd refuses changes beyond it.</summary>
    public long StoredBytesMax { get; init; } = StoredBytesMaxDefault;

    /// <summary>All members, this one among them: those that make the cluster, or that were there when this one was added. Of no account once there are data.</summary>
    public required IReadOnlyList<EtcdPeer> InitialCluster { get; init; }

    /// <summary>They make the cluster, all with the same <see cref="InitialCluster"/>; false: this one was added to it.</summary>
    public bool IsNew { get; init; }

    /// <summary>Its data are taken for those of a cluster that has no other member, whichever others there were: for one start, after which it is started without this.</summary>
    public bool IsForced { get; init; }

    /// <summary>Differs between clusters, so that members of two that meet by mistake refuse each other.</summary>
    public required string Token { get; init; }

    /// <summary>It is a member already, or was one. A member that was removed has to lose them before it joins again.</summary>
    public bool HasData => Directory.Exists(Path.Combine(DataFolder, "member"));

    /// <summary>Where it answers.</summary>
    public Uri Endpoint => new($"https://{Loopback}");

    internal string LogFile => Path.Combine(Folder, "etcd.log");

    internal string CertificatesFolder => CertificatesIn(Folder);

    private string DataFolder => Path.Combine(Folder, "data");

    private IPEndPoint Loopback => new(IPAddress.Loopback, ClientPort);

    private IPEndPoint Reachable => new(Self.Address, ClientPort);

    /// <summary>Looks for <c>etcd</c> in the folders of PATH.</summary>
    /// <exception cref="FileNotFoundException">It is not there; the message says how to get it.</exception>
    public static string Find() => Find(Environment.GetEnvironmentVariable("PATH") ?? "");

    internal static string Find(string folders) =>
        folders.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Select(folder => Path.Combine(folder, "etcd")).FirstOrDefault(File.Exists)
        ?? throw new FileNotFoundException(
            "A cluster needs the program etcd, and it is not in the PATH. Debian and Ubuntu have it: `apt-get install etcd-server`. The package starts a server of its own, without "
            + "security, that the broker does not need: `systemctl disable --now etcd`, or `systemctl mask etcd` before it is installed. If etcd is somewhere else, name its path in the option "
            + "Cluster:EtcdProgram.");

    internal IEnumerable<string> Arguments()
    {
        var (certificate, key, authority) = ClusterCertificates.FilesIn(CertificatesFolder);
        return
        [
            "--name", Self.Name, "--data-dir", DataFolder,
            "--listen-client-urls", string.Join(',', new[] { Loopback, Reachable }.Distinct().Select(each => $"https://{each}")), "--advertise-client-urls", $"https://{Reachable}",
            "--listen-peer-urls", Self.Url, "--initial-advertise-peer-urls", Self.Url,
            "--initial-cluster", string.Join(',', InitialCluster), "--initial-cluster-token", Token, "--initial-cluster-state", IsNew ? "new" : "existing",
            "--cert-file", certificate, "--key-file", key, "--trusted-ca-file", authority, "--client-cert-auth",
            "--peer-cert-file", certificate, "--peer-key-file", key, "--peer-trusted-ca-file", authority, "--peer-client-cert-auth",
            "--auto-compaction-mode", "periodic", "--auto-compaction-retention", "1h",
            "--quota-backend-bytes", $"{StoredBytesMax}", "--max-request-bytes", $"{RequestBytesMax}",
            "--heartbeat-interval", $"{HeartbeatMs}", "--election-timeout", $"{ElectionMs}",
            // Named, or it writes to the journal when the broker is a service of systemd.
            "--logger", "zap", "--log-outputs", "stderr",
            .. IsForced ? ["--force-new-cluster"] : Array.Empty<string>(),
        ];
    }

    /// <param name="folder">As <see cref="Folder"/>.</param>
    internal static string CertificatesIn(string folder) => Path.Combine(folder, "certificates");
}
