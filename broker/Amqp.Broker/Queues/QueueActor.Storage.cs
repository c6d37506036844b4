using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Records;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Queues;

/// <content>A queue and the store: what is written, who hears of it, and which messages are in memory.</content>
internal sealed partial class QueueActor : IStoreListener, IMessageReader
{
    private readonly PendingConfirms _pendingConfirms = new();
    private readonly ConfirmBatch _confirms = new();

    // Commits that the store has not answered, and below which position everything is durable once it has; and how many of the late ones.
    private readonly Queue<(long Ticket, long End, long Late)> _commits = new();
    private readonly Queue<QueueOperation> _waitingGets = new();

    // Credit for messages below a position, some of which the store is writing.
    private readonly Queue<(long End, IPublishCredit Credit, long Bytes)> _credits = new();
    private long _storedEnd;
    private bool _isPublishing;

    // Credit for messages that came while others were given to the store only to make room.
    private readonly Queue<(IPublishCredit Credit, long Bytes)> _pageCredits = new();
    private long _lastTicket;
    private long _pageTicket;
    private long _reportedBytes;
    private long _bodyBytes;
    private long _messagesRead;
    private long _messagesWritten;
    private volatile bool _isOpen;

    /// <summary>Bytes of messages that the queue has in memory, as it last said. From any thread.</summary>
    public long BodyBytes => Volatile.Read(ref _bodyBytes);

    /// <summary>The queue is gone for good, so the store may forget it. From any thread, after the last operation that was not refused.</summary>
    public void Forget()
    {
        if (_isOpen) _services.Store.Forget(Definition.Id);
    }

    void IStoreListener.Committed(long ticket) => Post(QueueOperation.Committed(ticket));

    void IMessageReader.Loaded(long[] positions, Message?[] messages) => Post(QueueOperation.Loaded(positions, messages));

    private void Open()
    {
        _isOpen = true;
        var recovered = _services.Store.Open(Definition.Id, this);
        if (recovered is not null && Definition.Durable) _state.Restore(recovered, Now());
    }

    private void Publish(in QueueOperation publish, long now)
    {
        if (IsCopy && TryAnswerKnown(publish)) return;
        _isPublishing = true;
        var position = _state.Publish((Message)publish.Subject!, now, publish.MayHaveBeenHandedOut);
        _isPublishing = false;
        if (position >= 0) _storedEnd = Math.Max(_storedEnd, position + 1);
        if (publish.ReplyTo is IPublisher publisher)
        {
            if (position == QueueState.Refused) publisher.Refused(publish.Position);
            else if (position == QueueState.NotStored || (IsCopy && position < _safeEnd)) _confirms.Taken(publisher, publish.Position);
            else _pendingConfirms.Add(position, publisher, publish.Position);
        }
        if (_effects.AreMany) HandOver();
    }

    /// <summary>Credit of the messages that came just now: it is given back when the store has the last that it has to have; or, while
    /// the queue makes room, when there is room; otherwise at once.</summary>
    private void TakeCredit(IPublishCredit credit, long bytes)
    {
        if (_storedEnd > 0) _credits.Enqueue((_storedEnd, credit, bytes));
        else if (_state.IsPagingOut) _pageCredits.Enqueue((credit, bytes));
        else credit.GiveBack(bytes);
        _storedEnd = 0;
    }

    private void GiveBackAllCredit()
    {
        GiveBackCredit(long.MaxValue);
        GiveBackPageCredit();
    }

    private void GiveBackPageCredit()
    {
        while (_pageCredits.TryDequeue(out var first)) first.Credit.GiveBack(first.Bytes);
    }

    /// <summary>Every message below that position is on the disk.</summary>
    private void GiveBackCredit(long end)
    {
        while (_credits.TryPeek(out var first) && first.End <= end)
        {
            _credits.Dequeue();
            first.Credit.GiveBack(first.Bytes);
        }
    }

    /// <summary>Many records have come together in the middle of an operation. What a publish leads to is told as a whole: mirrors hear of its number with its message, or neither.</summary>
    private void HandOverMany()
    {
        if (!_isPublishing) HandOver();
    }

    /// <summary>Hands the store what it has to know, before anything else hears of it.</summary>
    private void HandOver()
    {
        if (IsCopy) AppendStream();
        var records = _effects.Records;
        if (records.IsEmpty)
        {
            if (_replica is not null) GiveMark(ticket: 0);
            return;
        }
        // Only now: most transient queues never have anything to store.
        if (!_isOpen) Open();
        var ticket = 0L;
        if (_effects.HoldsEnqueues || _effects.HoldsPages)
        {
            ticket = ++_lastTicket;
            _commits.Enqueue((ticket, _effects.EnqueuedEnd, _effects.LateCount));
            if (_effects.HoldsPages) _pageTicket = ticket;
        }
        _services.Store.Commit(Definition.Id, records, ticket, _effects.KeepsTogether);
        _messagesWritten += records.Length;
        foreach (ref readonly var record in records)
        {
            if (record.Type == RecordType.Settle && !IsCopy) _pendingConfirms.SettleIn(record.Position, record.Position + record.Count, _confirms);
        }
        _effects.ClearRecords();
        if (_replica is not null) GiveMark(ticket);
    }

    private void Committed(long ticket)
    {
        while (_commits.TryPeek(out var commit) && commit.Ticket <= ticket)
        {
            _commits.Dequeue();
            _state.Written(commit.End, commit.Late);
            if (IsCopy) continue;
            _pendingConfirms.SettleBelow(commit.End, _confirms);
            GiveBackCredit(commit.End);
        }
        if (_replica is not null) MarksDurable(ticket);
        if (_pageTicket == 0 || ticket < _pageTicket) return;
        _pageTicket = 0;
        _state.PagedOut();
    }

    private void Loaded(in QueueOperation loaded, long now)
    {
        var positions = (long[])loaded.ReplyTo!;
        _messagesRead += positions.Length;
        var damaged = _state.Loaded(positions, (Message?[])loaded.Subject!, now);
        if (damaged > 0) LogDamaged(_services.Logger, damaged, Definition.Name, Definition.Vhost, positions[0], positions[^1]);
    }

    /// <summary>Answers a basic.get, or keeps it until the head of the queue was read.</summary>
    private void Get(in QueueOperation get, long now)
    {
        Touch(now);
        if (_waitingGets.Count > 0 || !TryAnswer(get, now)) _waitingGets.Enqueue(get);
    }

    private bool TryAnswer(in QueueOperation get, long now)
    {
        var outcome = _state.TryGet((MessageHolder?)get.Subject, now, out var message, out var position, out var redelivered);
        if (outcome == GetOutcome.NotInMemory) return false;
        HandOver();
        TellReport();
        ((IReply<GetResult>)get.ReplyTo!).Complete(
            outcome == GetOutcome.Found ? new GetResult(message, position, redelivered, _state.ReadyCount) : default);
        return true;
    }

    private void AnswerWaitingGets(long now)
    {
        while (_waitingGets.TryPeek(out var get) && TryAnswer(get, now)) _waitingGets.Dequeue();
    }

    /// <summary>Their channel is gone, and a message given to it now would never come back.</summary>
    private void ForgetWaitingGets(object holder)
    {
        for (var left = _waitingGets.Count; left > 0; left--)
        {
            var get = _waitingGets.Dequeue();
            if (get.Subject != holder) _waitingGets.Enqueue(get);
        }
    }

    private void RefuseWaiting(BrokerError error)
    {
        RefuseBrowsing(error);
        RefuseUntilIndexed();
        while (_waitingGets.TryDequeue(out var get)) ((IReply)get.ReplyTo!).Fail(error);
    }

    /// <summary>Has in memory what consumers get next, and what there is room for.</summary>
    private void TendMemory(long now)
    {
        if (_waitingGets.Count > 0) AnswerWaitingGets(now);
        ReportBytes();
        var memory = _services.Memory;
        if (memory.IsTight)
        {
            if (_state.Evict(memory.KeptBytes)) Post(QueueOperation.Tend);
            ReportBytes();
        }
        if (!_state.IsPagingOut) GiveBackPageCredit();
        if (_state.AbsentCount > 0) _state.ReadAhead(memory.WindowBytes, _waitingGets.Count > 0);
    }

    private void ReportBytes() => ReportBytes(_state.MemoryBytes + (_replica?.KeptBytes ?? 0));

    /// <param name="bytes">What the queue adds to the memory in use, as of now.</param>
    private void ReportBytes(long bytes)
    {
        if (bytes == _reportedBytes) return;
        _services.Memory.Add(bytes - _reportedBytes);
        _reportedBytes = bytes;
        Volatile.Write(ref _bodyBytes, _state.BodyBytes);
    }

    /// <summary>The last word before the store is closed in order: what was handed out before. The clock stops.</summary>
    private void Stop(Action stopped)
    {
        if (Definition.Durable) _state.RecordDelivered();
        HandOver();
        _stopped = true;
        _timer?.Dispose();
        stopped();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Count} messages of queue '{Name}' in vhost '{Vhost}' are lost: their records in the store are damaged (positions {First} to {Last})")]
    private static partial void LogDamaged(ILogger logger, int count, string name, string vhost, long first, long last);
}
