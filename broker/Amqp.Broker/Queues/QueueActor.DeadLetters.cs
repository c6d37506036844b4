using Amqp.Broker.DeadLetters;
using Amqp.Core.DeadLetters;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Routing;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Queues;

/// <content>
/// A queue publishes its dead letters itself, on the topology of the moment. When every queue that gets one has it, the one here goes. What no queue
/// gets, or refuses, is gone, as in RabbitMQ; but with the strategy at-least-once it stays, and is tried again.
/// </content>
internal sealed partial class QueueActor
{
    /// <summary>Milliseconds after which dead letters that found no place are tried again: soon for who mends it, seldom for what stays so.</summary>
    private const int DeadLetterRetryMs = 5_000;

    /// <summary>Milliseconds from one complaint to the next.</summary>
    private const int ComplaintMs = 60_000;

    private DeadLettering? _deadLettering;
    private long _deadLetterRetryDue = long.MaxValue;
    private long _lastComplaint = -ComplaintMs;

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
            foreach (ref readonly var letter in letters.AsSpan()) Send(letter, _deadLettering);
        }
        if (_effects.DeadLetterRead is { } positions) _services.Store.Read(Definition.Id, positions, _deadLettering);
        HandOver();
        TellReport();
    }

    private void Send(in DeadLetter letter, DeadLettering own)
    {
        if (TryPublish(letter, own)) return;
        if (_state.Settings.RetriesDeadLetters) TryLater(new UnsentLetter(letter, Target: null), own);
        else _state.DeadLettered(letter.Position);
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
        if (RouteResolver.Resolve(vhost, exchange, routingKey, content.Properties, routed, own.Routes) is not null) return false;
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
        if (targets.Count > 1) own.Awaited[letter.Position] = targets.Count;
        if (settings.RetriesDeadLetters) own.Sent[letter.Position] = (letter, message);
        foreach (var target in targets) target.Post(QueueOperation.Publish(message, own.PublisherTo(target), letter.Position));
        return true;
    }

    /// <summary>A queue has these dead letters.</summary>
    private void DeadLettered(long[] positions)
    {
        foreach (var position in positions) DeadLettered(position, _deadLettering!);
    }

    /// <summary>One queue fewer has to answer for a dead letter. When none has, it leaves this one.</summary>
    private void DeadLettered(long position, DeadLettering own)
    {
        var awaited = own.Awaited.GetValueOrDefault(position) - 1;
        if (awaited > 0)
        {
            own.Awaited[position] = awaited;
            return;
        }
        own.Awaited.Remove(position);
        own.Sent.Remove(position);
        _state.DeadLettered(position);
    }

    private void DeadLetterRefused(long position, IQueueEndpoint target)
    {
        var own = _deadLettering!;
        if (own.Sent.TryGetValue(position, out var sent)) TryLater(new UnsentLetter(sent.Letter, target), own);
        else DeadLettered(position, own);
    }

    private void TryLater(in UnsentLetter unsent, DeadLettering own)
    {
        own.Unsent.Add(unsent);
        var now = Now();
        _deadLetterRetryDue = Math.Min(_deadLetterRetryDue, now + DeadLetterRetryMs);
        if (now - _lastComplaint < ComplaintMs) return;
        _lastComplaint = now;
        LogUnsent(_services.Logger, Definition.Name, Definition.Vhost, _state.Settings.DeadLetterExchange ?? "", DeadLetterRetryMs / 1000);
    }

    private void RetryDeadLetters()
    {
        _deadLetterRetryDue = long.MaxValue;
        var own = _deadLettering!;
        var unsent = own.Unsent.ToArray();
        own.Unsent.Clear();
        foreach (var (letter, target) in unsent)
        {
            // The last one that has to answer is gone: as if nothing had been sent.
            if (target is null || (target.IsDeleted && !own.Awaited.ContainsKey(letter.Position))) Send(letter, own);
            else if (!_state.Settings.RetriesDeadLetters || target.IsDeleted) DeadLettered(letter.Position, own);
            else target.Post(QueueOperation.Publish(own.Sent[letter.Position].Message, own.PublisherTo(target), letter.Position));
        }
    }

    private void DeadLettersRead(in QueueOperation read)
    {
        var positions = (long[])read.ReplyTo!;
        _messagesRead += positions.Length;
        var damaged = _state.DeadLettersRead(positions, (Message?[])read.Subject!);
        if (damaged > 0) LogDamaged(_services.Logger, damaged, Definition.Name, Definition.Vhost, positions[0], positions[^1]);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Dead letters of queue '{Name}' in vhost '{Vhost}' stay in it: the exchange '{Exchange}' leads them to no queue, or one refuses them because it is full. They are tried again every {Seconds} s; bind a queue for them, or make room in the one that they go to")]
    private static partial void LogUnsent(ILogger logger, string name, string vhost, string exchange, int seconds);
}
