using System.Collections;
using System.Diagnostics.CodeAnalysis;
using Amqp.Core.Metrics;

namespace Amqp.Management.Http;

/// <summary>What was counted, as RabbitMQ's <c>message_stats</c>: each number with its rate over the last five seconds.</summary>
internal static class MessageStats
{
    private static readonly Dictionary<string, object> Nothing = [];

    private static readonly Counted[] OfClients =
    [
        new("publish", Measure.Published),
        new("confirm", Measure.Confirmed),
        new("return_unroutable", Measure.Returned),
        new("drop_unroutable", Measure.Dropped),
        new("deliver", Measure.Delivered),
        new("deliver_no_ack", Measure.DeliveredAutoAck),
        new("get", Measure.Got),
        new("get_no_ack", Measure.GotAutoAck),
        new("get_empty", Measure.GetEmpty),
        new("redeliver", Measure.Redelivered),
        new("ack", Measure.Acknowledged),
        new("deliver_get", Measure.Delivered, Measure.DeliveredAutoAck, Measure.Got, Measure.GotAutoAck),
    ];

    private static readonly Counted[] OfQueues = [.. OfClients.Where(known => known.Name is not ("confirm" or "return_unroutable" or "drop_unroutable"))];

    private static readonly Counted[] OfExchanges = [new("publish_in", Measure.Published), new("publish_out", Measure.Routed)];

    /// <summary>Of a channel, a connection, a virtual host or the node.</summary>
    public static IReadOnlyDictionary<string, object> OfClient(Meter? meter, Past past) => Of(meter, past, OfClients);

    public static IReadOnlyDictionary<string, object> OfQueue(IReading meter, Past past) => Of(meter, past, OfQueues);

    public static IReadOnlyDictionary<string, object> OfExchange(Meter? meter, Past past) => Of(meter, past, OfExchanges);

    /// <summary>Empty when nothing was counted.</summary>
    private static IReadOnlyDictionary<string, object> Of(IReading? meter, Past past, Counted[] known) =>
        meter is null || Array.TrueForAll(known, each => each.In(meter) == 0) ? Nothing : new Stats(meter, past, known);

    /// <summary>A number, and what it is the sum of.</summary>
    private sealed record Counted(string Name, params Measure[] Measures)
    {
        public long In(IReading meter)
        {
            var sum = 0L;
            foreach (var measure in Measures) sum += meter[measure];
            return sum;
        }
    }

    /// <summary>The numbers and their rates. Each is made when it is asked for: lists are sorted by one of them.</summary>
    private sealed class Stats(IReading meter, Past past, Counted[] known) : IReadOnlyDictionary<string, object>
    {
        private const string Details = "_details";

        public int Count => 2 * known.Length;

        public IEnumerable<string> Keys => this.Select(each => each.Key);

        public IEnumerable<object> Values => this.Select(each => each.Value);

        public object this[string key] => TryGetValue(key, out var value) ? value : throw new KeyNotFoundException(key);

        public bool ContainsKey(string key) => TryGetValue(key, out _);

        public bool TryGetValue(string key, [MaybeNullWhen(false)] out object value)
        {
            value = null;
            var wantsDetails = key.EndsWith(Details, StringComparison.Ordinal);
            var name = wantsDetails ? key.AsSpan(..^Details.Length) : key;
            foreach (var each in known)
            {
                if (!name.SequenceEqual(each.Name)) continue;
                value = wantsDetails ? DetailsOf(each) : each.In(meter);
                return true;
            }
            return false;
        }

        public IEnumerator<KeyValuePair<string, object>> GetEnumerator()
        {
            foreach (var each in known)
            {
                yield return KeyValuePair.Create<string, object>(each.Name, each.In(meter));
                yield return KeyValuePair.Create(each.Name + Details, DetailsOf(each));
            }
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        private object DetailsOf(Counted counted) => Past.Details(meter, past.MsgRates, counted.Measures);
    }
}
