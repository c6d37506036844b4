using System.Collections.Immutable;
using System.Net;
using Amqp.Broker;
using Microsoft.Extensions.Logging;

namespace Amqp.Management;

/// <summary>What the management asks of the process around a node.</summary>
public interface INodeHost
{
    /// <summary>Who the node says it is, also while it is stopped.</summary>
    NodeIdentity Identity { get; }

    /// <summary>The node as of its last start. There is none between <see cref="StopApp"/> and <see cref="StartApp"/>: see <see cref="Enter"/>.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    BrokerNode Node { get; }

    /// <summary>Full path of the directory that holds everything the node keeps.</summary>
    string DataDirectory { get; }

    /// <summary>What keeps the messages: <c>journal</c> or <c>litedb</c>.</summary>
    string StoreEngine { get; }

    /// <summary>The files that options were read from, full paths.</summary>
    ImmutableArray<string> ConfigFiles { get; }

    /// <summary>So many clients are served at a time.</summary>
    int ConnectionsMax { get; }

    /// <summary>The sockets that clients can connect to at this moment, and the one that other nodes of a cluster connect to.</summary>
    ImmutableArray<ListenerInfo> Listeners { get; }

    /// <summary>The node serves; it may be drained. False between <see cref="StopApp"/> and <see cref="StartApp"/>.</summary>
    bool IsRunning { get; }

    /// <summary>Clients cannot connect until <see cref="Revive"/>.</summary>
    bool IsDrained { get; }

    /// <summary>There is a <see cref="Node"/> until what is returned is disposed of: <see cref="StopApp"/> waits for that.</summary>
    /// <returns>Null: the node is stopped.</returns>
    IDisposable? Enter();

    /// <summary>Closes all connections and listeners, and ends the node: what is durable is in the data directory, and the rest is gone,
    /// as in a restart. Nothing happens when that is so already.</summary>
    Task StopApp();

    /// <summary>Starts the node from the data directory, and listens on the ports that were configured. Nothing happens when that is so
    /// already.</summary>
    /// <exception cref="IOException">A port cannot be listened on, or the data directory cannot be used; the node stays stopped.</exception>
    Task StartApp();

    /// <summary>What is logged, until the next start.</summary>
    void SetLogLevel(LogLevel level);

    /// <summary>The last lines of the log behind that one; a thousand are kept.</summary>
    /// <param name="number">0: of all of them.</param>
    LogPart LogAfter(long number, int count);

    /// <summary>Every option of the node and its value, as they were read; <c>***</c> for what is secret. By name, such as <c>Limits:FrameBytes</c>.</summary>
    IReadOnlyDictionary<string, string> Settings { get; }

    /// <summary>Ends the process in order, soon after this has returned.</summary>
    void EndProcess();

    /// <summary>For maintenance: closes all connections and listeners, has other nodes lead the queues that they can lead, and takes no new queues. The node goes on serving the others.
    /// Nothing happens when that is so already. It is over with the next start.</summary>
    Task Drain();

    /// <summary>Ends that.</summary>
    /// <exception cref="IOException">A port cannot be listened on; the node stays without clients, and this can be tried again after it was drained again.</exception>
    Task Revive();

    /// <summary>Takes a stopped node out of its cluster, and deletes all that it keeps.</summary>
    /// <param name="isForced">The other nodes are not asked.</param>
    /// <exception cref="Core.Errors.ClusterRefusedException">It runs, or cannot leave its cluster.</exception>
    Task Reset(bool isForced);

    /// <summary>Does that to a stopped node, and has it join the cluster of another node when it is started.</summary>
    /// <returns>False: it is a member of that cluster already, and nothing happens.</returns>
    /// <exception cref="Core.Errors.ClusterRefusedException">It runs, or cannot join that cluster.</exception>
    Task<bool> JoinCluster(string node);

    /// <summary>Another node of its cluster is gone for good, and so many with it that no majority is left; this one is stopped. When all of them are given up it goes on alone with its next start.</summary>
    /// <returns>Those that have to be given up, too.</returns>
    /// <exception cref="Core.Errors.ClusterRefusedException">This node runs, or the other one; or it is not in the cluster.</exception>
    Task<IReadOnlyList<string>> GiveUp(string node);
}

/// <param name="Lines">The oldest first.</param>
/// <param name="Last">Number of the last one.</param>
public sealed record LogPart(ImmutableArray<string> Lines, long Last);

/// <param name="Protocol">RabbitMQ's word: <c>amqp</c>, <c>amqp/ssl</c>, <c>clustering</c>, <c>http</c>, <c>https</c>, <c>http/prometheus</c>, <c>https/prometheus</c>.</param>
public sealed record ListenerInfo(string Protocol, IPEndPoint EndPoint)
{
    /// <summary>Of the socket for other nodes.</summary>
    public const string Clustering = "clustering";

    /// <summary>The certificates that it uses at this moment; none without TLS.</summary>
    public Func<ImmutableArray<CertificateInfo>> Certificates { get; init; } = static () => [];
}

/// <param name="File">Where it is from.</param>
/// <param name="IsAuthority">Clients' certificates are checked by it; otherwise it is what clients are shown.</param>
public sealed record CertificateInfo(string File, DateTimeOffset ExpiresAt, bool IsAuthority);
