using Amqp.Core.Ports;

namespace Amqp.Broker.Queues;

/// <summary>
/// Publishers that are told when their message is on the disk, in the order of the messages' positions. A ring of structs: a
/// confirm that waits costs no object.
/// </summary>
internal sealed class PendingConfirms
{
    private const int PlacesMin = 16;
    private const int PlacesKept = 4096;

    private Pending[] _ring = [];
    private int _head;
    private int _count;

    // Those that wait for another message's place, which may be any of those above or below.
    private List<Pending>? _duplicates;

    /// <summary>The position of the first message that waits; not asked when none does.</summary>
    private long First => _ring[_head].Position;

    /// <param name="position">Above those before; or that of a message which this one is a duplicate of.</param>
    public void Add(long position, IPublisher publisher, long number)
    {
        if (_count > 0 && position <= At(_count - 1).Position)
        {
            (_duplicates ??= []).Add(new Pending(position, publisher, number));
            return;
        }
        if (_count == _ring.Length) Grow();
        At(_count++) = new Pending(position, publisher, number);
    }

    /// <summary>Every message below that position is on the disk.</summary>
    public void SettleBelow(long position, ConfirmBatch batch)
    {
        if (_duplicates is not null) SettleDuplicates(first: long.MinValue, position, batch);
        while (_count > 0 && First < position) TakeFirst(batch);
        if (_count == 0 && _ring.Length > PlacesKept) (_ring, _head) = ([], 0);
    }

    /// <summary>The messages from one position to before another have left the queue, and need not be written any more.</summary>
    public void SettleIn(long first, long end, ConfirmBatch batch)
    {
        if (_duplicates is not null) SettleDuplicates(first, end, batch);
        if (_count == 0 || end <= First) return;
        var (low, high) = (0, _count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (At(middle).Position < first) low = middle + 1;
            else high = middle;
        }
        for (; low < _count && At(low).Position < end; low++)
        {
            ref var found = ref At(low);
            if (found.Publisher is not null) batch.Taken(found.Publisher, found.Number);
            found = found with { Publisher = null };
        }
        while (_count > 0 && At(0).Publisher is null) TakeFirst(batch);
    }

    public void SettleAll(ConfirmBatch batch) => SettleBelow(long.MaxValue, batch);

    public void RefuseAll() => EndAll(static (publisher, number) => publisher.Refused(number));

    /// <summary>The queue is not led here any more: publishers that can send a message again are to do that, and the others have to.</summary>
    public void LoseAll() => EndAll(static (publisher, number) =>
    {
        if (publisher is INumberedPublisher numbered) numbered.Lost(number);
        else publisher.Refused(number);
    });

    private void EndAll(Action<IPublisher, long> end)
    {
        for (var place = 0; place < _count; place++)
        {
            if (At(place).Publisher is { } publisher) end(publisher, At(place).Number);
        }
        foreach (var (_, publisher, number) in _duplicates ?? []) end(publisher!, number);
        (_ring, _head, _count, _duplicates) = ([], 0, 0, null);
    }

    private void SettleDuplicates(long first, long end, ConfirmBatch batch)
    {
        foreach (var (position, publisher, number) in _duplicates!)
        {
            if (position >= first && position < end) batch.Taken(publisher!, number);
        }
        _duplicates.RemoveAll(duplicate => duplicate.Position >= first && duplicate.Position < end);
        if (_duplicates.Count == 0) _duplicates = null;
    }

    private void TakeFirst(ConfirmBatch batch)
    {
        ref var first = ref At(0);
        if (first.Publisher is not null) batch.Taken(first.Publisher, first.Number);
        first = default;
        _head = (_head + 1) & (_ring.Length - 1);
        _count--;
    }

    private ref Pending At(int place) => ref _ring[(_head + place) & (_ring.Length - 1)];

    private void Grow()
    {
        var larger = new Pending[Math.Max(PlacesMin, _ring.Length * 2)];
        for (var place = 0; place < _count; place++) larger[place] = At(place);
        (_ring, _head) = (larger, 0);
    }

    private readonly record struct Pending(long Position, IPublisher? Publisher, long Number);
}
