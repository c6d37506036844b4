using System.Collections.Immutable;
using Amqp.Core.Errors;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Core.Ports;

/// <summary>
/// What the management and the command line ask of a cluster, and have it do; from any thread. A node that is alone answers as a cluster of one node would.
/// </summary>
public interface IClusterOperations
{
    /// <summary>This node is being drained: it takes no clients and no new queues. Others hear of it within a second. False after each start.</summary>
    bool IsDrained { get; set; }

    /// <summary>Makes what this node tells the others of itself (<see cref="NodeCard.Json"/>); called every few seconds, on a thread of the cluster. It must not throw.</summary>
    Func<ReadOnlyMemory<byte>> Card { set; }

    /// <summary>Makes what this node answers to what another one has asked by <see cref="Ask"/>; called on a thread of the cluster. An exception is told to the node that asked.</summary>
    Func<ReadOnlyMemory<byte>, Task<ReadOnlyMemory<byte>>> Answerer { set; }

    /// <summary>Asks every other node that runs. A node that does not answer within seconds, or has ended, holds up nothing.</summary>
    /// <param name="question">What <see cref="Answerer"/> understands there; the cluster does not look at it.</param>
    /// <returns>What each of them answered, in the order of their names.</returns>
    Task<ImmutableArray<NodeReply>> Ask(ReadOnlyMemory<byte> question, CancellationToken cancellation);

    /// <summary>Nodes that run, as far as this one knows, and that it cannot send to at this moment.</summary>
    ImmutableArray<string> Unreachable { get; }

    /// <summary>Where a queue is, as this node knows at this moment.</summary>
    QueuePlace PlaceOf(QueueDefinition queue);

    /// <summary>What the node that leads a queue said of it last, or did before it was gone. Null: it has not said anything, or this node leads the queue.</summary>
    LeaderReport? ReportOf(QueueId queue);

    /// <summary>What another node said of itself last, while it runs; null: nothing yet, or it does not run.</summary>
    NodeCard? CardOf(string node);

    /// <summary>How the cluster is, as this node sees it. Asks etcd, and gives up on that after some seconds.</summary>
    Task<ClusterHealth> Health(CancellationToken cancellation);

    /// <summary>Takes another node out of the cluster: queues that only it has are deleted.</summary>
    /// <exception cref="ClusterRefusedException">It is no member, or runs.</exception>
    /// <exception cref="OperationCanceledException">That was not done until then, as when too few nodes are there.</exception>
    Task Forget(string node, CancellationToken cancellation);

    /// <summary>Hands queues that this node leads to copies in sync on other nodes; those that have none stay. Publishers and consumers on other nodes go on.</summary>
    /// <param name="isEnding">The node is about to be stopped: <c>ha-promote-on-shutdown: always</c> lets copies lead that are not in sync, if no other is there.</param>
    /// <param name="patience">Ends it: what is not handed over by then stays.</param>
    /// <returns>How many queues still have their leader here and a copy elsewhere.</returns>
    Task<int> HandOver(bool isEnding, CancellationToken patience);

    /// <summary>Has leaders of mirrored queues spread evenly over the nodes that have copies in sync and are not drained.</summary>
    /// <param name="which">The queues that are to be looked at.</param>
    /// <param name="patience">Ends the waiting for leaders that are on their way.</param>
    /// <returns>How many leaders have moved.</returns>
    Task<int> Rebalance(Func<QueueDefinition, bool> which, CancellationToken patience);
}

/// <summary>Where a queue is.</summary>
/// <param name="Leader">The node that leads it, whether it runs or not.</param>
/// <param name="IsUp">That node runs.</param>
public sealed record QueuePlace(string Leader, bool IsUp)
{
    /// <summary>The queue has copies on other nodes, is to have some, or had.</summary>
    public bool IsMirrored { get; init; }

    /// <summary>The nodes that have a copy, or are to have one; the leader's first.</summary>
    public ImmutableArray<string> Copies { get; init; } = [Leader];

    /// <summary>Those of them whose copy has everything that was confirmed.</summary>
    public ImmutableArray<string> InSync { get; init; } = [Leader];

    /// <summary>Those of them that run.</summary>
    public ImmutableArray<string> Online { get; init; } = IsUp ? [Leader] : [];

    /// <summary>How far mirrors are, as the leader sees it.</summary>
    public MirrorProgressList Progress { get; init; } = MirrorProgressList.None;
}

/// <summary>What a node says of itself.</summary>
/// <param name="StartedAt">Second of its start, by the wall clock (Unix time).</param>
/// <param name="Json">Its entry in <c>/api/nodes</c>: a node that shows it need not understand it. UTF-8.</param>
public sealed record NodeCard(long StartedAt, bool IsDrained, ReadOnlyMemory<byte> Json);

/// <summary>What came of a question to another node.</summary>
/// <param name="Answer">Null: none came.</param>
/// <param name="Failure">Why none came; null: one did.</param>
public sealed record NodeReply(string Node, ReadOnlyMemory<byte>? Answer, string? Failure);

/// <summary>How a cluster is, as one node sees it.</summary>
/// <param name="EtcdLeader">The node whose etcd leads; null: none does, or the node is alone.</param>
/// <param name="EtcdAlarms">What etcd itself warns of, with the node: <c>NOSPACE on rabbit@one</c>.</param>
/// <param name="EtcdFailure">Why etcd does not answer; null: it does, or there is none.</param>
/// <param name="IsLeaseInDoubt">This node could not renew its lease in time: its mirrored queues stand still.</param>
public sealed record ClusterHealth(
    ImmutableArray<MemberHealth> Members, string? EtcdLeader, ImmutableArray<string> EtcdAlarms, string? EtcdFailure, bool IsLeaseInDoubt, ImmutableArray<LinkHealth> Links);

/// <param name="Epoch">Of its start; 0: it does not run.</param>
/// <param name="IsVoter">It runs a member of etcd that votes.</param>
/// <param name="Version">Of its broker, when it started last.</param>
/// <param name="Address">Where other nodes reach it; empty: it is alone.</param>
public sealed record MemberHealth(string Name, bool IsRunning, uint Epoch, bool IsVoter, string Version, string Address);

/// <param name="Lane">What goes over it: <c>control</c>, <c>replication</c>, <c>clients</c>.</param>
/// <param name="Breaker">Of its circuit breaker: <c>closed</c>; <c>open</c>: the other node did not answer a few times, and is tried less often; <c>half_open</c>.</param>
/// <param name="LastFailure">Why it is not connected; null: it never failed.</param>
public sealed record LinkHealth(string Node, string Lane, bool IsConnected, string Breaker, string? LastFailure, long WaitingBytes);
