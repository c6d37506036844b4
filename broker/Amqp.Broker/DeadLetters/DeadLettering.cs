using Amqp.Broker.Queues;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Routing;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.DeadLetters;

/// <summary>A dead letter that has to be sent again.</summary>
/// <param name="Target">The queue that refused it; null: no queue got it.</param>
internal readonly record struct UnsentLetter(DeadLetter Letter, IQueueEndpoint? Target);

/// <summary>A letter as it is published.</summary>
internal readonly record struct RoutedLetter(string Exchange, string RoutingKey, Content Content, long ExpirationMs);

/// <summary>What a queue needs to dead-letter; most never do. All of it is about dead letters in transit, which are bounded.</summary>
/// <param name="queue">The queue that they leave.</param>
internal sealed class DeadLettering(IQueueEndpoint queue) : IMessageReader
{
    private const int PublishersKeptMin = 16;

    private readonly Dictionary<IQueueEndpoint, Publisher> _publishers = [];
    private int _publishersKept = PublishersKeptMin;

    public RouteResult Routes { get; } = new();

    /// <summary>Queues that the letter goes to which was routed last.</summary>
    public List<IQueueEndpoint> Targets { get; } = [];

    /// <summary>How many queues have to answer yet, for those that go to several.</summary>
    public Dictionary<long, int> Awaited { get; } = [];

    /// <summary>Those that are sent again if they are refused, and as what they were published.</summary>
    public Dictionary<long, (DeadLetter Letter, Message Message)> Sent { get; } = [];

    public List<UnsentLetter> Unsent { get; } = [];

    /// <summary>Another node leads the queue, and sends them again.</summary>
    public void GiveUp()
    {
        Awaited.Clear();
        Sent.Clear();
        Unsent.Clear();
    }

    /// <summary>The queues that a letter was routed to are its targets.</summary>
    /// <param name="isLeftOut">This one is not.</param>
    public void FindTargets(QueueDirectory queues, Func<QueueDefinition, bool> isLeftOut)
    {
        Targets.Clear();
        foreach (var definition in Routes.Queues)
        {
            if (!isLeftOut(definition) && queues.TryFind(definition, out var target)) Targets.Add(target);
        }
    }

    /// <summary>To it a queue answers that gets dead letters.</summary>
    public IPublisher PublisherTo(IQueueEndpoint target)
    {
        if (_publishers.TryGetValue(target, out var publisher)) return publisher;
        if (_publishers.Count >= _publishersKept)
        {
            foreach (var known in _publishers.Keys.Where(known => known.IsDeleted).ToArray()) _publishers.Remove(known);
            _publishersKept = Math.Max(PublishersKeptMin, 2 * _publishers.Count);
        }
        publisher = new Publisher(queue, target);
        _publishers.Add(target, publisher);
        return publisher;
    }

    public void Loaded(long[] positions, Message?[] messages) => queue.Post(QueueOperation.DeadLettersRead(positions, messages));

    private sealed class Publisher(IQueueEndpoint source, IQueueEndpoint target) : IPublisher
    {
        public void Taken(ReadOnlySpan<long> numbers) => source.Post(QueueOperation.DeadLettered(numbers.ToArray()));

        public void Refused(long number) => source.Post(QueueOperation.DeadLetterRefused(number, target));
    }
}
