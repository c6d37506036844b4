using System.Buffers;
using Amqp.Core.Queues;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Forwarding;

/// <summary>
/// The edge's side: what users of this node do with the queues that one other node leads. What they post becomes lines, numbered here; what the leader answers finds its way back by
/// these numbers. All of it is in a session, and ends with it.
/// <para>
/// What waits here is bounded by what clients may have on the way: the publish credit of each connection, one question for each channel, settlements of what was delivered.
/// </para>
/// </summary>
internal sealed partial class LeaderLink : Owner<EdgeMail>
{
    private readonly Forwarder _forwarder;
    private readonly LineBatch _out;
    private readonly HeldTable _held = new();
    private long _lastNumber;
    private BatchList<Line>? _spareLines;
    private LineReader? _spareReader;

    public LeaderLink(string node, Forwarder forwarder)
    {
        (Node, _forwarder) = (node, forwarder);
        _out = new LineBatch(Forwarder.ToLeader, message => _forwarder.Post(Node, message));
    }

    /// <summary>The node that leads.</summary>
    public string Node { get; }

    /// <summary>From any thread.</summary>
    public void Post(RemoteQueue queue, in QueueOperation operation) => Post(new EdgeMail(EdgeMailKind.Operation, queue, operation));

    /// <summary>For read loops.</summary>
    public void PostAndRun(RemoteQueue queue, ReadOnlySpan<QueueOperation> operations) =>
        PostAndRun(operations, queue, static (in QueueOperation operation, RemoteQueue queue) => new EdgeMail(EdgeMailKind.Operation, queue, operation));

    /// <summary>The queue was deleted.</summary>
    public void Closed(RemoteQueue queue) => Post(new EdgeMail(EdgeMailKind.Closed, queue));

    /// <summary>The mirrored queue is used on another way.</summary>
    public void Left(RemoteQueue queue) => Post(new EdgeMail(EdgeMailKind.Left, queue));

    /// <summary>The node ends.</summary>
    public void Stop() => Post(new EdgeMail(EdgeMailKind.Stop));

    /// <summary>The link to the leader or from it has come or gone.</summary>
    public void Changed(EdgeMailKind what) => PostAndRun(new EdgeMail(what));

    /// <summary>The leader has sent a frame. On the thread of its connection; there may be another one for a moment, of a connection that has ended.</summary>
    public void Received(in ReadOnlySequence<byte> frame)
    {
        var reader = Interlocked.Exchange(ref _spareReader, null) ?? new LineReader();
        var lines = Interlocked.Exchange(ref _spareLines, null) ?? new BatchList<Line>();
        try
        {
            var session = reader.Read(frame, lines);
            PostAndRun(new EdgeMail(EdgeMailKind.Lines, Subject: lines, Session: session));
        }
        catch (InvalidDataException exception)
        {
            Post(new EdgeMail(EdgeMailKind.Unreadable, Subject: exception.Message));
        }
        Interlocked.Exchange(ref _spareReader, reader);
    }

    protected override void Apply(in EdgeMail mail)
    {
        switch (mail.Kind)
        {
            case EdgeMailKind.Operation:
                Do(mail.Queue!, mail.Operation);
                break;
            case EdgeMailKind.Lines:
                var lines = (BatchList<Line>)mail.Subject!;
                Hear(mail.Session, lines.Items);
                lines.Clear();
                Interlocked.Exchange(ref _spareLines, lines);
                break;
            case EdgeMailKind.Unreadable:
                if (_state == SessionState.None) break;
                LogUnreadable(_forwarder.Logger, Node, (string)mail.Subject!);
                Lose();
                break;
            case EdgeMailKind.CanSend:
                _canSend = true;
                TryBegin();
                break;
            case EdgeMailKind.CannotSend:
                _canSend = false;
                Lose();
                break;
            case EdgeMailKind.CanHear:
                _heard++;
                TryBegin();
                break;
            case EdgeMailKind.CannotHear:
                if (--_heard == 0) Lose();
                break;
            case EdgeMailKind.Closed:
                Close(mail.Queue!);
                break;
            case EdgeMailKind.Left:
                Leave(mail.Queue!);
                break;
            case EdgeMailKind.Tick:
                Tick();
                break;
            default:
                _isStopped = true;
                Lose();
                GiveUp();
                _timer?.Dispose();
                break;
        }
    }

    protected override void CarryOut()
    {
        FlushConfirms();
        FlushDeliveries();
        _out.Flush();
    }

    protected override void Fail(Exception exception)
    {
        if (exception is InvalidDataException) LogUnreadable(_forwarder.Logger, Node, exception.Message);
        else LogFailed(_forwarder.Logger, exception, Node);
        Lose();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Node {Node} has sent what cannot be read ({Reason}): either it is of another version that this one does not know, or one of them has a defect. What clients were doing with queues on it begins anew")]
    private static partial void LogUnreadable(ILogger logger, string node, string reason);

    [LoggerMessage(Level = LogLevel.Critical, Message = "What clients do with queues on node {Node} begins anew because of a defect of the broker, please report this")]
    private static partial void LogFailed(ILogger logger, Exception exception, string node);
}
