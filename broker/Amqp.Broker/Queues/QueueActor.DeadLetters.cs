using Amqp.Core.DeadLetters;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Routing;

namespace Amqp.Broker.Queues;

/// <content>
/// A queue publishes its dead letters itself, on the topology of the moment. When every queue that gets one has it, the one here goes. What no queue
/// gets, or refuses, is gone, as in RabbitMQ.
/// </content>
internal sealed partial class QueueActor
{
    private Way? _way;

    /// <summary>Publishes what can be on the way now.</summary>
    private void SendDeadLetters()
    {
        if (IsOver || !(_state.HasDeadLetters || _effects.DeadLetters.Length > 0)) return;
        _way ??= new Way(this);
        _state.SendDeadLetters();
        while (_effects.DeadLetters.Length > 0)
        {
            var letters = _effects.DeadLetters.ToArray();
            ReadDeadLetters();
            _effects.ClearDeadLetters();
            foreach (ref readonly var letter in letters.AsSpan())
            {
                if (!TryPublish(letter, _way)) _state.DeadLettered(letter.Position);
            }
            _state.SendDeadLetters();
        }
        ReadDeadLetters();
        _effects.ClearDeadLetters();
        HandOver();
        TellReport();
    }

    private void ReadDeadLetters()
    {
        foreach (var positions in _effects.DeadLetterReads) _services.Store.Read(Definition.Id, positions, _way!);
    }

    private bool TryPublish(in DeadLetter letter, Way way)
    {
        var settings = _state.Settings;
        var vhost = _services.Topology.Current.Find(Definition.Vhost);
        if (settings.DeadLetterExchange is not { } name || vhost?.FindExchange(name) is not { } exchange) return false;
        var content = Deaths.Record(letter.Message, letter.Reason, Definition.Name, (ulong)_services.Clock.WallClock.ToUnixTimeSeconds());
        var headers = content.Properties.Headers!;
        var routingKey = settings.DeadLetterRoutingKey ?? letter.Message.RoutingKey;
        // The keys of CC go with the message's own key only.
        var routed = settings.DeadLetterRoutingKey is null ? headers : headers.Without("CC");
        if (RouteResolver.Resolve(vhost, exchange, routingKey, routed, way.Routes) is not null) return false;
        var targets = way.Targets;
        targets.Clear();
        foreach (var queue in way.Routes.Queues)
        {
            if (letter.Reason != RemovalReason.Rejected && Deaths.IsCycle(headers, queue.Name)) continue;
            if (_services.Queues.TryFind(queue, out var endpoint)) targets.Add(endpoint);
        }
        if (targets.Count == 0) return false;
        var message = new Message(name, routingKey, content)
        {
            IsShared = targets.Count > 1,
            BodyId = letter.Message.IsPersistent && targets.Count(target => target.Definition.Durable) > 1 ? _services.Store.NextBodyId() : 0,
        };
        if (targets.Count > 1) way.Awaited.Add(letter.Position, targets.Count);
        foreach (var target in targets) target.Post(QueueOperation.Publish(message, way, letter.Position));
        return true;
    }

    /// <summary>Those of these dead letters that no other queue has to answer for any more leave this one.</summary>
    private void DeadLettered(long[] positions)
    {
        foreach (var position in positions)
        {
            var awaited = _way!.Awaited.GetValueOrDefault(position) - 1;
            if (awaited > 0) _way.Awaited[position] = awaited;
            else
            {
                _way.Awaited.Remove(position);
                _state.DeadLettered(position);
            }
        }
    }

    private void DeadLettersRead(in QueueOperation read)
    {
        var positions = (long[])read.ReplyTo!;
        _messagesRead += positions.Length;
        var damaged = _state.DeadLettersRead(positions, (Message?[])read.Subject!);
        if (damaged > 0) LogDamaged(_services.Logger, damaged, Definition.Name, Definition.Vhost, positions[0], positions[^1]);
    }

    /// <summary>What a queue needs to dead-letter; most never do. Queues that have taken a dead letter, or refused it, answer here, and so does the store.</summary>
    private sealed class Way(QueueActor queue) : IPublisher, IMessageReader
    {
        public RouteResult Routes { get; } = new();

        public List<IQueueEndpoint> Targets { get; } = [];

        /// <summary>How many queues have to answer yet, for those that go to several.</summary>
        public Dictionary<long, int> Awaited { get; } = [];

        public void Taken(ReadOnlySpan<long> numbers) => queue.Post(QueueOperation.DeadLettered(numbers.ToArray()));

        public void Refused(long number) => queue.Post(QueueOperation.DeadLettered([number]));

        public void Loaded(long[] positions, Message?[] messages) => queue.Post(QueueOperation.DeadLettersRead(positions, messages));
    }
}
