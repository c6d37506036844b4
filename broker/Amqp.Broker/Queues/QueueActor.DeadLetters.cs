using Amqp.Broker.DeadLetters;
using Amqp.Core.DeadLetters;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Routing;
using Amqp.Core.Topology;
using AMQP.Net;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Queues;

/// <content>
/// A queue publishes its dead letters itself, on the topology of the moment. When every queue that gets one has it, the one here goes. What no queue
/// gets, or refuses, is gone, as in RabbitMQ; but with the strategy at-least-once it stays, and is tried again.
/// <para>What an exchange has kept back goes the same way, unchanged, and to that exchange. What a queue refuses of it stays, too.</para>
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
        var now = Now();
        // Those that no queue gets make room for others at once.
        for (_state.SendDeadLetters(now); _effects.DeadLetters.Length > 0; _state.SendDeadLetters(now))
        {
            var letters = _effects.DeadLetters.ToArray();
            _effects.ClearDeadLetters();
            foreach (ref readonly var letter in letters.AsSpan()) Send(letter, _deadLettering, now);
        }
        if (_effects.DeadLetterRead is { } positions) _services.Store.Read(Definition.Id, positions, _deadLettering);
        HandOver();
        TellReport();
    }

    private void Send(in DeadLetter letter, DeadLettering own, long now)
    {
        if (TryPublish(letter, own)) return;
        if (_state.Settings.RetriesDeadLetters) TryLater(new UnsentLetter(letter, Target: null), own);
        else _state.DeadLettered(letter.Position, now);
    }

    private bool TryPublish(in DeadLetter letter, DeadLettering own)
    {
        if (_services.Topology.Current.Find(Definition.Vhost) is not { } vhost) return false;
        if ((Definition.Exchange is null ? RouteDeadLetter(letter, vhost, own) : RouteKept(letter.Message, vhost, own)) is not { } routed) return false;
        var targets = own.Targets;
        if (targets.Count == 0) return false;
        var message = new Message(routed.Exchange, routed.RoutingKey, routed.Content)
        {
            ExpirationMs = routed.ExpirationMs,
            IsShared = targets.Count > 1,
            BodyId = letter.Message.IsPersistent && targets.Count(target => target.Definition.Durable) > 1 ? _services.Store.NextBodyId() : 0,
        };
        if (targets.Count > 1) own.Awaited[letter.Position] = targets.Count;
        if (_state.Settings.RetriesRefused) own.Sent[letter.Position] = (letter, message);
        foreach (var target in targets) target.Post(QueueOperation.Publish(message, own.PublisherTo(target), letter.Position));
        return true;
    }

    private RoutedLetter? RouteDeadLetter(in DeadLetter letter, VirtualHost vhost, DeadLettering own)
    {
        var settings = _state.Settings;
        if (settings.DeadLetterExchange is not { } name || vhost.FindExchange(name) is not { } exchange) return null;
        var content = Deaths.Record(letter.Message, letter.Reason, Definition.Name, (ulong)_services.Clock.WallClock.ToUnixTimeSeconds());
        var headers = content.Properties.Headers!;
        var routingKey = settings.DeadLetterRoutingKey ?? letter.Message.RoutingKey;
        // The keys of CC go with the message's own key only.
        var routed = settings.DeadLetterRoutingKey is null ? headers : headers.Without("CC");
        if (RouteResolver.Resolve(vhost, exchange, routingKey, content.Properties, routed, own.Routes) is not null) return null;
        var mayEndCycles = letter.Reason != RemovalReason.Rejected;
        own.FindTargets(_services.Queues, queue => mayEndCycles && queue.Exchange is null && Deaths.IsCycle(headers, queue.Name));
        return new RoutedLetter(name, routingKey, content, ExpirationMs: -1);
    }

    /// <summary>A message that its exchange has kept back is routed as if it came only now.</summary>
    private RoutedLetter? RouteKept(Message message, VirtualHost vhost, DeadLettering own)
    {
        if (vhost.FindExchange(Definition.Exchange!) is not { } exchange) return null;
        var properties = MutableProperties.From(message.Properties);
        properties.Headers = Definition.Settings.Role == QueueRole.Delays ? Delay.Done(properties.Headers!) : properties.Headers;
        if (RouteResolver.Resolve(vhost, exchange, message.RoutingKey, message.Properties, properties.Headers, own.Routes, isPassed: true) is not null) return null;
        own.FindTargets(_services.Queues, _ => false);
        // The keys of BCC are for routing alone.
        properties.Headers = properties.Headers!.Without("BCC");
        return new RoutedLetter(message.Exchange, message.RoutingKey, message.Content.With(properties), message.ExpirationMs);
    }

    /// <summary>A queue has these dead letters.</summary>
    private void DeadLettered(long[] positions, long now)
    {
        foreach (var position in positions) DeadLettered(position, _deadLettering!, now);
    }

    /// <summary>One queue fewer has to answer for a dead letter. When none has, it leaves this one.</summary>
    private void DeadLettered(long position, DeadLettering own, long now)
    {
        var awaited = own.Awaited.GetValueOrDefault(position) - 1;
        if (awaited > 0)
        {
            own.Awaited[position] = awaited;
            return;
        }
        own.Awaited.Remove(position);
        own.Sent.Remove(position);
        _state.DeadLettered(position, now);
    }

    private void DeadLetterRefused(long position, IQueueEndpoint target, long now)
    {
        var own = _deadLettering!;
        if (own.Sent.TryGetValue(position, out var sent)) TryLater(new UnsentLetter(sent.Letter, target), own);
        else DeadLettered(position, own, now);
    }

    private void TryLater(in UnsentLetter unsent, DeadLettering own)
    {
        own.Unsent.Add(unsent);
        var now = Now();
        _deadLetterRetryDue = Math.Min(_deadLetterRetryDue, now + DeadLetterRetryMs);
        if (now - _lastComplaint < ComplaintMs) return;
        _lastComplaint = now;
        if (Definition.Exchange is { } exchange) LogRefused(_services.Logger, exchange, Definition.Vhost, unsent.Target?.Definition.Name ?? "", DeadLetterRetryMs / 1000);
        else LogUnsent(_services.Logger, Definition.Name, Definition.Vhost, _state.Settings.DeadLetterExchange ?? "", DeadLetterRetryMs / 1000);
    }

    private void RetryDeadLetters(long now)
    {
        _deadLetterRetryDue = long.MaxValue;
        var own = _deadLettering!;
        var unsent = own.Unsent.ToArray();
        own.Unsent.Clear();
        foreach (var (letter, target) in unsent)
        {
            // The last one that has to answer is gone: as if nothing had been sent.
            if (target is null || (target.IsDeleted && !own.Awaited.ContainsKey(letter.Position))) Send(letter, own, now);
            else if (!_state.Settings.RetriesRefused || target.IsDeleted) DeadLettered(letter.Position, own, now);
            else target.Post(QueueOperation.Publish(own.Sent[letter.Position].Message, own.PublisherTo(target), letter.Position));
        }
    }

    private void DeadLettersRead(in QueueOperation read, long now)
    {
        var positions = (long[])read.ReplyTo!;
        _messagesRead += positions.Length;
        var damaged = _state.DeadLettersRead(positions, (Message?[])read.Subject!, now);
        if (damaged > 0) LogDamaged(_services.Logger, damaged, Definition.Name, Definition.Vhost, positions[0], positions[^1]);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Messages that exchange '{Exchange}' in vhost '{Vhost}' has kept back and would route now stay in it, because queue '{Queue}' is full and refuses them (x-overflow). They are tried again every {Seconds} s, and when many wait so, others of the exchange wait behind them; make room in the queue")]
    private static partial void LogRefused(ILogger logger, string exchange, string vhost, string queue, int seconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Dead letters of queue '{Name}' in vhost '{Vhost}' stay in it: the exchange '{Exchange}' leads them to no queue, or one refuses them because it is full. They are tried again every {Seconds} s; bind a queue for them, or make room in the one that they go to")]
    private static partial void LogUnsent(ILogger logger, string name, string vhost, string exchange, int seconds);
}
