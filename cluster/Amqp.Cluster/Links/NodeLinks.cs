using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using Amqp.Cluster.Security;
using Microsoft.Extensions.Logging;
using Polly.CircuitBreaker;

namespace Amqp.Cluster.Links;

/// <summary>What uses the links. Called on threads of the links, for one connection one after the other; it must neither block nor throw.</summary>
public interface ILinkUser
{
    /// <summary>This node can send to another one, or cannot any more: what was posted before and not answered may never arrive.</summary>
    /// <param name="epoch">Of the other node's start.</param>
    void Changed(string node, uint epoch, LinkLane lane, bool isConnected);

    /// <summary>Another node has connected to this one, or its connection has ended.</summary>
    void PeerChanged(string node, uint epoch, LinkLane lane, bool isConnected);

    /// <summary>Something came, in the order in which it was posted there.</summary>
    /// <param name="payload">Valid during the call.</param>
    void Received(string node, uint epoch, LinkLane lane, byte kind, ReadOnlySequence<byte> payload);

    /// <summary>
    /// The process that this node was connected to has ended: the machine is there and refuses connections to its port. Called at most once a lane for each start of a node, and
    /// not at all when the machine is gone too: that shows when the node's lease ends.
    /// </summary>
    /// <param name="epoch">Of the start that has ended.</param>
    void Gone(string node, uint epoch)
    {
    }
}

/// <summary>How the link to a node is, for operators.</summary>
/// <param name="Breaker">Open: it is tried less often.</param>
/// <param name="LastFailure">Why it is not connected; null: it never failed.</param>
public sealed record LinkStatus(string Node, LinkLane Lane, bool IsConnected, CircuitState Breaker, string? LastFailure, long WaitingBytes);

/// <summary>
/// The links of this node to the others: it connects to each of them, once a lane, and sends on those connections; what the others send comes on theirs. So two nodes that
/// see each other only in one direction know it.
/// </summary>
public sealed class NodeLinks : IAsyncDisposable
{
    private static readonly LinkLane[] Lanes = Enum.GetValues<LinkLane>();

    private readonly ConcurrentDictionary<(string Node, LinkLane Lane), OutboundLane> _lanes = new();
    private readonly string _self;
    private uint _epoch;

    /// <param name="self">The name of this node.</param>
    /// <param name="epoch">Of its start; 0: it is not known yet, and until <see cref="Begin"/> other nodes get nothing but answers.</param>
    public NodeLinks(string self, uint epoch, ClusterCertificates certificates, LinkOptions options, ILinkUser user, TimeProvider time, ILogger<NodeLinks> logger) =>
        (_self, _epoch, Certificates, Options, User, Time, Logger) = (self, epoch, certificates, options, user, time, logger);

    internal uint Epoch => Volatile.Read(ref _epoch);

    /// <summary>Answers the question of a node, which may be no member, at once; what is no question is an <see cref="InvalidDataException"/>.</summary>
    internal Func<string, ReadOnlySequence<byte>, byte[]> Answerer { get; set; } = (_, _) => throw new InvalidDataException("nothing is answered here");

    internal ClusterCertificates Certificates { get; }

    internal LinkOptions Options { get; }

    internal ILinkUser User { get; }

    internal TimeProvider Time { get; }

    internal ILogger Logger { get; }

    public IEnumerable<LinkStatus> Status => _lanes.Select(each =>
        new LinkStatus(each.Key.Node, each.Key.Lane, each.Value.IsConnected, each.Value.Breaker, each.Value.LastFailure, each.Value.WaitingBytes));

    /// <summary>Sends to a node; from any thread, without blocking.</summary>
    /// <returns>False: there is no connection, and it is not sent.</returns>
    public bool Post(string node, LinkLane lane, LinkMessage message) => _lanes.TryGetValue((node, lane), out var outbound) && outbound.Post(message);

    /// <summary>Bytes that wait to be sent to a node on a lane.</summary>
    public long WaitingBytes(string node, LinkLane lane) => _lanes.TryGetValue((node, lane), out var outbound) ? outbound.WaitingBytes : 0;

    /// <summary>The epoch of this start is known: from now on the links carry what their users post. Called once, before <see cref="Add"/>.</summary>
    public void Begin(uint epoch) => Volatile.Write(ref _epoch, epoch);

    /// <summary>Another node is there, and stays until it is removed, connected or not. Called by one thread.</summary>
    public void Add(string node, EndPoint address)
    {
        foreach (var lane in Lanes) _lanes.GetOrAdd((node, lane), key => new OutboundLane(key.Node, address, Hello(key.Lane), this));
    }

    /// <summary>The node belongs to the cluster no more, or has another address.</summary>
    public async Task Remove(string node)
    {
        foreach (var lane in Lanes)
        {
            if (_lanes.TryRemove((node, lane), out var outbound)) await outbound.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _lanes.Keys.Select(key => key.Node).Distinct().ToArray()) await Remove(node);
    }

    internal LinkHello Hello(LinkLane lane) => LinkHello.Of(_self, Epoch, lane);

    /// <summary>The node has connected to this one, so it is there: a lane that waits before its next try waits no longer.</summary>
    internal void Hurry(string node, LinkLane lane)
    {
        if (_lanes.TryGetValue((node, lane), out var outbound)) outbound.Hurry();
    }
}
