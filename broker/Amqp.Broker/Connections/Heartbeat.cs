using Amqp.Broker.Loops;

namespace Amqp.Broker.Connections;

/// <summary>
/// Heartbeats of one connection, both ways, looked at twice in each interval: nothing sent since the last look means that a
/// heartbeat is due, nothing received in two intervals that the client is gone. Looking costs the hot paths nothing but
/// their counters.
/// </summary>
internal sealed class Heartbeat : IDisposable
{
    private const int LooksPerInterval = 2;
    private const int SilentIntervalsMax = 2;

    private readonly AmqpConnection _connection;
    private readonly int _seconds;
    private readonly LoopTimer _timer;
    private long _received;
    private long _sent;
    private int _silentLooks;
    private bool _heartbeatPosted;

    public Heartbeat(AmqpConnection connection, int seconds)
    {
        _connection = connection;
        _seconds = seconds;
        _timer = connection.Services.Clock.CreateTimer(() => connection.Loop.Post(Look));
        SetTimer();
    }

    public void Dispose() => _timer.Dispose();

    private void SetTimer() => _timer.Set(_seconds * 1000L / LooksPerInterval);

    private void Look()
    {
        var sent = _connection.Output.BytesWritten;
        // One that is not written yet, because the client does not read, is enough.
        if (sent != _sent) _heartbeatPosted = false;
        else if (!_heartbeatPosted)
        {
            _heartbeatPosted = true;
            _connection.Output.Post(OutboundItem.Heartbeat);
        }
        _sent = sent;

        // While the broker itself does not read, silence says nothing about the client.
        var silent = _connection.BytesReceived == _received && !_connection.IsPaused;
        _received = _connection.BytesReceived;
        _silentLooks = silent ? _silentLooks + 1 : 0;
        if (_silentLooks > SilentIntervalsMax * LooksPerInterval) _connection.HeartbeatsMissed(_seconds);
        else SetTimer();
    }
}
