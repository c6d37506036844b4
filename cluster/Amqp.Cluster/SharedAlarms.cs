using System.Buffers;
using System.Collections.Concurrent;
using Amqp.Cluster.Links;
using Amqp.Core.Ports;

namespace Amqp.Cluster;

/// <summary>
/// What nodes run short of, told to each other: a node that is short of memory or disk blocks the publishers of all, since a message for one of its queues may come in anywhere. A node
/// tells every other one when that changes, and when a link to it comes.
/// </summary>
internal sealed class SharedAlarms(NodeLinks links)
{
    public const byte KindOfFrame = LinkFrame.FirstOfUsers + 34;

    private readonly ConcurrentDictionary<string, Shortages> _others = new();
    private INodeAlarms? _alarms;

    /// <summary>The broker runs.</summary>
    /// <param name="nodes">The others that there are.</param>
    public void Serve(INodeAlarms alarms, Func<IEnumerable<string>> nodes)
    {
        _alarms = alarms;
        alarms.OwnChanged = () =>
        {
            foreach (var node in nodes()) Tell(node);
        };
        foreach (var node in nodes()) Tell(node);
        Sum();
    }

    /// <summary>A link to a node is there, or it has changed here.</summary>
    public void Tell(string node)
    {
        if (_alarms is { } alarms) links.Post(node, LinkLane.Control, new AlarmsFrame(alarms));
    }

    public void Received(string node, ReadOnlySequence<byte> payload)
    {
        if (payload.IsEmpty) return;
        _others[node] = (Shortages)payload.FirstSpan[0];
        Sum();
    }

    /// <summary>The node does not run any more.</summary>
    public void Ended(string node)
    {
        if (_others.TryRemove(node, out _)) Sum();
    }

    private void Sum() => _alarms?.SetElsewhere(_others.Values.Aggregate(Shortages.None, (all, each) => all | each));

    /// <summary>One byte: the flags, as they are when it is sent.</summary>
    private sealed class AlarmsFrame(INodeAlarms alarms) : LinkMessage(KindOfFrame)
    {
        public override long Bytes => 64;

        public override void Write(IBufferWriter<byte> payload)
        {
            payload.GetSpan(1)[0] = (byte)alarms.Own;
            payload.Advance(1);
        }
    }
}
