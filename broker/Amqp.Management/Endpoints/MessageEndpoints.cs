using System.Buffers;
using System.Text;
using Amqp.Core.Messages;
using Amqp.Management.Clients;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Amqp.Management.OpenApi;
using AMQP.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Publishing a message, and getting some, over HTTP: for trying out, and for tests. Each request is a connection of its own (<see cref="UserChannel"/>).</summary>
internal sealed class MessageEndpoints(INodeHost host)
{
    /// <summary>When so much of bodies was got, no more messages are got: there are fewer in the answer than were asked for, and the others stay where they are.</summary>
    private const long GotBytesMax = 64 << 20;

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapPost("/exchanges/{vhost}/{exchange}/publish", Publish)
            .For(Right.InVhost, "Publishes a message and waits until it is confirmed").WithBody("""{"properties":{"delivery_mode":2},"routing_key":"order.new","payload":"...","payload_encoding":"string"}""");
        api.MapPost("/queues/{vhost}/{queue}/get", Get)
            .For(Right.InVhost, "Gets messages, which stay in the queue with ack_requeue_true and go with ack_requeue_false").WithBody("""{"count":5,"ackmode":"ack_requeue_true","encoding":"auto","truncate":50000}""");
    }

    private async Task<IResult> Publish(HttpContext context, PathNames names, Body body, Requester who)
    {
        if (host.Node.Topology.Find(names["vhost"]) is not { } vhost || vhost.FindExchange(ExchangeEndpoints.NameIn(names["exchange"])) is not { } exchange) return Answer.NotFound;
        var publish = new BasicPublish(exchange.Name, ShortText.Of("routing_key", body.Text("routing_key")), Mandatory: true, Immediate: false);
        var properties = PropertiesJson.Of(body.Value("properties")).Encode();
        var content = Content.Copy([.. properties, .. Payload(body)], properties.Length);
        return await UserChannel.Use(host, context, who, vhost, async channel =>
        {
            await channel.Send(default(ConfirmSelect));
            await channel.Expect<ConfirmSelectOk>();
            await channel.Send(publish, content);
            var isReturned = false;
            while (true)
            {
                switch (await channel.Receive())
                {
                    case UserChannel.WithContent { Method: BasicReturn }:
                        isReturned = true;
                        break;
                    case BasicAck:
                        return Answer.Of(new { routed = !isReturned });
                    case BasicNack:
                        return Answer.BadRequest("rejected Unable to publish message. Check queue limits.");
                }
            }
        });
    }

    /// <exception cref="BadRequestException">There is none, or it is not encoded as it says.</exception>
    private static byte[] Payload(Body body)
    {
        var (payload, encoding) = (body.Text("payload"), body.Text("payload_encoding"));
        if (encoding == "string") return Encoding.UTF8.GetBytes(payload);
        if (encoding != "base64") throw new BadRequestException($"{{unsupported_encoding,{encoding}}}");
        var bytes = new byte[payload.Length];
        return Convert.TryFromBase64String(payload, bytes, out var length) ? bytes[..length] : throw new BadRequestException("the payload is not base64");
    }

    private async Task<IResult> Get(HttpContext context, PathNames names, Body body, Requester who)
    {
        if (host.Node.Topology.Find(names["vhost"]) is not { } vhost || vhost.FindQueue(names["queue"]) is not { } queue) return Answer.NotFound;
        var (mode, count, encoding) = (body.Text("ackmode"), body.IntegerOrText("count"), body.Text("encoding"));
        if (encoding is not ("auto" or "base64")) return Answer.BadRequest("Unsupported encoding. Please use auto or base64.");
        if (mode is not ("ack_requeue_true" or "ack_requeue_false" or "reject_requeue_true" or "reject_requeue_false"))
            return Answer.BadRequest("ackmode has to be ack_requeue_true, ack_requeue_false, reject_requeue_true or reject_requeue_false");
        if (count < 0) return Answer.BadRequest("count cannot be negative");
        var truncate = body.ValueOrNull("truncate") is null ? long.MaxValue : body.IntegerOrText("truncate");
        if (truncate < 0) return Answer.BadRequest("truncate cannot be negative");
        return await UserChannel.Use(host, context, who, vhost, async channel =>
        {
            var got = new List<object>();
            var tags = new List<ulong>();
            for (var bytes = 0L; got.Count < count && bytes < GotBytesMax;)
            {
                await channel.Send(new BasicGet(queue.Name, NoAck: mode == "ack_requeue_false"));
                if (await channel.Receive() is not UserChannel.WithContent { Method: BasicGetOk get } message) break;
                var shown = message.Content.Body.Slice(0, Math.Min(truncate, message.Content.BodySize)).ToArray();
                bytes += shown.Length;
                got.Add(Show(get, message.Content, shown, isBase64: encoding == "base64"));
                tags.Add(get.DeliveryTag);
            }
            // Not before all were got, or the same would be got again.
            foreach (var tag in tags)
            {
                if (mode == "ack_requeue_true") await channel.Send(new BasicNack(tag, Multiple: false, Requeue: true));
                else if (mode != "ack_requeue_false") await channel.Send(new BasicReject(tag, Requeue: mode == "reject_requeue_true"));
            }
            return Answer.Of(got);
        });
    }

    private static object Show(in BasicGetOk get, in Content content, byte[] shown, bool isBase64)
    {
        var (payload, encoding) = MessageJson.Encode(shown, asText: !isBase64);
        return new
        {
            payload_bytes = content.BodySize,
            redelivered = get.Redelivered,
            exchange = get.Exchange,
            routing_key = get.RoutingKey,
            message_count = get.MessageCount,
            properties = PropertyTable.Of(content.Properties),
            payload,
            payload_encoding = encoding,
        };
    }
}
