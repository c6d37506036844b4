using System.Buffers;
using System.IO.Pipelines;
using Amqp.Broker.Channels;
using Amqp.Broker.Flow;
using Amqp.Broker.Loops;
using Amqp.Broker.Publishing;
using Amqp.Broker.Queues;
using Amqp.Core.Messages;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using AMQP.Net;

namespace Amqp.Broker.Connections;

/// <summary>
/// The write loop of a connection and sole owner of its <see cref="PipeWriter"/>. Whatever is to be sent is posted here, is
/// encoded straight into the socket's buffer, and everything that came meanwhile leaves in one flush. While the client does
/// not read, the flush does not complete and nothing more is encoded.
/// </summary>
/// <param name="answerBytesMax">Answers that may wait until <see cref="HasRoom"/> says no.</param>
/// <param name="memory">Is told of what waits here.</param>
/// <param name="watch">Is told when a flush waits for the client.</param>
/// <param name="roomAgain">Called when <see cref="HasRoom"/> had said no; from any thread.</param>
/// <param name="clientGone">Called when the client's end of the stream is gone; from any thread.</param>
/// <param name="failed">Called when nothing more can be sent because of an exception; from any thread.</param>
internal sealed class ConnectionOutput(
    PipeWriter writer, int answerBytesMax, MemoryBudget memory, SendWatch watch, Action roomAgain, Action clientGone, Action<Exception> failed)
    : IThreadPoolWorkItem, IDeliveryOutlet
{
    /// <summary>Encoded bytes after which a flush is due, though more is waiting. A flush costs the client a wake-up, and the system a
    /// packet at its end that is not full; but a client that does not read makes the broker hold so much (decision note 0012).</summary>
    private const int FlushBytes = 256 * 1024;

    /// <summary>A list of confirms that grew beyond this in a burst is replaced afterwards.</summary>
    private const int ConfirmsKept = 1024;

    private readonly Mailbox<OutboundItem> _mailbox = new();
    private readonly ByteWindow _answers = new(answerBytesMax);
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Confirm> _confirms = [];
    private readonly List<DirectReply> _replies = [];
    private bool _ended;
    private long _bytesWritten;
    private long _bytesFlushed;
    private long _flushes;

    /// <summary>Negotiated limit of a frame; set before the first content is posted.</summary>
    public int FrameMax { get; set; }

    /// <summary>Everything written so far; grows whenever something is sent, which is what heartbeats go by.</summary>
    public long BytesWritten => Volatile.Read(ref _bytesWritten);

    /// <summary>Of these, what the socket has not taken yet.</summary>
    public long BytesPending => Math.Max(0, BytesWritten - Volatile.Read(ref _bytesFlushed));

    /// <summary>How often something was sent.</summary>
    public long Flushes => Volatile.Read(ref _flushes);

    /// <summary>False while the client does not read what it has asked for.</summary>
    public bool HasRoom() => _answers.HasRoom();

    /// <summary>Completes when everything up to <see cref="OutboundItem.End"/> has been handed to the socket, or it is dead.</summary>
    public Task Completed => _completed.Task;

    public void Post(in OutboundItem item)
    {
        var answerBytes = item.AnswerBytes;
        if (answerBytes > 0)
        {
            _answers.Add(answerBytes);
            memory.Add(answerBytes);
        }
        if (_mailbox.Post(item)) Start();
    }

    /// <inheritdoc/>
    void IDeliveryOutlet.Post(ReadOnlySpan<Delivery> deliveries, long bytes)
    {
        memory.Add(bytes);
        if (_mailbox.Post(deliveries, OutboundItem.Of)) Start();
    }

    /// <summary>Sends one method. It is encoded here and now, by the caller.</summary>
    public void Send<TMethod>(ushort channel, in TMethod method)
        where TMethod : struct, IMethod<TMethod>
    {
        var frame = new ArrayBufferWriter<byte>();
        FrameWriter.WriteMethod(frame, channel, method);
        Post(OutboundItem.Frames(frame.WrittenSpan.ToArray()));
    }

    void IThreadPoolWorkItem.Execute() => _ = Drain(int.MaxValue);

    /// <summary>Sends what has come so far on this thread, and leaves what comes meanwhile to another. Only for <see cref="Turn"/>.</summary>
    public void RunOnce() => _ = Drain(drainsMax: 1);

    private void Start()
    {
        if (!Turn.TryTake(this)) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private async Task Drain(int drainsMax)
    {
        for (var drains = 0; drains < drainsMax; drains++)
        {
            if (!_mailbox.TryDrain(out var items)) return;
            for (var next = 0; next < items.Count;)
            {
                var counted = 0L;
                try
                {
                    next = EncodeSome(items, next, out counted);
                    if (_ended) continue;
                    var flush = writer.FlushAsync();
                    if (!flush.IsCompleted) watch.FlushWaits();
                    var flushed = await flush;
                    watch.FlushEnded();
                    _bytesFlushed = _bytesWritten;
                    _flushes++;
                    if (!flushed.IsCompleted) continue;
                    End(); // the rest is counted and dropped
                    clientGone();
                }
#pragma warning disable CA1031 // Whatever ended this loop ends its connection; the rest is counted and dropped.
                catch (Exception exception) when (!_ended)
#pragma warning restore CA1031
                {
                    _ended = true;
                    _completed.TrySetResult();
                    failed(exception);
                }
                finally
                {
                    if (counted > 0) memory.Add(-counted);
                }
            }
        }
        if (!_mailbox.TryRest()) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Encodes from <paramref name="next"/> on until a flush is due; returns where to go on.</summary>
    /// <param name="counted">What of it counts as memory until it is flushed.</param>
    private int EncodeSome(BatchList<OutboundItem> items, int next, out long counted)
    {
        var span = items.Items;
        var start = _ended ? 0 : writer.UnflushedBytes;
        ConsumerLink? consumer = null;
        var consumerBytes = 0;
        var deliveryBytes = 0L;
        var answerBytes = 0L;
        _replies.Clear();
        for (; next < span.Length && (_ended || writer.UnflushedBytes - start < FlushBytes); next++)
        {
            ref readonly var item = ref span[next];
            if (!_ended) Encode(item);
            answerBytes += item.AnswerBytes;
            if (item.Kind == OutboundKind.DirectReply) _replies.Add((DirectReply)item.Payload!);
            if (item.Kind != OutboundKind.Delivery) continue;
            var size = ((Message)item.Payload!).Size;
            deliveryBytes += size;
            // What is dropped makes no room: the queue would go on handing out messages to be dropped until the consumer is released.
            if (_ended || item.Channel!.IsClosed) continue;
            if (item.Link != consumer)
            {
                consumer?.Written(consumerBytes);
                (consumer, consumerBytes) = ((ConsumerLink)item.Link!, 0);
            }
            consumerBytes += size;
        }
        consumer?.Written(consumerBytes);
        if (answerBytes > 0 && _answers.Remove(answerBytes)) roomAgain();
        if (!_ended) _bytesWritten += writer.UnflushedBytes - start;
        foreach (var reply in _replies) deliveryBytes += GiveBack(reply);
        _replies.Clear();
        counted = deliveryBytes + answerBytes; // only now: what fails is encoded, and so counted, again
        return next;
    }

    private void Encode(in OutboundItem item)
    {
        switch (item.Kind)
        {
            case OutboundKind.Frames: writer.Write((byte[])item.Payload!); break;
            case OutboundKind.Delivery: EncodeDelivery(item); break;
            case OutboundKind.DirectReply: EncodeDirectReply(item); break;
            case OutboundKind.GetOk: EncodeGetOk(item); break;
            case OutboundKind.Return: EncodeReturn(item); break;
            case OutboundKind.Cancel: EncodeCancel(item); break;
            case OutboundKind.Confirms: EncodeConfirms(item.Channel!); break;
            case OutboundKind.Heartbeat: FrameWriter.WriteHeartbeat(writer); break;
            case OutboundKind.End: End(); break;
            default: throw new InvalidOperationException($"unknown outbound item {item.Kind}");
        }
    }

    private void EncodeDelivery(in OutboundItem item)
    {
        var channel = item.Channel!;
        // The channel was closed while this waited. Its messages go back by the release of their holders, and the client
        // expects nothing more here.
        if (channel.IsClosed) return;
        var consumer = (ConsumerLink)item.Link!;
        var message = (Message)item.Payload!;
        var tag = consumer.AutoAck ? channel.Tags.Next() : channel.Tags.Add(consumer, item.Position);
        channel.ToClient.AddHandedOut(consumer.AutoAck ? Measure.DeliveredAutoAck : Measure.Delivered, item.Redelivered);
        FrameWriter.WriteMethod(
            writer, channel.Number, new BasicDeliver(consumer.Tag, tag, item.Redelivered, message.Exchange, message.RoutingKey));
        WriteContent(channel.Number, message);
        if (channel.Firehose.IsOn(channel.Connection.Vhost)) channel.Firehose.Delivered(channel, message, consumer.Queue.Definition.Name, item.Redelivered);
        if (channel.Tracing.IsOn) channel.Tracing.HandedOut(channel, message, consumer.Queue.Definition, consumer.Tag, item.Redelivered);
    }

    private void EncodeDirectReply(in OutboundItem item)
    {
        var channel = item.Channel!;
        var (consumer, message, _) = (DirectReply)item.Payload!;
        // Cancelled by now: a reply that was on its way must not follow cancel-ok.
        if (channel.IsClosed || consumer.IsCancelled) return;
        FrameWriter.WriteMethod(writer, channel.Number, new BasicDeliver(
            consumer.Tag, channel.Tags.Next(), Redelivered: false, message.Exchange, message.RoutingKey));
        WriteContent(channel.Number, message);
    }

    /// <summary>The reply is with this output alone: what it takes counts here until it is flushed.</summary>
    private long GiveBack(DirectReply reply)
    {
        memory.Add(reply.Message.Size);
        reply.Credit.GiveBack(reply.Message.Size);
        return reply.Message.Size;
    }

    private void EncodeGetOk(in OutboundItem item)
    {
        var channel = item.Channel!;
        if (channel.IsClosed) return;
        var message = (Message)item.Payload!;
        var tag = item.Link is null ? channel.Tags.Next() : channel.Tags.Add(item.Link, item.Position);
        channel.ToClient.AddHandedOut(item.Link is null ? Measure.GotAutoAck : Measure.Got, item.Redelivered);
        FrameWriter.WriteMethod(writer, channel.Number, new BasicGetOk(
            tag, item.Redelivered, message.Exchange, message.RoutingKey, (uint)item.Remaining));
        WriteContent(channel.Number, message);
    }

    private void EncodeReturn(in OutboundItem item)
    {
        var message = (Message)item.Payload!;
        FrameWriter.WriteMethod(writer, item.Channel!.Number, new BasicReturn(
            ReplyCode.NoRoute, ReplyCode.NoRoute.Name(), message.Exchange, message.RoutingKey));
        WriteContent(item.Channel.Number, message);
        // Only now, because a return has to precede the confirm of its message.
        if (item.Position > 0) item.Channel.Confirms!.Taken(item.Position);
    }

    private void EncodeConfirms(ChannelSession channel)
    {
        if (channel.IsClosed) return;
        var isMore = channel.Confirms!.Take(_confirms);
        foreach (var (number, multiple, isRefused) in _confirms)
        {
            if (isRefused) FrameWriter.WriteMethod(writer, channel.Number, new BasicNack((ulong)number, multiple, Requeue: false));
            else FrameWriter.WriteMethod(writer, channel.Number, new BasicAck((ulong)number, multiple));
        }
        _confirms.Clear();
        if (_confirms.Capacity > ConfirmsKept) _confirms.Capacity = 0;
        if (isMore) Post(OutboundItem.Confirms(channel));
    }

    private void EncodeCancel(in OutboundItem item)
    {
        var channel = item.Channel!;
        // Posted by a queue's actor, perhaps behind the close-ok of a channel that closed just now.
        if (channel.IsClosed) return;
        FrameWriter.WriteMethod(writer, channel.Number, new BasicCancel(((ConsumerLink)item.Link!).Tag, NoWait: true));
    }

    private void WriteContent(ushort channel, Message message) =>
        FrameWriter.WriteContent(writer, channel, message.Content, FrameMax);

    private void End()
    {
        if (_ended) return;
        _ended = true;
        _ = Finish();
    }

    private async Task Finish()
    {
        try
        {
            await writer.FlushAsync();
            await writer.CompleteAsync();
        }
#pragma warning disable CA1031 // The socket is gone, which is what was asked for.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
        _completed.TrySetResult();
    }
}
