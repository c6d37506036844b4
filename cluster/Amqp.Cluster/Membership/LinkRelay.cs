using System.Buffers;
using Amqp.Cluster.Links;

namespace Amqp.Cluster.Membership;

/// <summary>
/// Between the links, which are there from the beginning, and what uses them, which comes later: until the epoch of this start is known there is nothing to tell. The view of the cluster is told
/// first, so that it shows what the user hears of.
/// </summary>
internal sealed class LinkRelay : ILinkUser
{
    private ILinkUser? _user;
    private ClusterView? _view;

    /// <summary>Called once, before the links begin.</summary>
    public void Use(ILinkUser user, ClusterView view)
    {
        _view = view;
        Volatile.Write(ref _user, user);
    }

    public void Changed(string node, uint epoch, LinkLane lane, bool isConnected)
    {
        _view?.LinkChanged(node, epoch, lane, isConnected);
        Volatile.Read(ref _user)?.Changed(node, epoch, lane, isConnected);
    }

    // That it has connected to this node does not say that it is still there: such a connection may have waited to be accepted.
    public void PeerChanged(string node, uint epoch, LinkLane lane, bool isConnected) => Volatile.Read(ref _user)?.PeerChanged(node, epoch, lane, isConnected);

    public void Received(string node, uint epoch, LinkLane lane, byte kind, ReadOnlySequence<byte> payload) => Volatile.Read(ref _user)?.Received(node, epoch, lane, kind, payload);

    public void Gone(string node, uint epoch)
    {
        _view?.Gone(node, epoch);
        Volatile.Read(ref _user)?.Gone(node, epoch);
    }
}
