using Amqp.Core.Metrics;

namespace Amqp.Management.Http;

/// <summary>What was counted, as RabbitMQ's <c>message_stats</c>: each number with its rate over the last five seconds.</summary>
internal static class MessageStats
{
    private static readonly (string Name, Measure Measure)[] OfClients =
    [
        ("publish", Measure.Published),
        ("confirm", Measure.Confirmed),
        ("return_unroutable", Measure.Returned),
        ("drop_unroutable", Measure.Dropped),
        ("deliver", Measure.Delivered),
        ("deliver_no_ack", Measure.DeliveredAutoAck),
        ("get", Measure.Got),
        ("get_no_ack", Measure.GotAutoAck),
        ("get_empty", Measure.GetEmpty),
        ("redeliver", Measure.Redelivered),
        ("ack", Measure.Acknowledged),
    ];

    private static readonly (string Name, Measure Measure)[] OfQueues = [.. OfClients.Where(known =>
        known.Measure is not (Measure.Confirmed or Measure.Returned or Measure.Dropped))];

    private static readonly (string Name, Measure Measure)[] OfExchanges = [("publish_in", Measure.Published), ("publish_out", Measure.Routed)];

    private static readonly Measure[] HandedOut = [Measure.Delivered, Measure.DeliveredAutoAck, Measure.Got, Measure.GotAutoAck];

    /// <summary>Of a channel, a connection, a virtual host or the node.</summary>
    public static IReadOnlyDictionary<string, object> OfClient(Meter? meter, Past past) => Of(meter, past, OfClients, handsOut: true);

    public static IReadOnlyDictionary<string, object> OfQueue(IReading meter, Past past) => Of(meter, past, OfQueues, handsOut: true);

    public static IReadOnlyDictionary<string, object> OfExchange(Meter? meter, Past past) => Of(meter, past, OfExchanges, handsOut: false);

    /// <summary>Empty when nothing was counted.</summary>
    private static Dictionary<string, object> Of(IReading? meter, Past past, (string Name, Measure Measure)[] known, bool handsOut)
    {
        var stats = new Dictionary<string, object>();
        if (meter is null || known.All(each => meter[each.Measure] == 0)) return stats;
        foreach (var (name, measure) in known) Add(name, measure);
        if (handsOut) Add("deliver_get", HandedOut);
        return stats;

        void Add(string name, params ReadOnlySpan<Measure> measures)
        {
            var sum = 0L;
            foreach (var measure in measures) sum += meter[measure];
            stats[name] = sum;
            stats[name + "_details"] = Past.Details(meter, past.MsgRates, measures);
        }
    }
}
