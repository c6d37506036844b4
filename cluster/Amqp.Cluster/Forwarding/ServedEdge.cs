using System.Buffers;
using Amqp.Core.Queues;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Forwarding;

internal enum ServedMailKind : byte
{
    Lines,
    Unreadable,
    CanSend,
    CannotSend,
    CanHear,
    CannotHear,

    /// <summary>A consumer or part is no more: its queue said so.</summary>
    Over,

    Tick,
    Stop,
}

/// <summary>A line in the mailbox of a <see cref="ServedEdge"/>.</summary>
/// <param name="Subject">Lines that came, why they cannot be read, or the session that this is about.</param>
/// <param name="Number">Of their session; of what is over.</param>
/// <param name="Epoch">Of the edge's start.</param>
internal readonly record struct ServedMail(ServedMailKind Kind, object? Subject = null, long Number = 0, uint Epoch = 0);

/// <summary>
/// The leader's side: what users of one other node do with the queues of this node. Lines become operations of the queues, posted together where they follow each other, in their order.
/// <para>What waits here is what the edge's clients have on the way: their credit bounds it.</para>
/// </summary>
internal sealed partial class ServedEdge : Owner<ServedMail>
{
    private readonly Forwarder _forwarder;
    private readonly ServedQueues _queues;
    private BatchList<Line>? _spareLines;
    private LineReader? _spareReader;

    // The session of the edge, if there is one, and the last that there was.
    private ServedSession? _session;
    private long _lastSession;
    private uint _epoch;
    private bool _isAnswered;
    private int _heard;

    public ServedEdge(string node, Forwarder forwarder) => (Node, _forwarder, _queues) = (node, forwarder, forwarder.Served);

    /// <summary>The edge.</summary>
    public string Node { get; }

    public void Changed(ServedMailKind what) => PostAndRun(new ServedMail(what));

    /// <summary>The edge has sent a frame. On the thread of its connection; there may be another one for a moment, of a connection that has ended.</summary>
    public void Received(uint epoch, in ReadOnlySequence<byte> frame)
    {
        var reader = Interlocked.Exchange(ref _spareReader, null) ?? new LineReader();
        var lines = Interlocked.Exchange(ref _spareLines, null) ?? new BatchList<Line>();
        try
        {
            var session = reader.Read(frame, lines);
            PostAndRun(new ServedMail(ServedMailKind.Lines, lines, session, epoch));
        }
        catch (InvalidDataException exception)
        {
            Post(new ServedMail(ServedMailKind.Unreadable, exception.Message, Epoch: epoch));
        }
        Interlocked.Exchange(ref _spareReader, reader);
    }

    /// <summary>Something of a session has ended by itself. From any thread.</summary>
    public void Over(ServedSession session, long number) => Post(new ServedMail(ServedMailKind.Over, session, number));

    public void Stop() => Post(new ServedMail(ServedMailKind.Stop));

    /// <summary>From any thread. What is not sent is lost with its session.</summary>
    public void Send(LinesMessage message) => _forwarder.Post(Node, message);

    protected override void Apply(in ServedMail mail)
    {
        switch (mail.Kind)
        {
            case ServedMailKind.Lines:
                var lines = (BatchList<Line>)mail.Subject!;
                Hear(mail.Epoch, mail.Number, lines.Items);
                lines.Clear();
                Interlocked.Exchange(ref _spareLines, lines);
                break;
            case ServedMailKind.Unreadable:
                if (mail.Epoch == _epoch) Reject((string)mail.Subject!);
                break;
            case ServedMailKind.CanSend:
                if (_session is null) TellLost();
                else if (!_isAnswered) Answer();
                break;
            case ServedMailKind.CannotSend:
                End();
                break;
            case ServedMailKind.CanHear:
                _heard++;
                break;
            case ServedMailKind.CannotHear:
                if (--_heard == 0) End();
                break;
            case ServedMailKind.Over:
                if (mail.Subject != _session) break;
                _holders.Remove(mail.Number);
                _parts.Remove(mail.Number);
                break;
            case ServedMailKind.Tick:
                LookForMissing();
                break;
            default:
                End();
                _timer?.Dispose();
                break;
        }
    }

    protected override void CarryOut() => FlushOperations();

    protected override void Fail(Exception exception)
    {
        if (exception is not InvalidDataException) LogFailed(_forwarder.Logger, exception, Node);
        Reject(exception.Message);
    }

    private void Hear(uint epoch, long session, ReadOnlySpan<Line> lines)
    {
        if (epoch < _epoch) return;
        if (epoch > _epoch)
        {
            End();
            (_epoch, _lastSession) = (epoch, 0);
        }
        _queue = 0;
        foreach (ref readonly var line in lines)
        {
            if (line.Kind == LineKind.Begin && session > _lastSession) Begin(session);
            else if (_session?.Number != session) return;
            else Hear(_session, line);
        }
    }

    private void Begin(long number)
    {
        End();
        _lastSession = number;
        _session = new ServedSession(number, this);
        Answer();
    }

    private void Answer() => _isAnswered = _forwarder.Post(Node, LinesMessage.Of(Forwarder.ToEdge, _lastSession, [new Line(LineKind.Begun)], bytes: 0));

    private void TellLost()
    {
        if (_lastSession > 0) _forwarder.Post(Node, LinesMessage.Of(Forwarder.ToEdge, _lastSession, [new Line(LineKind.Lost)], bytes: 0));
    }

    private void Reject(string reason)
    {
        if (_session is null) return;
        LogUnreadable(_forwarder.Logger, Node, reason);
        End();
        TellLost();
    }

    /// <summary>The edge has nothing any more: its messages return to their places, its consumers go, and what is prepared and not committed is undone.</summary>
    private void End()
    {
        if (_session is not { } session) return;
        session.End();
        _session = null;
        FlushOperations();
        foreach (var (queue, holder) in _holders.Values.ToArray()) Add(queue, QueueOperation.Release(holder));
        foreach (var part in _parts.Values.ToArray()) Add(part.Queue, QueueOperation.AbortPart(part.Part));
        _holders.Clear();
        _parts.Clear();
        _publishers.Clear();
        _gathered = null;
        FlushOperations();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Node {Node} has sent what cannot be read ({Reason}): either it is of another version that this one does not know, or one of them has a defect. What its clients were doing with queues here begins anew")]
    private static partial void LogUnreadable(ILogger logger, string node, string reason);

    [LoggerMessage(Level = LogLevel.Critical, Message = "What clients of node {Node} do with queues here begins anew because of a defect of the broker, please report this")]
    private static partial void LogFailed(ILogger logger, Exception exception, string node);
}
