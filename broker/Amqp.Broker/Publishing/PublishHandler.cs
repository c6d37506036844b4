using Amqp.Broker.Channels;
using Amqp.Broker.Connections;
using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Publishing;

/// <summary>
/// basic.publish: the method, its header and bodies become one <see cref="Message"/>, which is checked in RabbitMQ's order,
/// routed on the current topology and handed to the pending posts of its queues.
/// </summary>
internal sealed class PublishHandler(ChannelSession channel)
{
    /// <summary>Properties that ask for more than passing on. Most messages carry none of them.</summary>
    private const PropertyFlags Special =
        PropertyFlags.UserId | PropertyFlags.Expiration | PropertyFlags.ReplyTo | PropertyFlags.Headers;

    /// <summary>What a message on its way to one more queue takes.</summary>
    private const int OperationBytes = 64;

    private readonly AmqpConnection _connection = channel.Connection;
    private readonly ContentAssembler _assembler = new(channel.Connection.Services.Limits.MessageBytes);
    private BasicPublish _publish;

    // Where the last message went that others can follow: with the same topology, and the very names, which the connection's pool of
    // strings gives to the same bytes, so does the next.
    private TopologySnapshot? _topology;
    private string? _exchangeName;
    private string? _routingKey;
    private Route? _route;
    private int _generation;
    private long _keptBytes;

    /// <summary>A header or body must be next.</summary>
    public bool ExpectsContent { get; private set; }

    public ValueTask Begin(BasicPublish publish)
    {
        if (publish.Immediate) throw new BrokerException(BrokerError.ImmediateNotImplemented);
        _assembler.Begin(MethodId.BasicPublish);
        _publish = publish;
        ExpectsContent = true;
        return ValueTask.CompletedTask;
    }

    /// <summary>Takes a frame that is no method, or any frame while content is due.</summary>
    public ValueTask Content(in Frame frame)
    {
        var state = ContentState.Incomplete;
        switch (frame.Type)
        {
            case FrameType.Header:
                _connection.BeginContent();
                state = _assembler.AddHeader(frame.Payload);
                break;
            case FrameType.Body:
                state = _assembler.AddBody(frame);
                if (state == ContentState.Incomplete) Keep(frame.Size);
                break;
            default: _assembler.ExpectMethod(); break; // throws: this is called for a method only while content is due
        }
        if (state == ContentState.TooLarge)
        {
            var size = (long)Math.Min(_assembler.BodySize, long.MaxValue);
            throw new BrokerException(BrokerError.MessageTooLarge(size, _connection.Services.Limits.MessageBytes));
        }
        if (state == ContentState.Complete)
        {
            ExpectsContent = false;
            Forget();
            Publish(_assembler.Take());
        }
        return ValueTask.CompletedTask;
    }

    /// <summary>What was kept of a content counts no more: it is complete, or its channel is closed.</summary>
    public void Forget()
    {
        if (_keptBytes == 0) return;
        _connection.Services.Memory.Add(-_keptBytes);
        _keptBytes = 0;
    }

    /// <summary>Part of a large body has come. Who sends it is not read on while an alarm is on, or the rest would fill the memory all the same.</summary>
    private void Keep(int bytes)
    {
        _keptBytes += bytes;
        _connection.Services.Memory.Add(bytes);
        _connection.ContinueContent();
    }

    private void Publish(Content content)
    {
        var topology = _connection.Services.Topology.Current;
        var isKnown = topology == _topology && _generation == _connection.Routes.Generation && ReferenceEquals(_publish.RoutingKey, _routingKey) && ReferenceEquals(_publish.Exchange, _exchangeName);
        var exchange = isKnown ? null : _connection.Routes.FindExchange(topology, _publish.Exchange, _publish.RoutingKey);
        var properties = content.Properties;
        var expirationMs = -1L;
        var addsKeys = false;
        if ((properties.Flags & Special) != PropertyFlags.None)
        {
            content = ReplaceReplyTo(content);
            CheckUserId(properties);
            if (Expiration.Parse(properties.Expiration, out expirationMs) is { } invalid) throw new BrokerException(invalid);
            addsKeys = properties.HasHeader("CC"u8) || properties.HasHeader("BCC"u8);
        }

        var route = isKnown && !addsKeys ? _route! : FindRoute(topology, exchange, properties, addsKeys);
        var message = new Message(_publish.Exchange, _publish.RoutingKey, addsKeys && !route.IsKeptBack ? WithoutBcc(content) : content)
        {
            ExpirationMs = expirationMs,
            IsShared = route.Queues.Length + route.Absent.Length > 1,
            BodyId = route.SharesBody && properties.IsPersistent ? _connection.Services.Messages.NextBodyId() : 0,
        };
        if (channel.Firehose.IsOn(_connection.Vhost)) channel.Firehose.Published(channel, message, route);
        if (channel.Tracing.IsOn) channel.Tracing.Published(channel, message, route);
        foreach (var address in route.DirectReplies) Reply(address, message);
        // What goes nowhere, and is not wanted back, need not wait for a commit.
        if (channel.Transaction is { } transaction && (_publish.Mandatory || !route.LeadsNowhere)) transaction.Publish(message, route, _publish.Mandatory);
        else Post(message, route);
    }

    private Route FindRoute(TopologySnapshot topology, Exchange? exchange, BasicProperties properties, bool addsKeys)
    {
        exchange ??= _connection.Routes.FindExchange(topology, _publish.Exchange, _publish.RoutingKey);
        var route = _connection.Routes.Find(exchange, _publish.RoutingKey, properties, addsKeys, out var isForAll);
        if (isForAll) (_topology, _generation, _exchangeName, _routingKey, _route) = (topology, _connection.Routes.Generation, _publish.Exchange, _publish.RoutingKey, route);
        return route;
    }

    /// <summary>A reply takes of the responder's credit until it is written. So a requester that does not read holds back its responder,
    /// but only until it is disconnected (<see cref="Core.Limits.SendMs"/>).</summary>
    private void Reply(string address, Message message)
    {
        if (!_connection.Services.DirectReplies.TryFind(address, out var consumer)) return;
        _connection.Credit.Take(message.Size);
        consumer.Channel.Output.Post(OutboundItem.DirectReply(consumer, message, _connection.Credit));
    }

    private void Post(Message message, Route route)
    {
        // As in RabbitMQ, a direct reply does not count as routed.
        var isReturned = _publish.Mandatory && route.ReachesNone;
        var confirms = channel.Confirms;
        // Each queue answers for the message; a returned one is answered for when it has been written to the client.
        var number = confirms?.Add(isReturned ? 1 : route.Queues.Length) ?? 0;
        // Queues have one message between them, and an operation each.
        var shareBytes = route.Queues.Length > 1 ? (message.Size / route.Queues.Length) + OperationBytes : message.Size;
        foreach (var queue in route.Queues) _connection.Posts.AddPublish(queue, message, confirms, number, shareBytes);
        if (isReturned) channel.Output.Post(OutboundItem.Return(channel, message, number));
        channel.CountPublish(route, message.BodySize, route.Queues.Length, _publish.Mandatory);
    }

    /// <summary>A requester names the pseudo-queue; the replier gets the address of this channel.</summary>
    private Content ReplaceReplyTo(Content content)
    {
        if (content.Properties.ReplyTo != Names.DirectReplyTo) return content;
        if (channel.ReplyConsumer is not { } consumer) throw new BrokerException(BrokerError.NoReplyConsumer);
        var replaced = MutableProperties.From(content.Properties);
        replaced.ReplyTo = consumer.Address;
        return content.With(replaced);
    }

    private void CheckUserId(BasicProperties properties)
    {
        if (properties.UserId is not { } claimed || claimed == _connection.User) return;
        if (_connection.Services.Topology.Current.FindUser(_connection.User)?.Tags.Contains(User.Impersonator) == true) return;
        throw new BrokerException(BrokerError.UserIdMismatch(claimed, _connection.User));
    }

    /// <summary>The keys of BCC are for routing alone: consumers do not see them.</summary>
    private static Content WithoutBcc(Content content)
    {
        if (content.Properties.Headers is not { } headers || !headers.Contains("BCC")) return content;
        var replaced = MutableProperties.From(content.Properties);
        replaced.Headers = headers.Without("BCC");
        return content.With(replaced);
    }
}
