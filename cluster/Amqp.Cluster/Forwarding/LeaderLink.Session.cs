using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Forwarding;

/// <content>
/// The session with the leader. It can begin when both can send to each other, and ends when one of them cannot.
/// <code>
///         both directions            Begun
///   none ----------------> beginning -----> running
///     ^                        |               |
///     +------------------------+---------------+    a direction breaks, the leader says Lost, or a frame cannot be read
/// </code>
/// For a while without one, operations wait and consumers keep their place. Then, or at once when the leader does not run, they are refused and cancelled.
/// </content>
internal sealed partial class LeaderLink
{
    private readonly List<(RemoteQueue Queue, QueueOperation Operation)> _waiting = [];
    private SessionState _state;
    private long _session;
    private bool _canSend;
    private int _heard;
    private bool _isDown;
    private bool _isStopped;
    private ITimer? _timer;
    private bool _isTicking;
    private long _beganAt = long.MinValue / 2;
    private long _patientUntil = long.MinValue;

    private enum SessionState
    {
        None,
        Beginning,
        Running,
    }

    private bool CanBegin => _canSend && _heard > 0 && !_isStopped;

    /// <summary>There will hardly be a session soon.</summary>
    private bool IsHopeless
    {
        get
        {
            if (CanBegin) return false;
            foreach (var node in _forwarder.View.Nodes)
            {
                if (node.Name == Node) return !node.IsRunning;
            }
            return true;
        }
    }

    /// <summary>Without a session an operation may wait for one.</summary>
    private bool MayWait()
    {
        Watch();
        if (!_isDown && (_isStopped || IsHopeless)) GiveUp();
        return !_isDown;
    }

    /// <summary>While there is no session the clock is looked at.</summary>
    private void Watch()
    {
        if (_isTicking || _isStopped) return;
        _isTicking = true;
        _patientUntil = Math.Max(_patientUntil, _forwarder.Now + _forwarder.Options.PatienceMs);
        _timer ??= _forwarder.Time.CreateTimer(_ => Post(new EdgeMail(EdgeMailKind.Tick)), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        var interval = TimeSpan.FromMilliseconds(_forwarder.Options.RetryMs);
        _timer.Change(interval, interval);
    }

    private void Tick()
    {
        if (!_isTicking || _isStopped) return;
        if (_state == SessionState.Beginning && _forwarder.Now - _beganAt >= _forwarder.Options.PatienceMs) _state = SessionState.None;
        if (!_isDown && (_forwarder.Now >= _patientUntil || IsHopeless) && _state != SessionState.Beginning) GiveUp();
        TryBegin();
    }

    private void TryBegin()
    {
        if (_state != SessionState.None || !CanBegin) return;
        Watch();
        // Not again at once: what the leader cannot read it will not be able to read the next time either.
        if (_forwarder.Now - _beganAt < _forwarder.Options.RetryMs) return;
        _beganAt = _forwarder.Now;
        _out.Session = ++_session;
        if (!_forwarder.Post(Node, LinesMessage.Of(Forwarder.ToLeader, _session, [new Line(LineKind.Begin)], bytes: 0))) return;
        (_state, _isDown) = (SessionState.Beginning, false);
        _patientUntil = _forwarder.Now + _forwarder.Options.PatienceMs;
    }

    private void Begun()
    {
        if (_state != SessionState.Beginning) return;
        (_state, _isDown, _isTicking) = (SessionState.Running, false, false);
        _timer?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        LogBegun(_forwarder.Logger, Node, _session);
        // In the order in which they came, which is the order in which they become active where only one is.
        foreach (var consumer in _consumers.Values.OrderBy(consumer => consumer.Number)) Subscribe(consumer);
        var waiting = _waiting.ToArray();
        _waiting.Clear();
        foreach (var (queue, operation) in waiting) Do(queue, operation);
    }

    /// <summary>What was under way is lost, and nothing says what the leader has done of it.</summary>
    private void Lose()
    {
        var wasRunning = _state == SessionState.Running;
        _state = SessionState.None;
        _out.Clear();
        if (!wasRunning) return;
        LogLost(_forwarder.Logger, Node, _session);
        FlushConfirms();
        FlushDeliveries();
        _patientUntil = _forwarder.Now + _forwarder.Options.PatienceMs;
        Watch();
        LosePublishes();
        LoseParts();
        foreach (var holder in _holders.Values.ToArray()) EndSubscription(holder);
        LoseMoving();
        LoseQuestions();
        if (IsHopeless) GiveUp();
    }

    private void LoseQuestions()
    {
        var questions = _questions.Values.ToArray();
        _questions.Clear();
        _browsed.Clear();
        foreach (var (queue, operation, holder) in questions)
        {
            // Those that change nothing are asked again.
            if (operation.Kind is QueueOperationKind.Status or QueueOperationKind.Browse) _waiting.Add((queue, operation));
            else if (operation.Kind == QueueOperationKind.RemoveConsumer) Removed((RemoteConsumer)holder!, (IReply<int>)operation.ReplyTo!);
            else queue.Lose(operation);
        }
    }

    /// <summary>Nothing waits any longer.</summary>
    private void GiveUp()
    {
        _isDown = true;
        var waiting = _waiting.ToArray();
        _waiting.Clear();
        foreach (var (queue, operation) in waiting) queue.Lose(operation);
        foreach (var consumer in _consumers.Values.ToArray()) Cancel(consumer, consumer.Queue.IsDeleted ? consumer.Queue.NotFound : consumer.Queue.Down);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Queues on node {Node} can be used (session {Session})")]
    private static partial void LogBegun(ILogger logger, string node, long session);

    [LoggerMessage(Level = LogLevel.Information, Message = "Queues on node {Node} cannot be used for now: the link is broken (session {Session}). What clients were publishing to them is refused, and what they have of them returns to them")]
    private static partial void LogLost(ILogger logger, string node, long session);
}
