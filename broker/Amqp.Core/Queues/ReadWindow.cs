namespace Amqp.Core.Queues;

/// <summary>
/// The messages at the front of a <see cref="ReadyLevel"/> that are in memory, or are being read, while others of the queue are in the
/// store only. Consumers eat it from the left, <see cref="Extend"/> extends it to the right before they have used it up, so that they wait
/// for a window now and then and never message by message.
/// <code>
///     window, for the consumers                     evicted        fresh
///   | B  B  B  B  (being read)  (being read) | .  .  .  .  .  .  . | B  B  B
///   RunStart                                 End                   end of the log
/// </code>
/// It is closed while all messages are in memory: then it costs nothing.
/// </summary>
/// <param name="reading">Takes what has to be read.</param>
internal sealed class ReadWindow(MessageLog log, ReadyLevel ready, List<long> reading)
{
    /// <summary>Messages that are kept, or read, ahead of the consumers.</summary>
    public const int MessagesMax = 1024;

    private const int FewMessages = 8;

    /// <summary>Value of <see cref="End"/> while the window is closed.</summary>
    private const long Closed = long.MaxValue;

    // What is in the window, and how large.
    private int _count;
    private long _bytes;

    /// <summary>Returned messages up to here have been read, so they are not evicted again.</summary>
    public long ReturnedReadTo { get; private set; } = -1;

    /// <summary>Ready messages of the run below this position are in the window.</summary>
    public long End { get; private set; } = Closed;

    /// <summary>From now on not all messages are in memory.</summary>
    public void Open()
    {
        if (End == Closed) Restart();
    }

    /// <summary>A ready message is there again.</summary>
    public void Enter(long position)
    {
        if (!Covers(position)) return;
        _count++;
        _bytes += log[position].Size;
    }

    /// <summary>A message came in between: a window that reaches that far begins anew.</summary>
    public void ComeBetween(long position)
    {
        if (position < End && End != Closed) Restart();
    }

    /// <summary>No message is ready any more.</summary>
    public void Clear()
    {
        ReturnedReadTo = -1;
        ComeBetween(position: -1);
    }

    /// <summary>A ready message is about to be taken out of its order, or out of the log.</summary>
    public void Leave(long position)
    {
        if (!Covers(position)) return;
        _count--;
        _bytes -= log[position].Size;
    }

    /// <summary>When half of the window is used up, extends it until it is full, noting what has to be read.</summary>
    /// <param name="bytes">Size of a full one.</param>
    /// <param name="atLeastOne">One message is in it, however large, and what is not in memory is read. If not, the window ends before the first of these: no consumer
    /// waits for it, and what is at its head may leave without ever being read.</param>
    public void Refill(long bytes, bool atLeastOne)
    {
        // Of very large messages the window holds a few, and is not to run empty for half of one.
        if (_count >= FewMessages && (_count >= MessagesMax / 2 || _bytes >= bytes / 2)) return;
        End = Math.Max(End, ready.RunStart);
        while ((_count == 0 && atLeastOne) || (_count < MessagesMax && _bytes < bytes))
        {
            End = ready.NextOfRun(End);
            if (End == log.End || (!atLeastOne && (_bytes + log[End].Size > bytes || log.BodyOf(End) is null))) return;
            NoteIfAbsent(End);
            _count++;
            _bytes += log[End].Size;
            End++;
        }
    }

    /// <summary>Notes what has to be read now so that consumers find it in memory later.</summary>
    /// <param name="bytes">How much to have in memory ahead of them; at least one message.</param>
    public void Extend(long bytes)
    {
        if (!ready.TryPeek(out var head)) return;
        var isHeadAsleep = log.BodyOf(head) is null && !log[head].Is(EntryFlags.Loading);
        if (isHeadAsleep && head < ready.RunStart) ReadReturned(bytes);
        else if (isHeadAsleep) Restart();

        if (End == Closed) return;
        Refill(bytes, atLeastOne: true);
        if (End >= log.End) End = Closed;
    }

    /// <summary>A message of the run that is to stay in memory.</summary>
    public bool Keeps(long position) => position < End && position >= ready.RunStart;

    private bool Covers(long position) => position < End && End != Closed && position >= ready.RunStart;

    private void Restart() => (End, _count, _bytes) = (ready.RunStart, 0, 0);

    private void ReadReturned(long bytes) => ready.VisitReturned(MessagesMax, position =>
    {
        NoteIfAbsent(position);
        ReturnedReadTo = position;
        return (bytes -= log[position].Size) <= 0;
    });

    private void NoteIfAbsent(long position)
    {
        if (log[position].Is(EntryFlags.Loading) || log.BodyOf(position) is not null) return;
        log[position].Set(EntryFlags.Loading);
        reading.Add(position);
    }
}
