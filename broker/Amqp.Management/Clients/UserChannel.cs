using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Amqp.Broker.Connections;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using AMQP.Net;
using Microsoft.AspNetCore.Http;

namespace Amqp.Management.Clients;

/// <summary>
/// A channel for the user who sends a request, on a connection that does not leave the process. What is published and got over HTTP goes the way of all other clients: with their
/// permissions, limits and errors. As in RabbitMQ it is seen among the connections while it is there.
/// </summary>
internal sealed class UserChannel : IAsyncDisposable
{
    private const ushort Number = 1;

    /// <summary>So long a request waits for an answer of the broker, which may have to wait for mirrors or for room on the disk.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>The broker hears nothing from this side between requests, so that this has to be more than half of <see cref="Patience"/>.</summary>
    private const ushort HeartbeatSeconds = 20;

    private static readonly FieldTable Properties = FieldTable.From(
        ("product", FieldValue.From("HTTP API")),
        ("capabilities", FieldValue.From(FieldTable.From(
            ("connection.blocked", FieldValue.From(true)),
            ("basic.nack", FieldValue.From(true)),
            ("publisher_confirms", FieldValue.From(true))))));

    // Without a limit: what is written is a part of the request's body, and who waited here would not hear that no messages are taken.
    private readonly Pipe _toBroker = new(new PipeOptions(pauseWriterThreshold: 0));
    private readonly Pipe _fromBroker = new();
    private readonly Queue<object> _received = [];
    private readonly FrameReader _frames = new(Frame.MinSize);
    private readonly ContentAssembler _contents = new(int.MaxValue);
    private readonly CancellationTokenSource _end;
    private object? _withContent;
    private int _frameMax = Frame.MinSize;

    private UserChannel(INodeHost host, HttpContext context, string user)
    {
        _end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        _end.CancelAfter(Patience);
        var (peer, local) = (context.Connection.RemoteIpAddress ?? IPAddress.None, context.Connection.LocalIpAddress ?? IPAddress.None);
        var ends = (Peer: new IPEndPoint(peer, context.Connection.RemotePort), Local: new IPEndPoint(local, context.Connection.LocalPort));
        _ = host.Node.Connections.Serve(new Transport(new BrokerEnd(_toBroker.Reader, _fromBroker.Writer), $"{ends.Peer} -> {ends.Local}", $"{peer}", IPAddress.IsLoopback(peer), Abort)
        {
            Peer = ends.Peer,
            Local = ends.Local,
            KnownUser = user,
        });
    }

    /// <summary>Opens one, does something with it, and closes it.</summary>
    /// <returns>What came of that, or why the broker refused it.</returns>
    public static async Task<IResult> Use(INodeHost host, HttpContext context, Requester who, VirtualHost vhost, Func<UserChannel, Task<IResult>> use)
    {
        if (who.Name is not { } user) return Answer.BadRequest("messages are published and got as a user: use the HTTP port, with a name and a password");
        await using var channel = new UserChannel(host, context, user);
        try
        {
            await channel.Open(vhost.Name);
            var result = await use(channel);
            await channel.Close();
            return result;
        }
        catch (ClosedException exception)
        {
            return Answer.Closed(exception.Code, exception.Message);
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            return Answer.Unavailable($"the broker has not answered within {Patience.TotalSeconds} seconds");
        }
    }

    /// <summary>Sends a method on the channel.</summary>
    public ValueTask Send<TMethod>(in TMethod method)
        where TMethod : struct, IMethod<TMethod>
    {
        FrameWriter.WriteMethod(_toBroker.Writer, Number, method);
        return Flush();
    }

    /// <summary>Sends basic.publish with a message.</summary>
    public ValueTask Send(in BasicPublish publish, in Content content)
    {
        FrameWriter.WriteMethod(_toBroker.Writer, Number, publish);
        FrameWriter.WriteContent(_toBroker.Writer, Number, content, _frameMax);
        return Flush();
    }

    /// <summary>Waits for a method, or for one with a message (<see cref="WithContent"/>).</summary>
    /// <exception cref="ClosedException">The broker closes the channel, or does not take messages at this time.</exception>
    public async Task<object> Receive()
    {
        while (_received.Count == 0)
        {
            var read = await _fromBroker.Reader.ReadAsync(_end.Token);
            if (read.IsCanceled) throw new ClosedException(ReplyCode.ConnectionForced, "the broker has dropped the connection");
            _frames.Feed(read.Buffer);
            while (TakeFrame())
            {
            }
            _fromBroker.Reader.AdvanceTo(_frames.Consumed, read.Buffer.End);
            if (read.IsCompleted && _received.Count == 0) throw new ClosedException(ReplyCode.ConnectionForced, "the connection has ended");
        }
        return _received.Dequeue() switch
        {
            ChannelClose close => throw new ClosedException(close.ReplyCode, close.ReplyText),
            ConnectionClose close => throw new ClosedException(close.ReplyCode, close.ReplyText),
            ConnectionBlocked blocked => throw new ClosedException(ReplyCode.ResourceError, $"no messages are taken at this time: {blocked.Reason}"),
            var received => received,
        };
    }

    public async ValueTask DisposeAsync()
    {
        // Where it was not closed, it is as if the client had gone: the broker notices with its next heartbeat at the latest, and what was got goes back to its queue.
        await _toBroker.Writer.CompleteAsync();
        await _fromBroker.Reader.CompleteAsync();
        _end.Dispose();
    }

    private async Task Open(string vhost)
    {
        _toBroker.Writer.Write(ProtocolHeader.Bytes);
        await Flush();
        await Expect<ConnectionStart>();
        await SendToConnection(new ConnectionStartOk(Properties, "HTTP", Array.Empty<byte>(), "en_US"));
        var tune = await Expect<ConnectionTune>();
        await SendToConnection(new ConnectionTuneOk(tune.ChannelMax, tune.FrameMax, HeartbeatSeconds));
        _frames.FrameMax = _frameMax = (int)tune.FrameMax;
        await SendToConnection(new ConnectionOpen(vhost));
        await Expect<ConnectionOpenOk>();
        await Send(default(ChannelOpen));
        await Expect<ChannelOpenOk>();
    }

    /// <summary>After it, what was sent before has been done, and a list of connections does not show this one.</summary>
    private async Task Close()
    {
        await SendToConnection(new ConnectionClose(ReplyCode.Success, "", default));
        await Expect<ConnectionCloseOk>();
    }

    /// <summary>Waits for an answer that has to come next.</summary>
    public async Task<T> Expect<T>()
    {
        while (true)
        {
            if (await Receive() is T expected) return expected;
        }
    }

    private ValueTask SendToConnection<TMethod>(in TMethod method)
        where TMethod : struct, IMethod<TMethod>
    {
        FrameWriter.WriteMethod(_toBroker.Writer, channel: 0, method);
        return Flush();
    }

    private async ValueTask Flush() => await _toBroker.Writer.FlushAsync(_end.Token);

    private bool TakeFrame()
    {
        if (!_frames.TryRead(out var frame)) return false;
        switch (frame.Type)
        {
            case FrameType.Method when Method(frame) is { } method:
                if (!frame.MethodId.HasContent())
                {
                    _received.Enqueue(method);
                    break;
                }
                _withContent = method;
                _contents.Begin(frame.MethodId);
                break;
            case FrameType.Header when _contents.AddHeader(frame.Payload) == ContentState.Complete:
            case FrameType.Body when _contents.AddBody(frame) == ContentState.Complete:
                _received.Enqueue(new WithContent(_withContent!, _contents.Take()));
                break;
        }
        return true;
    }

    /// <returns>Null: it says nothing here.</returns>
    private static object? Method(in Frame frame) => frame.MethodId switch
    {
        MethodId.ConnectionStart => MethodReader.Read<ConnectionStart>(frame),
        MethodId.ConnectionTune => MethodReader.Read<ConnectionTune>(frame),
        MethodId.ConnectionOpenOk => MethodReader.Read<ConnectionOpenOk>(frame),
        MethodId.ConnectionClose => MethodReader.Read<ConnectionClose>(frame),
        MethodId.ConnectionCloseOk => MethodReader.Read<ConnectionCloseOk>(frame),
        MethodId.ConnectionBlocked => MethodReader.Read<ConnectionBlocked>(frame),
        MethodId.ChannelOpenOk => MethodReader.Read<ChannelOpenOk>(frame),
        MethodId.ChannelClose => MethodReader.Read<ChannelClose>(frame),
        MethodId.ConfirmSelectOk => MethodReader.Read<ConfirmSelectOk>(frame),
        MethodId.QueueDeclareOk => MethodReader.Read<QueueDeclareOk>(frame),
        MethodId.BasicAck => MethodReader.Read<BasicAck>(frame),
        MethodId.BasicNack => MethodReader.Read<BasicNack>(frame),
        MethodId.BasicReturn => MethodReader.Read<BasicReturn>(frame),
        MethodId.BasicGetOk => MethodReader.Read<BasicGetOk>(frame),
        MethodId.BasicGetEmpty => MethodReader.Read<BasicGetEmpty>(frame),
        _ => null,
    };

    private void Abort() => _fromBroker.Reader.CancelPendingRead();

    /// <summary>A method that carries a message.</summary>
    public sealed record WithContent(object Method, Content Content);

    /// <summary>Why the broker ended it.</summary>
    private sealed class ClosedException(ReplyCode code, string text) : Exception(text)
    {
        public ReplyCode Code => code;
    }

    /// <summary>The pipe as the broker has it.</summary>
    private sealed record BrokerEnd(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
