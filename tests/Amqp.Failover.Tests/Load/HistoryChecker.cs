using System.Diagnostics;
using System.Globalization;

namespace Amqp.Failover.Tests.Load;

/// <summary>What a history shows.</summary>
/// <param name="Confirmed">Messages that were confirmed.</param>
/// <param name="Sent">Publishes, those of one message counted each.</param>
/// <param name="Doubled">Deliveries of messages that had been delivered before, and were not said to be redelivered: their publisher had sent them again, which it may see twice.</param>
/// <param name="Duplicates">The same, of messages that were sent once.</param>
/// <param name="AckedAgain">Messages that were sent once and came again after a consumer had acknowledged them, with whatever flag.</param>
/// <param name="Redelivered">Deliveries with the flag.</param>
/// <param name="Gaps">By publisher: the longest between two of its confirms.</param>
/// <param name="Lost">Confirmed, and not acknowledged by any consumer, though the queue is empty.</param>
/// <param name="Impossible">Delivered, and never published; or confirmed, and never published.</param>
/// <param name="OutOfOrder">Came to a consumer behind a later message of its publisher; each was sent once, and delivered for the first time.</param>
internal sealed record Verdict(
    int Confirmed, int Sent, int Nacked, int Doubled, int Duplicates, IReadOnlyList<AckedAgain> AckedAgain, int Redelivered, IReadOnlyDictionary<int, TimeSpan> Gaps,
    IReadOnlyList<MessageKey> Lost, IReadOnlyList<MessageKey> Impossible, IReadOnlyList<string> OutOfOrder)
{
    public TimeSpan LongestGap => Gaps.Values.DefaultIfEmpty().Max();

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Confirmed} confirmed of {Sent} sent, {Nacked} nacked; {Lost.Count} lost, {Impossible.Count} impossible, {OutOfOrder.Count} out of order, {Doubled} doubled by resends, {Duplicates} duplicates, {AckedAgain.Count} after their ack, {Redelivered} redelivered; longest gap {LongestGap.TotalSeconds:F1} s");
}

/// <param name="AckedAt">Since the history began.</param>
/// <param name="Session">Of the consumer that acknowledged it.</param>
internal readonly record struct AckedAgain(MessageKey Message, TimeSpan AckedAt, TimeSpan CameAgainAt, int Session)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Message} acknowledged in session {Session} at {AckedAt.TotalSeconds:F3} s, again at {CameAgainAt.TotalSeconds:F3} s");
}

/// <summary>Tells whether a history can be that of a broker that keeps its promises. The history ends with an empty queue.</summary>
internal static class HistoryChecker
{
    public static Verdict Check(IReadOnlyList<HistoryEvent> history)
    {
        var sent = new Dictionary<MessageKey, int>();
        var (confirmed, delivered) = (new HashSet<MessageKey>(), new HashSet<MessageKey>());
        var (acked, ackedAgain) = (new Dictionary<MessageKey, HistoryEvent>(), new Dictionary<MessageKey, AckedAgain>());
        var lastConfirm = new Dictionary<int, long>();
        var (impossible, gaps, counts) = (new List<MessageKey>(), new Dictionary<int, TimeSpan>(), new int[4]);
        var sentTimes = history.Where(each => each.What == What.Published).CountBy(each => each.Message).ToDictionary();
        TimeSpan SinceBegin(long at) => Stopwatch.GetElapsedTime(history[0].At, at);
        foreach (var each in history)
        {
            var message = each.Message;
            var isSentOnce = sentTimes.GetValueOrDefault(message) == 1;
            if (each.What != What.Published && !sent.ContainsKey(message)) impossible.Add(message);
            switch (each.What)
            {
                case What.Published:
                    sent[message] = sent.GetValueOrDefault(message) + 1;
                    // The first confirm is waited for from the first publish on.
                    lastConfirm.TryAdd(message.Publisher, each.At);
                    break;
                case What.Confirmed:
                    confirmed.Add(message);
                    var gap = Stopwatch.GetElapsedTime(lastConfirm.GetValueOrDefault(message.Publisher, each.At), each.At);
                    if (gap > gaps.GetValueOrDefault(message.Publisher)) gaps[message.Publisher] = gap;
                    lastConfirm[message.Publisher] = each.At;
                    break;
                case What.Nacked:
                    counts[0]++;
                    break;
                case What.Delivered:
                    if (each.Redelivered) counts[2]++;
                    else if (delivered.Contains(message)) counts[isSentOnce ? 1 : 3]++;
                    if (isSentOnce && acked.TryGetValue(message, out var ack)) ackedAgain.TryAdd(message, new AckedAgain(message, SinceBegin(ack.At), SinceBegin(each.At), ack.Session));
                    delivered.Add(message);
                    break;
                case What.Acked:
                    acked.TryAdd(message, each);
                    break;
            }
        }
        return new Verdict(
            confirmed.Count, sent.Values.Sum(), counts[0], counts[3], counts[1], [.. ackedAgain.Values], counts[2], gaps, [.. confirmed.Where(message => !acked.ContainsKey(message))], impossible, [.. OutOfOrder(history, sent)]);
    }

    private static IEnumerable<string> OutOfOrder(IReadOnlyList<HistoryEvent> history, Dictionary<MessageKey, int> sent)
    {
        var last = new Dictionary<(int Session, int Publisher), int>();
        foreach (var each in history)
        {
            if (each.What != What.Delivered || each.Redelivered || sent.GetValueOrDefault(each.Message) != 1) continue;
            var key = (each.Session, each.Message.Publisher);
            if (last.TryGetValue(key, out var before) && before >= each.Message.Number) yield return $"{each.Message} behind {before}";
            last[key] = each.Message.Number;
        }
    }
}
