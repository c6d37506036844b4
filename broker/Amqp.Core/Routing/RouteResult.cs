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

    private readonly HashSet<QueueId> _added = [];

    /// <summary>The queues, each once.</summary>
    public List<QueueDefinition> Queues { get; } = [];

    /// <summary>Routing keys of the default exchange that name no queue but a waiting direct reply-to consumer.</summary>
    public List<string> DirectReplies { get; } = [];

    /// <summary>Whether the same exchange, routing key and topology version will always give the same, whatever the headers:
    /// false if a headers exchange was asked, if the message has CC or BCC keys, or for direct replies.</summary>
    public bool Cacheable { get; internal set; }

    internal RouteMatches Matches { get; } = new();

    /// <summary>The routing key and those of CC and BCC, if there are any.</summary>
    internal List<string> Keys { get; } = [];

    /// <summary>Exchanges still to be asked.</summary>
    internal Stack<Exchange> Pending { get; } = new();

    /// <summary>Exchanges that have been or will be asked. Few: a list is quicker than a set.</summary>
    internal List<string> Seen { get; } = [];

    internal void Clear()
    {
        Queues.Clear();
        DirectReplies.Clear();
        Cacheable = true;
        Matches.Destinations.Clear();
        Keys.Clear();
        Pending.Clear();
        Seen.Clear();
        if (_added.Count > 0) _added.Clear();
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
