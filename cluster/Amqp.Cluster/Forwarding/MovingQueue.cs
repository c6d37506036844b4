using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Forwarding;

/// <summary>
/// A mirrored queue for the users of this node, wherever it is led: on another node, here, or for a while nowhere. What they want goes to the leader of the moment; what the last one has not
/// answered is wanted again of the next.
/// <code>
///            led by n1           by none            by n2
///   users  ----> reach 1    ----> waits here   ----> reach 2: first what reach 1 has not answered, in its order
/// </code>
/// Each way to a leader is a <see cref="LeaderReach"/>: what an earlier one says of what it was given does not count any more, but that a message is safe.
/// <para>What waits here is bounded by what clients may have on the way: the publish credit of each connection, one question a channel.</para>
/// </summary>
internal sealed class MovingQueue : Owner<MovingMail>, IQueueEndpoint
{
    /// <summary>Milliseconds between two tries when a way to the leader does not work.</summary>
    private const int RetryMs = 50;

    /// <summary>Milliseconds that a question waits for a leader. RabbitMQ's clients give up by themselves after about a minute.</summary>
    private const int PatienceMs = 30_000;

    private readonly RemoteQueues _remote;
    private readonly Func<QueueId, IQueueEndpoint?> _findHere;
    private readonly long _node;
    private readonly BatchList<QueueOperation> _out = new();
    private readonly BatchList<long> _taken = new();
    private readonly Dictionary<long, Unanswered> _unanswered = [];
    private readonly List<QueueOperation> _waiting = [];
    private volatile QueueDefinition _definition;
    private volatile bool _isDeleted;
    private string? _leader;
    private uint _epoch;
    private bool _leadsHere;
    private LeaderReach? _reach;
    private long _lastNumber;
    private long _lastSent;
    private long _floor = 1;
    private long _leaderlessSince;
    private ITimer? _timer;

    /// <param name="node">The start of this node: with the queue's number it names what is published here (<see cref="INumberedPublisher"/>).</param>
    /// <param name="findHere">The copy on this node.</param>
    public MovingQueue(QueueDefinition definition, RemoteQueues remote, long node, Func<QueueId, IQueueEndpoint?> findHere)
    {
        (_definition, _remote, _node, _findHere) = (definition, remote, node, findHere);
        _leaderlessSince = remote.Now;
    }

    public QueueDefinition Definition
    {
        get => _definition;
        set => _definition = value;
    }

    public bool IsDeleted => _isDeleted;

    /// <summary>Every publish below has its answer.</summary>
    public long Floor => Volatile.Read(ref _floor);

    public long Node => _node;

    public void Post(in QueueOperation operation) => Post(new MovingMail(MovingMailKind.Operation, operation));

    public void PostAndRun(ReadOnlySpan<QueueOperation> operations) =>
        PostAndRun(operations, state: 0, static (in QueueOperation operation, int _) => new MovingMail(MovingMailKind.Operation, operation));

    /// <summary>Another node leads in that epoch.</summary>
    public void Leads(string node, uint epoch) => Post(new MovingMail(MovingMailKind.Leads, Subject: node, Number: epoch));

    /// <summary>The copy on this node leads in that epoch, and can be asked.</summary>
    public void LeadsHere(uint epoch) => Post(new MovingMail(MovingMailKind.LeadsHere, Number: epoch));

    /// <summary>It does not any more.</summary>
    public void LeadsNoMore() => Post(new MovingMail(MovingMailKind.LeadsNoMore));

    /// <summary>The queue was deleted.</summary>
    public void Close()
    {
        _isDeleted = true;
        Post(new MovingMail(MovingMailKind.Close));
    }

    /// <summary>From a way to the leader, on any thread.</summary>
    public void Hear(MovingMailKind kind, LeaderReach reach, long number = 0, long count = 0) => PostAndRun(new MovingMail(kind, Subject: reach, Number: number, Count: count));

    protected override void Apply(in MovingMail mail)
    {
        switch (mail.Kind)
        {
            case MovingMailKind.Operation:
                Do(mail.Operation);
                break;
            case MovingMailKind.Taken:
                Taken(mail.Number, mail.Count);
                break;
            case MovingMailKind.Refused:
                if (mail.Subject == _reach && _unanswered.Remove(mail.Number, out var refused)) refused.Publisher.Refused(refused.Number);
                break;
            case MovingMailKind.Lost:
                if (mail.Subject == _reach) LeaveLeader();
                break;
            case MovingMailKind.Leads:
                Follow((string)mail.Subject!, (uint)mail.Number, isHere: false);
                break;
            case MovingMailKind.LeadsHere:
                Follow(node: null, (uint)mail.Number, isHere: true);
                break;
            case MovingMailKind.LeadsNoMore:
                if (_leadsHere) (_leader, _leadsHere) = (null, false);
                LeaveLeader();
                break;
            case MovingMailKind.Tick:
                if (_reach is null) Reach();
                if (_reach is null && _remote.Now - _leaderlessSince >= PatienceMs) GiveUpQuestions();
                if (_reach is not null) _timer!.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                break;
            default:
                End();
                break;
        }
    }

    protected override void CarryOut()
    {
        while (Floor <= _lastNumber && !_unanswered.ContainsKey(_floor)) Volatile.Write(ref _floor, _floor + 1);
        if (_out.Count == 0) return;
        if (_reach is not null) _reach.Target.PostAndRun(_out.Items);
        _out.Clear();
    }

    protected override void Fail(Exception exception)
    {
        _remote.LogFailed(exception, _definition);
        LeaveLeader();
    }

    private void Do(in QueueOperation operation)
    {
        if (_isDeleted)
        {
            if (operation.Kind is QueueOperationKind.Resume or QueueOperationKind.Settle) (operation.Subject as QueueConsumer)?.TooLate(operation.Kind);
            else Refusals.AsDeleted(operation, NotFound);
            return;
        }
        if (operation is { Kind: QueueOperationKind.Publish, ReplyTo: IPublisher publisher })
        {
            _unanswered.Add(++_lastNumber, new Unanswered((Message)operation.Subject!, publisher, operation.Position));
            if (_reach is not null) Send(_lastNumber, (Message)operation.Subject!, isAgain: false);
        }
        else if (_reach is not null) _out.Add(operation);
        else Await(operation);
    }

    /// <summary>Nothing leads at the moment.</summary>
    private void Await(in QueueOperation operation)
    {
        switch (operation.Kind)
        {
            // About messages that have returned to the queue.
            case QueueOperationKind.Settle:
                break;
            case QueueOperationKind.Resume:
                (operation.Subject as QueueConsumer)?.TooLate(operation.Kind);
                break;
            case QueueOperationKind.CommitPart or QueueOperationKind.AbortPart:
                (operation.ReplyTo as IReply)?.Fail(BrokerError.PartialTxCompletion);
                break;
            default:
                _waiting.Add(operation);
                break;
        }
    }

    /// <param name="isAgain">A leader before may have given it to a consumer.</param>
    private void Send(long number, Message message, bool isAgain)
    {
        _out.Add(QueueOperation.Publish(message, _reach, number, isAgain));
        _lastSent = number;
    }

    private void Taken(long first, long count)
    {
        IPublisher? publisher = null;
        for (var number = first; number < first + count; number++)
        {
            if (!_unanswered.Remove(number, out var taken)) continue;
            if (taken.Publisher != publisher) TellTaken(publisher);
            publisher = taken.Publisher;
            _taken.Add(taken.Number);
        }
        TellTaken(publisher);
    }

    /// <summary>A publisher hears of all in a row that were its own.</summary>
    private void TellTaken(IPublisher? publisher)
    {
        publisher?.Taken(_taken.Items);
        _taken.Clear();
    }

    private void Follow(string? node, uint epoch, bool isHere)
    {
        if (_isDeleted || epoch < _epoch || (epoch == _epoch && _leader == node && _leadsHere == isHere)) return;
        (_leader, _epoch, _leadsHere) = (node, epoch, isHere);
        LeaveLeader();
        Reach();
    }

    /// <summary>The leader cannot be asked any more, or not on this way: what it has not answered is asked of the next.</summary>
    private void LeaveLeader()
    {
        if (_reach is not { } left) return;
        _reach = null;
        _leaderlessSince = _remote.Now;
        // What was about to be sent waits with what comes; publishes are known as unanswered.
        foreach (ref readonly var operation in _out.Items)
        {
            if (operation.ReplyTo is not LeaderReach) Await(operation);
        }
        _out.Clear();
        left.Leave();
        Watch();
    }

    private void Reach()
    {
        var target = _leadsHere ? _findHere(_definition.Id) : _leader is { } node ? _remote.At(_definition, node) : null;
        if (target is null)
        {
            Watch();
            return;
        }
        _reach = new LeaderReach(this, target);
        if (target is RemoteQueue remote) remote.Reach = _reach;
        var sent = _lastSent;
        for (var number = _floor; number <= _lastNumber; number++)
        {
            if (_unanswered.TryGetValue(number, out var unanswered)) Send(number, unanswered.Message, isAgain: number <= sent);
        }
        foreach (var operation in _waiting) _out.Add(operation);
        _waiting.Clear();
    }

    private void Watch()
    {
        var interval = TimeSpan.FromMilliseconds(RetryMs);
        _timer ??= _remote.Time.CreateTimer(_ => Post(new MovingMail(MovingMailKind.Tick)), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(interval, interval);
    }

    private void GiveUpQuestions()
    {
        var error = BrokerError.QueueHasNoLeader(_definition.Vhost, _definition.Name);
        foreach (var operation in _waiting)
        {
            if (operation.Kind is not (QueueOperationKind.Publish or QueueOperationKind.Credit or QueueOperationKind.Release)) Refusals.AsDown(operation, error);
        }
        _waiting.RemoveAll(operation => operation.Kind is not (QueueOperationKind.Publish or QueueOperationKind.Credit or QueueOperationKind.Release));
    }

    private void End()
    {
        LeaveLeader();
        _timer?.Dispose();
        foreach (var (_, (_, publisher, number)) in _unanswered.OrderBy(each => each.Key)) publisher.Taken([number]);
        _unanswered.Clear();
        foreach (var operation in _waiting) Refusals.AsDeleted(operation, NotFound);
        _waiting.Clear();
    }

    private BrokerError NotFound => BrokerError.QueueNotFound(_definition.Vhost, _definition.Name);

    /// <summary>A publish that has no answer.</summary>
    /// <param name="Number">What its publisher calls it.</param>
    private readonly record struct Unanswered(Message Message, IPublisher Publisher, long Number);
}

internal enum MovingMailKind : byte
{
    /// <summary>A user wants something, or wants it again.</summary>
    Operation,

    Leads,
    LeadsHere,
    LeadsNoMore,

    /// <summary>The leader has these messages safe.</summary>
    Taken,

    /// <summary>The leader does not take this one.</summary>
    Refused,

    /// <summary>The way to the leader is broken, or it leads no more.</summary>
    Lost,

    Tick,
    Close,
}

/// <summary>A line in the mailbox of a <see cref="MovingQueue"/>.</summary>
internal readonly record struct MovingMail(MovingMailKind Kind, QueueOperation Operation = default, object? Subject = null, long Number = 0, long Count = 0);
