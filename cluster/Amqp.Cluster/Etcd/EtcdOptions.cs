using System.Security.Cryptography.X509Certificates;

namespace Amqp.Cluster.Etcd;

/// <summary>Where etcd is, and how this node is known there. Times are milliseconds.</summary>
public sealed record EtcdOptions
{
    /// <summary>Addresses of its members for clients, <c>http://127.0.0.1:2379</c>; one is used at a time, the next when that fails.</summary>
    public required IReadOnlyList<Uri> Endpoints { get; init; }

    /// <summary>What this cluster keeps there begins with it, so that others may use the same etcd.</summary>
    public string Prefix { get; init; } = "/amqp/";

    /// <summary>Shown to etcd, if it asks for certificates.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>Certificates by which etcd's own is known; null: those of the system.</summary>
    public X509Certificate2Collection? Authorities { get; init; }

    /// <summary>A call that takes longer has failed; nothing says whether it happened.</summary>
    public int CallMs { get; init; } = 2_000;

    /// <summary>A commit that is not decided by then is answered as unknown: clients that declare wait so long for an etcd that has lost its majority.</summary>
    public int CommitMs { get; init; } = 10_000;

    /// <summary>A watch that says nothing for so long, though it is asked every second, goes on at another member.</summary>
    public int WatchSilenceMs { get; init; } = 3_000;
}
