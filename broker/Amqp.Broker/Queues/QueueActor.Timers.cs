using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <content>What a queue does by the clock: drop messages whose time to live is over, and itself when it is not used.</content>
internal sealed partial class QueueActor
{
    private long _lastUsed;
    private long _tickDue = long.MaxValue;

    private long Now() => _services.Clock.Now;

    /// <summary>The queue was used (declared, consumed from, got from): <c>x-expires</c> begins anew.</summary>
    private void Touch(long now) => _lastUsed = now;

    /// <summary>Its time without use begins anew where that is another one now, as in RabbitMQ.</summary>
    private void Configure(QueueSettings settings, long now)
    {
        if (settings.ExpiresMs != _state.Settings.ExpiresMs) Touch(now);
        _state.Configure(settings);
    }

    private void Tick(long now)
    {
        _tickDue = long.MaxValue;
        _state.DropExpired(now);
        _state.ReleaseDue(now);
        if (now >= _deadLetterRetryDue) RetryDeadLetters(now);
        if (_state.Settings.ExpiresMs is { } expires && _state.ConsumerCount == 0 && now - _lastUsed >= expires)
            Delete(DeleteConditions.None, reply: null);
    }

    /// <summary>Sets the timer for whatever is due next, if that is earlier than what it is set for.</summary>
    private void ScheduleTick(long now)
    {
        if (IsOver || !Leads) return;
        var due = _state.NextExpiry is { } expiry ? expiry + 1 : long.MaxValue;
        if (_state.Settings.ExpiresMs is { } expires && _state.ConsumerCount == 0) due = Math.Min(due, _lastUsed + expires);
        due = Math.Min(due, Math.Min(_state.NextDue ?? long.MaxValue, _deadLetterRetryDue));
        if (due >= _tickDue) return;
        _tickDue = due;
        _timer ??= _services.Clock.CreateTimer(() => Post(QueueOperation.Tick));
        _timer.Set(due - now);
    }
}
