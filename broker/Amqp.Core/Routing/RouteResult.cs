using Amqp.Core.Topology;

namespace Amqp.Core.Routing;

/// <summary>
/// Where one message goes. The caller keeps one and hands it in again and again, so that routing allocates nothing; what it
/// holds is valid until the next message. Not thread-safe.
/// </summary>
public sealed class RouteResult
{
    /// <summary>Up to so many queues a look through the list is quicker than a set.</summary>
    private const int FewQueues = 16;

    /// <summary>Room for more queues is given up with the next message.</summary>
    private const int RoomKept = 4096;

    private HashSet<QueueId> _added = [];

    /// <summary>The queues, each once.</summary>
    public List<QueueDefinition> Queues { get; } = [];

    /// <summary>Routing keys of the default exchange that name no queue but a waiting direct reply-to consumer.</summary>
    public List<string> DirectReplies { get; } = [];

    /// <summary>Routing keys of the default exchange that name no queue. A transaction asks for them again when it is committed.</summary>
    public List<string> Absent { get; } = [];

    /// <summary>
    /// Whether the same exchange and routing key always give the same, whatever the headers, for as long as each of the
    /// <see cref="Exchanges"/> stays as it is and, of the default exchange, the routing key names the same queue or none. False if a
    /// headers exchange was asked, or one that keeps messages, if the message has CC or BCC keys, for direct replies, if an alternate exchange is not
    /// there, and if another exchange led to the default exchange.
    /// </summary>
    public bool Cacheable { get; internal set; }

    /// <summary>The exchanges that were asked. Few: a list is quicker than a set.</summary>
    public List<Exchange> Exchanges { get; } = [];

    internal RouteMatches Matches { get; } = new();

    /// <summary>The routing key and those of CC and BCC, if there are any.</summary>
    internal List<string> Keys { get; } = [];

    /// <summary>Exchanges still to be asked.</summary>
    internal Stack<Exchange> Pending { get; } = new();

    internal void Clear()
    {
        Queues.Clear();
        DirectReplies.Clear();
        Cacheable = true;
        Matches.Destinations.Clear();
        Keys.Clear();
        Pending.Clear();
        Exchanges.Clear();
        Absent.Clear();
        if (_added.Count > 0) _added.Clear();
        if (Queues.Capacity > RoomKept) LetGoOfRoom();
    }

    private void LetGoOfRoom()
    {
        Queues.Capacity = 0;
        Matches.Destinations.Capacity = 0;
        _added = [];
    }

    internal void Add(QueueDefinition queue)
    {
        if (Queues.Count < FewQueues)
        {
            if (!Queues.Contains(queue)) Queues.Add(queue);
            return;
        }
        if (_added.Count == 0)
        {
            foreach (var added in Queues) _added.Add(added.Id);
        }
        if (_added.Add(queue.Id)) Queues.Add(queue);
    }
}
