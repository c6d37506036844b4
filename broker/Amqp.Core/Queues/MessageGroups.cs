using Amqp.Core.Messages;

namespace Amqp.Core.Queues;

/// <summary>
/// Which consumer has which group of messages (<c>x-message-groups</c>). A group belongs to a consumer from its first message on until that goes; or until
/// the group is at rest, none of its messages being handed out, when another consumer comes or there are too many groups to remember.
/// Messages of a group whose consumer can take no more are set aside for it, and others pass them.
/// </summary>
internal sealed class MessageGroups
{
    /// <summary>What a group takes, about, or a message that was handed out or set aside.</summary>
    public const int EntryBytes = 96;

    /// <summary>Groups that are remembered; those at rest are forgotten when there are more, or twice as many as were not at rest then.</summary>
    private const int GroupsMax = 65_536;

    private readonly Dictionary<UInt128, Group> _groups = [];
    private readonly Dictionary<long, Group> _unsettled = [];
    private readonly Dictionary<QueueConsumer, PriorityQueue<long, (int Below, long Position)>> _setAside = [];
    private int _groupsMax = GroupsMax;

    /// <summary>Holds what is set aside.</summary>
    public MessageHolder Holder { get; } = new SetAsideHolder();

    public int SetAsideCount { get; private set; }

    public int EntryCount => _groups.Count + _unsettled.Count;

    /// <returns>Null: the message belongs to no group.</returns>
    public Group? Of(Message message)
    {
        if (HeaderKey.Of(message.Properties.Headers, HeaderKey.Group) is not { } key) return null;
        if (_groups.TryGetValue(key, out var known)) return known;
        if (_groups.Count >= _groupsMax) ForgetResting();
        var group = new Group();
        _groups.Add(key, group);
        return group;
    }

    /// <summary>A message is with its consumer until it is settled.</summary>
    public void HandedOut(long position, Group group)
    {
        group.Unsettled++;
        _unsettled.Add(position, group);
    }

    /// <summary>It is not any more.</summary>
    public void Settled(long position)
    {
        if (_unsettled.Remove(position, out var group)) group.Unsettled--;
    }

    /// <summary>A message waits for the consumer of its group, until <see cref="Settled"/>.</summary>
    public void SetAside(long position, byte priority, QueueConsumer consumer, Group group)
    {
        HandedOut(position, group);
        if (!_setAside.TryGetValue(consumer, out var positions)) _setAside.Add(consumer, positions = new());
        positions.Enqueue(position, OrderOf(position, priority));
        SetAsideCount++;
    }

    /// <summary>A message that this consumer gets before this one was set aside for it.</summary>
    public bool IsAnySetAsideBefore(long position, byte priority, QueueConsumer consumer) => SetAsideCount > 0
        && _setAside.TryGetValue(consumer, out var positions) && positions.TryPeek(out _, out var first) && first.CompareTo(OrderOf(position, priority)) < 0;

    /// <summary>Those that something is set aside for, and that are in the rotation.</summary>
    public QueueConsumer[] ConsumersAwaited() => SetAsideCount == 0 ? [] : [.. _setAside.Keys.Where(consumer => consumer.State == ConsumerState.Waiting)];

    /// <summary>The first message that was set aside for this consumer is not any more.</summary>
    public bool TryTake(QueueConsumer consumer, out long position)
    {
        position = 0;
        if (!_setAside.TryGetValue(consumer, out var positions)) return false;
        position = positions.Dequeue();
        SetAsideCount--;
        if (positions.Count == 0) _setAside.Remove(consumer);
        return true;
    }

    /// <summary>Nothing is set aside any more; the positions, in no order.</summary>
    public long[] TakeAll()
    {
        long[] all = [.. _setAside.Values.SelectMany(positions => positions.UnorderedItems.Select(item => item.Element))];
        _setAside.Clear();
        SetAsideCount = 0;
        return all;
    }

    /// <summary>Nothing is handed out or set aside, and no group is anyone's.</summary>
    public void Clear()
    {
        _groups.Clear();
        _unsettled.Clear();
        _setAside.Clear();
        SetAsideCount = 0;
    }

    /// <summary>A consumer is gone: its groups are anyone's.</summary>
    public void Forget(QueueConsumer consumer)
    {
        foreach (var group in _groups.Values)
        {
            if (group.Consumer == consumer) group.Consumer = null;
        }
    }

    /// <summary>Groups at rest are anyone's.</summary>
    public void ForgetResting()
    {
        foreach (var (key, group) in _groups)
        {
            if (group.Unsettled == 0) _groups.Remove(key);
        }
        _groupsMax = Math.Max(GroupsMax, 2 * _groups.Count);
    }

    private static (int Below, long Position) OrderOf(long position, byte priority) => (byte.MaxValue - priority, position);

    /// <summary>Messages with the same value of <c>x-group-id</c>.</summary>
    internal sealed class Group
    {
        /// <summary>The only one that gets its messages; null: who is next.</summary>
        public QueueConsumer? Consumer { get; set; }

        /// <summary>Messages that were handed out and are not settled, or set aside.</summary>
        public int Unsettled { get; set; }
    }

    private sealed class SetAsideHolder : MessageHolder;
}
