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
    private DeadLettering? _deadLettering;

    /// <summary>Publishes what can be in transit now.</summary>
    private void SendDeadLetters()
    {
        if (IsOver || !(_state.HasDeadLetters || _effects.DeadLetters.Length > 0)) return;
        _deadLettering ??= new DeadLettering(this);
        // Those that no queue gets make room for others at once.
        for (_state.SendDeadLetters(); _effects.DeadLetters.Length > 0; _state.SendDeadLetters())
        {
            var letters = _effects.DeadLetters.ToArray();
            _effects.ClearDeadLetters();
            foreach (ref readonly var letter in letters.AsSpan())
            {
                if (!TryPublish(letter, _deadLettering)) _state.DeadLettered(letter.Position);
            }
        }
        if (_effects.DeadLetterRead is { } positions) _services.Store.Read(Definition.Id, positions, _deadLettering);
        HandOver();
        TellReport();
    }

    private bool TryPublish(in DeadLetter letter, DeadLettering own)
    {
        var settings = _state.Settings;
        var vhost = _services.Topology.Current.Find(Definition.Vhost);
        if (settings.DeadLetterExchange is not { } name || vhost?.FindExchange(name) is not { } exchange) return false;
        var content = Deaths.Record(letter.Message, letter.Reason, Definition.Name, (ulong)_services.Clock.WallClock.ToUnixTimeSeconds());
        var headers = content.Properties.Headers!;
        var routingKey = settings.DeadLetterRoutingKey ?? letter.Message.RoutingKey;
        // The keys of CC go with the message's own key only.
        var routed = settings.DeadLetterRoutingKey is null ? headers : headers.Without("CC");
        if (RouteResolver.Resolve(vhost, exchange, routingKey, routed, own.Routes) is not null) return false;
        var targets = own.Targets;
        targets.Clear();
        foreach (var queue in own.Routes.Queues)
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
        if (targets.Count > 1) own.Awaited.Add(letter.Position, targets.Count);
        foreach (var target in targets) target.Post(QueueOperation.Publish(message, own, letter.Position));
        return true;
    }

    /// <summary>Those of these dead letters that no other queue has to answer for any more leave this one.</summary>
    private void DeadLettered(long[] positions)
    {
        foreach (var position in positions)
        {
            var awaited = _deadLettering!.Awaited.GetValueOrDefault(position) - 1;
            if (awaited > 0) _deadLettering.Awaited[position] = awaited;
            else
            {
                _deadLettering.Awaited.Remove(position);
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
    private sealed class DeadLettering(QueueActor queue) : IPublisher, IMessageReader
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
