using System.Buffers;
using Amqp.Cluster.Links;
using Amqp.Core.Ports;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Forwarding;

/// <summary>
/// Queues of other nodes for the users of this one, and queues of this node for users of others: both sides of it, on the lane of the clients.
/// </summary>
public sealed class Forwarder : ILinkUser, IDisposable
{
    /// <summary>Frames of an edge for the node that leads its queues.</summary>
    internal const byte ToLeader = LinkFrame.FirstOfUsers;

    /// <summary>Frames of that node for the edge.</summary>
    internal const byte ToEdge = LinkFrame.FirstOfUsers + 1;

    private readonly long _startedAt;
    private NodeLinks? _links;

    public Forwarder(IClusterView view, ForwardingOptions options, TimeProvider time, ILogger<Forwarder> logger)
    {
        (View, Options, Time, Logger) = (view, options, time, logger);
        _startedAt = time.GetTimestamp();
        (Remote, Served) = (new RemoteQueues(this), new ServedQueues(this));
    }

    /// <summary>For the broker node, when it is made.</summary>
    public RemoteQueues Remote { get; }

    /// <summary>Is given the broker node's queues.</summary>
    public ServedQueues Served { get; }

    internal IClusterView View { get; }

    internal ForwardingOptions Options { get; }

    internal TimeProvider Time { get; }

    internal ILogger Logger { get; }

    /// <summary>Milliseconds since it was made.</summary>
    internal long Now => (long)Time.GetElapsedTime(_startedAt).TotalMilliseconds;

    /// <summary>Where what other nodes get is sent; before the links are connected to any node.</summary>
    public void Connect(NodeLinks links) => Volatile.Write(ref _links, links);

    /// <inheritdoc/>
    public void Changed(string node, uint epoch, LinkLane lane, bool isConnected)
    {
        if (lane != LinkLane.Clients) return;
        Remote.LeaderOf(node).Changed(isConnected ? EdgeMailKind.CanSend : EdgeMailKind.CannotSend);
        Served.EdgeOf(node).Changed(isConnected ? ServedMailKind.CanSend : ServedMailKind.CannotSend);
    }

    /// <inheritdoc/>
    public void PeerChanged(string node, uint epoch, LinkLane lane, bool isConnected)
    {
        if (lane != LinkLane.Clients) return;
        Remote.LeaderOf(node).Changed(isConnected ? EdgeMailKind.CanHear : EdgeMailKind.CannotHear);
        Served.EdgeOf(node).Changed(isConnected ? ServedMailKind.CanHear : ServedMailKind.CannotHear);
    }

    /// <inheritdoc/>
    public void Received(string node, uint epoch, LinkLane lane, byte kind, ReadOnlySequence<byte> payload)
    {
        if (lane != LinkLane.Clients) return;
        if (kind == ToLeader) Served.EdgeOf(node).Received(epoch, payload);
        else if (kind == ToEdge) Remote.LeaderOf(node).Received(payload);
    }

    /// <summary>The node ends: what is under way is refused, and what users of other nodes have returns to its queues.</summary>
    public void Dispose()
    {
        Remote.Stop();
        Served.Stop();
    }

    /// <returns>False: it is not sent, and the links tell why.</returns>
    internal bool Post(string node, LinesMessage message) => Volatile.Read(ref _links)?.Post(node, LinkLane.Clients, message) ?? false;
}
