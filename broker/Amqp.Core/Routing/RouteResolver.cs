using System.Runtime.InteropServices;
using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Core.Routing;

/// <summary>
/// From an exchange to queues: what is the same for all types of exchanges. Exchanges bound to exchanges are followed, each
/// once, so that cycles end; where no binding matches, the alternate exchange is asked; CC and BCC headers add routing keys;
/// a queue that is found twice gets the message once.
/// </summary>
public static class RouteResolver
{
    /// <param name="exchange">An exchange of <paramref name="vhost"/>, from the same snapshot.</param>
    /// <param name="properties">The message's.</param>
    /// <param name="headers">Those of them that it is routed by; null if it has none.</param>
    /// <param name="result">Overwritten.</param>
    /// <param name="isPassed">The exchange has kept the message back, and lets it go now.</param>
    /// <returns>406 if a CC or BCC header is no array, or a delay that one of the exchanges is asked for is none; null otherwise. A message that no queue gets
    /// is no error here.</returns>
    public static BrokerError? Resolve(
        VirtualHost vhost, Exchange exchange, string routingKey, BasicProperties properties, FieldTable? headers, RouteResult result, bool isPassed = false)
    {
        result.Clear();
        if (headers is not null && AddHeaderKeys(routingKey, headers, result) is { } error) return error;
        var keys = result.Keys.Count == 0 ? new ReadOnlySpan<string>(in routingKey) : CollectionsMarshal.AsSpan(result.Keys);
        Visit(exchange, result);
        while (result.Pending.TryPop(out var next))
        {
            if (next.OwnQueue is { } own && !(isPassed && next == exchange))
            {
                if (Keep(own, headers, result, out var isKeptBack) is { } invalid) return invalid;
                if (isKeptBack) continue;
            }
            Route(vhost, next, new(keys, headers, properties), result);
        }
        return null;
    }

    /// <summary>An exchange keeps the message, if it is one to be kept.</summary>
    /// <param name="isKeptBack">It is not routed yet.</param>
    private static BrokerError? Keep(QueueDefinition own, FieldTable? headers, RouteResult result, out bool isKeptBack)
    {
        result.Cacheable = isKeptBack = false;
        var isKept = false;
        switch (own.Settings.Role)
        {
            case QueueRole.Delays:
                if (Delay.Check(headers, out isKeptBack) is { } invalid) return invalid;
                break;
            case QueueRole.Deduplication:
                isKeptBack = HeaderKey.Of(headers, HeaderKey.Deduplication) is not null;
                break;
            default:
                isKept = RecentHistory.Takes(headers);
                break;
        }
        if (isKept || isKeptBack) result.Add(own);
        return null;
    }

    private static void Route(VirtualHost vhost, Exchange exchange, RoutingInput input, RouteResult result)
    {
        if (exchange.IsDefault)
        {
            if (result.Exchanges.Count > 1) result.Cacheable = false;
            RouteByQueueName(vhost, input.Keys, result);
            return;
        }
        if (exchange.Router.DependsOnMoreThanKey) result.Cacheable = false;
        var matched = result.Matches.Destinations;
        matched.Clear();
        exchange.Router.Route(input, result.Matches);
        if (matched.Count == 0 && exchange.AlternateExchange is { } alternate) matched.Add(Destination.Exchange(alternate));
        foreach (var (kind, name) in matched)
        {
            if (kind == ResourceKind.Exchange) Visit(vhost.FindExchange(name), result);
            else if (vhost.FindQueue(name) is { } queue) result.Add(queue);
        }
    }

    private static void RouteByQueueName(VirtualHost vhost, ReadOnlySpan<string> keys, RouteResult result)
    {
        foreach (var key in keys)
        {
            if (vhost.FindQueue(key) is { } queue)
            {
                result.Add(queue);
            }
            else if (Names.IsDirectReply(key))
            {
                if (!result.DirectReplies.Contains(key)) result.DirectReplies.Add(key);
                result.Cacheable = false;
            }
            else if (!result.Absent.Contains(key))
            {
                result.Absent.Add(key);
            }
        }
    }

    /// <param name="exchange">Null for an alternate exchange that is not there (any more), which is no error.</param>
    private static void Visit(Exchange? exchange, RouteResult result)
    {
        if (exchange is null) result.Cacheable = false;
        if (exchange is null || result.Exchanges.Contains(exchange)) return;
        result.Exchanges.Add(exchange);
        result.Pending.Push(exchange);
    }

    private static BrokerError? AddHeaderKeys(string routingKey, FieldTable headers, RouteResult result)
    {
        // Asked for as bytes first: decoding a table only to learn that they are not there would cost every message dearly.
        if (!headers.Contains("CC"u8) && !headers.Contains("BCC"u8)) return null;
        foreach (var header in (ReadOnlySpan<string>)["CC", "BCC"])
        {
            if (!headers.TryGet(header, out var value)) continue;
            if (value.Type != FieldType.Array) return BrokerError.RoutingHeaderNotArray(header, value.Type);
            if (result.Keys.Count == 0) result.Keys.Add(routingKey);
            result.Cacheable = false;
            // RabbitMQ overlooks elements that are no strings.
            foreach (var key in value.AsArray)
            {
                if (key.Type == FieldType.LongString) result.Keys.Add(key.AsText);
            }
        }
        return null;
    }
}
