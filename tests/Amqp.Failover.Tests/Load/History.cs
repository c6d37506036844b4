using System.Diagnostics;
using System.Globalization;

namespace Amqp.Failover.Tests.Load;

internal enum What
{
    /// <summary>Sent once, or again.</summary>
    Published,
    Confirmed,
    Nacked,
    Delivered,

    /// <summary>The client has sent the acknowledgement.</summary>
    Acked,
}

/// <summary>Which message: who sent it, and the how-manieth it is of that publisher, from 1 on.</summary>
internal readonly record struct MessageKey(int Publisher, int Number)
{
    public override string ToString() => $"{Publisher}.{Number}";
}

/// <param name="At">Of the clock of <see cref="Stopwatch"/>.</param>
/// <param name="Session">Of deliveries and acknowledgements: the channel of the consumer.</param>
/// <param name="Redelivered">What the broker said of the delivery.</param>
/// <param name="Node">Which node said it: of confirms, nacks and deliveries.</param>
internal readonly record struct HistoryEvent(long At, What What, MessageKey Message, int Session = 0, bool Redelivered = false, string Node = "");

/// <summary>All that clients saw happen, in the order in which they saw it.</summary>
internal sealed class History
{
    private readonly Lock _lock = new();
    private readonly List<HistoryEvent> _events = [];
    private readonly int[] _counts = new int[Enum.GetValues<What>().Length];

    public IReadOnlyList<HistoryEvent> Events
    {
        get
        {
            lock (_lock) return [.. _events];
        }
    }

    /// <summary>Writes a line for each event: seconds, what, message, session, redelivered, node.</summary>
    public void Save(string file)
    {
        var events = Events;
        File.WriteAllLines(file, events.Select(each => string.Create(
            CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(events[0].At, each.At).TotalSeconds:F6},{each.What},{each.Message},{each.Session},{each.Redelivered},{each.Node}")));
    }

    public int Count(What what) => Volatile.Read(ref _counts[(int)what]);

    public void Add(What what, MessageKey message, int session = 0, bool redelivered = false, string node = "")
    {
        lock (_lock)
        {
            _events.Add(new HistoryEvent(Stopwatch.GetTimestamp(), what, message, session, redelivered, node));
            _counts[(int)what]++;
        }
    }
}
