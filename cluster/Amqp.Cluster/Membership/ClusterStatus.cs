using System.Collections.Immutable;
using System.Net;
using Amqp.Cluster.Links;

namespace Amqp.Cluster.Membership;

/// <summary>How the cluster is, as one node sees it: what <c>cluster_status</c> shows.</summary>
/// <param name="Leader">The node whose etcd leads; null: none does, or it is external and has other names.</param>
/// <param name="Alarms">Of etcd: <c>NOSPACE</c> and <c>CORRUPT</c>, with the node.</param>
/// <param name="EtcdFailure">Why etcd does not answer; null: it does.</param>
public sealed record ClusterStatus(
    ImmutableArray<ClusterMemberStatus> Members, string? Leader, ImmutableArray<EtcdAlarm> Alarms, string? EtcdFailure, bool IsLeaseInDoubt, ImmutableArray<LinkStatus> Links);

/// <summary>A member of the cluster.</summary>
/// <param name="Epoch">Of its start; 0: it does not run.</param>
/// <param name="IsVoter">It runs a member of etcd that votes.</param>
/// <param name="Version">Of its broker, when it started last.</param>
/// <param name="Address">Of its links.</param>
public sealed record ClusterMemberStatus(string Name, bool IsRunning, uint Epoch, bool IsVoter, string Version, IPEndPoint Address);

/// <summary>An alarm of etcd.</summary>
/// <param name="Node">Whose member raised it.</param>
/// <param name="Kind"><c>NOSPACE</c> or <c>CORRUPT</c>.</param>
public readonly record struct EtcdAlarm(string Node, string Kind);
