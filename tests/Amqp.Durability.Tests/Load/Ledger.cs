namespace Amqp.Durability.Tests.Load;

/// <summary>
/// What clients know of every message, over all lives of a broker, and whether it can be true. A life is the time from a start of
/// the broker's process to its end.
/// </summary>
/// <param name="oneConsumer">The queues that never have two consumers at a time: in those even what comes again comes in order.</param>
internal sealed class Ledger(params IEnumerable<string> oneConsumer)
{
    private const int ShownMax = 20;
    private readonly Lock _lock = new();
    private readonly HashSet<string> _oneConsumer = [.. oneConsumer];
    private readonly Dictionary<Stamp, Entry> _entries = [];
    private readonly Dictionary<(string Queue, byte Publisher), int> _highest = [];
    private readonly List<string> _violations = [];
    private int _acksDurableIn;

    public int Published { get; private set; }
    public int Confirmed { get; private set; }
    public int Refused { get; private set; }
    public int Deliveries { get; private set; }

    /// <summary>Deliveries of messages that had been acknowledged: allowed when the acknowledgement was not on disk at the crash.</summary>
    public int CameBack { get; private set; }

    public int TransientLost { get; private set; }

    /// <summary>What cannot be, in words; the first few, and how many more.</summary>
    public IReadOnlyList<string> Violations
    {
        get
        {
            lock (_lock) return _violations.Count <= ShownMax ? [.. _violations] : [.. _violations.Take(ShownMax), $"and {_violations.Count - ShownMax} more"];
        }
    }

    public void Violate(string what)
    {
        lock (_lock) _violations.Add(what);
    }

    /// <summary>Before the message is handed to the client library.</summary>
    public void Publishing(Stamp message, params string[] queues)
    {
        lock (_lock)
        {
            Published++;
            _entries.Add(message, new Entry(queues));
        }
    }

    public void Confirm(Stamp message, int life)
    {
        lock (_lock)
        {
            Confirmed++;
            _entries[message].ConfirmedIn = life;
        }
    }

    /// <summary>The broker answered basic.nack: it may have the message or not.</summary>
    public void Refuse(Stamp message)
    {
        lock (_lock)
        {
            Refused++;
            _entries[message].ConfirmedIn = null;
        }
    }

    /// <param name="message">Null when the body is damaged.</param>
    /// <param name="session">The consumer it came to.</param>
    public void Deliver(string queue, Session session, Stamp? message, bool redelivered)
    {
        lock (_lock)
        {
            Deliveries++;
            if (message is not { } stamp) Violate($"damaged: a message in '{queue}' is not as anybody published it");
            else if (!_entries.TryGetValue(stamp, out var entry)) Violate($"invented: {stamp} in '{queue}' was never published");
            else if (!entry.Places.TryGetValue(queue, out var place)) Violate($"misrouted: {stamp} came to '{queue}'");
            else
            {
                CheckRepetition(queue, session, stamp, redelivered, place);
                CheckOrder(queue, session, stamp, redelivered, place);
                place.Delivered = true;
            }
        }
    }

    /// <summary>Before the acknowledgement is handed to the client library.</summary>
    public void Acking(string queue, int life, Stamp message)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(message, out var entry) && entry.Places.TryGetValue(queue, out var place)) place.AckedIn = life;
        }
    }

    /// <summary>
    /// From here on no acknowledgement can have failed to reach the disk: those up to this life were followed in each queue by a
    /// message that was confirmed and not consumed, or the broker has ended in an orderly way.
    /// </summary>
    public void AcksAreDurable(int life)
    {
        lock (_lock) _acksDurableIn = life;
    }

    /// <summary>The queues are empty and everything that came out of them was acknowledged: holds what was confirmed against it.</summary>
    public void Close(int lastLife)
    {
        lock (_lock)
        {
            foreach (var (message, entry) in _entries)
            {
                foreach (var (queue, place) in entry.Places)
                {
                    if (entry.ConfirmedIn is not { } life || place.AckedIn > 0) continue;
                    if (!message.Persistent && life < lastLife) TransientLost++;
                    else Violate(place.Delivered
                        ? $"lost: {message}, confirmed in life {life}, was delivered from '{queue}', not acknowledged, and never came again"
                        : $"lost: {message}, confirmed in life {life}, never came out of '{queue}'");
                }
            }
        }
    }

    public override string ToString() =>
        $"{Published} published, {Confirmed} confirmed, {Refused} refused, {Deliveries} deliveries, {CameBack} came back after their ack, {TransientLost} transient lost";

    private void CheckRepetition(string queue, Session session, Stamp message, bool redelivered, Place place)
    {
        if (place.Delivered && !redelivered) Violate($"unmarked: {message} came again from '{queue}' without being marked as redelivered");
        if (place.AckedIn == 0) return;
        CameBack++;
        if (place.AckedIn == session.Life) Violate($"again: {message} came from '{queue}' after its ack, without a crash between them");
        else if (place.AckedIn <= _acksDurableIn) Violate($"again: {message} came from '{queue}' although its ack was on disk");
    }

    private void CheckOrder(string queue, Session session, Stamp message, bool redelivered, Place place)
    {
        var single = _oneConsumer.Contains(queue);
        if (!redelivered || single)
        {
            if (session.Highest.TryGetValue(message.Publisher, out var before) && before >= message.Number)
                Violate($"order: '{queue}' delivered {message} after {before} of the same publisher to one consumer");
            session.Highest[message.Publisher] = message.Number;
        }
        if (!single || place.Delivered) return;
        // A first sight is never below what was seen, not even in another life: what was unacknowledged keeps its place.
        if (_highest.TryGetValue((queue, message.Publisher), out var highest) && highest > message.Number)
            Violate($"order: {message} came out of '{queue}' for the first time after {highest} of the same publisher");
        else _highest[(queue, message.Publisher)] = message.Number;
    }

    /// <summary>A consumer on its connection, in one life of the broker.</summary>
    internal sealed class Session(int life)
    {
        public int Life { get; } = life;

        /// <summary>By publisher, the last number it was delivered.</summary>
        public Dictionary<byte, int> Highest { get; } = [];
    }

    private sealed class Entry(string[] queues)
    {
        public int? ConfirmedIn { get; set; }

        public Dictionary<string, Place> Places { get; } = queues.ToDictionary(queue => queue, _ => new Place());
    }

    /// <summary>A message in one of its queues.</summary>
    private sealed class Place
    {
        public bool Delivered { get; set; }

        /// <summary>The life in which it was last acknowledged; 0: it was not.</summary>
        public int AckedIn { get; set; }
    }
}
