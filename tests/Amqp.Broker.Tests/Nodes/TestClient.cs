using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using AMQP.Net;
using Amqp.Broker.Connections;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Nodes;

/// <summary>A frame that a client received.</summary>
internal sealed record ReceivedFrame(FrameType Type, ushort Channel, byte[] Payload)
{
    public MethodId? Method => Type == FrameType.Method ? new Frame(Type, Channel, Payload).MethodId : null;

    public T As<T>()
        where T : struct, IMethod<T> => MethodReader.Read<T>(new Frame(Type, Channel, Payload));

    public override string ToString() => Method switch
    {
        null => $"{Type} on {Channel}",
        MethodId.ChannelClose => $"channel.close on {Channel}: {As<ChannelClose>().ReplyText}",
        MethodId.ConnectionClose => $"connection.close: {As<ConnectionClose>().ReplyText}",
        { } method => $"{method} on {Channel}",
    };
}

/// <summary>
/// A client at a pair of pipes that stand for its socket. It does what the test says and nothing by itself: what it does not read
/// stays in the broker's output, as with a client that hangs.
/// </summary>
internal sealed class TestClient
{
    private static readonly PipeOptions Options = new(useSynchronizationContext: false);

    private readonly Pipe _toBroker = new(Options);
    private readonly Pipe _toClient = new(Options);
    private readonly FrameReader _frames = new(131_072);
    private readonly Lock _reading = new();
    private bool _dropped;
    private long _bytesTaken;

    public TestClient(BrokerNode broker, string address = "127.0.0.1")
    {
        Served = broker.Connections.Serve(new Transport(new Ends(_toBroker.Reader, _toClient.Writer), "client -> broker", address, IsLoopback: address == "127.0.0.1", Drop)
        {
            BytesTaken = () => Volatile.Read(ref _bytesTaken),
        });
    }

    /// <summary>Completes when the broker has done with this connection.</summary>
    public Task Served { get; }

    /// <summary>Heartbeats that <see cref="Read"/> has passed over.</summary>
    public int HeartbeatsRead { get; private set; }

    public async Task Handshake(ushort heartbeatSeconds = 0, bool wantsBlocked = false)
    {
        await LogIn("guest", "guest", wantsBlocked);
        var tune = await Expect<ConnectionTune>(0);
        Write(0, new ConnectionTuneOk(tune.ChannelMax, tune.FrameMax, heartbeatSeconds));
        await Send(0, new ConnectionOpen("/"));
        await Expect<ConnectionOpenOk>(0);
    }

    /// <summary>Says who it is; connection.tune or a refusal is next.</summary>
    public async Task LogIn(string user, string password, bool wantsBlocked = false)
    {
        await SendBytes(ProtocolHeader.Bytes.ToArray());
        await Expect<ConnectionStart>(0);
        var capabilities = FieldTable.From(
            ("consumer_cancel_notify", FieldValue.From(true)),
            ("connection.blocked", FieldValue.From(wantsBlocked)),
            ("authentication_failure_close", FieldValue.From(true)));
        await Send(0, new ConnectionStartOk(
            FieldTable.From(("capabilities", FieldValue.From(capabilities))), "PLAIN", Encoding.UTF8.GetBytes($"\0{user}\0{password}"), "en_US"));
    }

    /// <summary>The client's system takes a byte, which its socket would tell the broker.</summary>
    public void TakesOneByte() => Interlocked.Increment(ref _bytesTaken);

    public async Task OpenChannel(ushort channel)
    {
        await Send(channel, default(ChannelOpen));
        await Expect<ChannelOpenOk>(channel);
    }

    public async Task Declare(ushort channel, string queue, bool durable = false, bool exclusive = false, FieldTable? arguments = null)
    {
        await Send(channel, Declaration(queue, durable, exclusive, arguments: arguments));
        await Expect<QueueDeclareOk>(channel);
    }

    public static QueueDeclare Declaration(
        string queue, bool durable = false, bool exclusive = false, bool noWait = false, bool passive = false, FieldTable? arguments = null) =>
        new(queue, passive, durable, exclusive, AutoDelete: false, noWait, arguments ?? FieldTable.Empty);

    public static BasicConsume Consumption(string queue, string tag, bool noAck = false) =>
        new(queue, tag, NoLocal: false, noAck, Exclusive: false, NoWait: false, FieldTable.Empty);

    /// <summary>Consumes and waits for consume-ok, which must come before anything else.</summary>
    public async Task Consume(ushort channel, string queue, string tag, bool noAck = false)
    {
        await Send(channel, Consumption(queue, tag, noAck));
        await Expect<BasicConsumeOk>(channel);
    }

    /// <summary>How many ready messages a queue has; the answer of a passive declare.</summary>
    public async Task<uint> ReadyCount(ushort channel, string queue)
    {
        await Send(channel, Declaration(queue, passive: true));
        return (await Expect<QueueDeclareOk>(channel)).MessageCount;
    }

    /// <summary>Puts a method into the buffer that the next send takes along.</summary>
    public void Write<T>(ushort channel, T method)
        where T : struct, IMethod<T> => FrameWriter.WriteMethod(_toBroker.Writer, channel, method);

    public void WriteMessage(ushort channel, string queue, string body, bool mandatory = false, bool persistent = false, string exchange = "")
    {
        Write(channel, new BasicPublish(exchange, queue, mandatory, Immediate: false));
        FrameWriter.WriteContent(_toBroker.Writer, channel, new MutableProperties { DeliveryMode = persistent ? (byte)2 : null }.Encode(), Encoding.UTF8.GetBytes(body), 131_072);
    }

    public Task Send<T>(ushort channel, T method)
        where T : struct, IMethod<T>
    {
        Write(channel, method);
        return Flush();
    }

    public Task Publish(ushort channel, string queue, string body)
    {
        WriteMessage(channel, queue, body);
        return Flush();
    }

    /// <summary>Publishes a message without a body that wants an answer.</summary>
    public Task Request(ushort channel, string queue, string replyTo)
    {
        Write(channel, new BasicPublish("", queue, Mandatory: false, Immediate: false));
        FrameWriter.WriteContent(_toBroker.Writer, channel, new MutableProperties { ReplyTo = replyTo }.Encode(), ReadOnlyMemory<byte>.Empty, 131_072);
        return Flush();
    }

    /// <summary>The next frames have to be the delivery of such a message; returns where the answer is to go.</summary>
    public async Task<string> ExpectRequest(ushort channel)
    {
        await Expect<BasicDeliver>(channel);
        var assembler = new ContentAssembler(int.MaxValue);
        assembler.Begin(MethodId.BasicPublish);
        assembler.AddHeader((await Read())!.Payload);
        return assembler.Take().Properties.ReplyTo!;
    }

    public Task SendBytes(byte[] bytes)
    {
        _toBroker.Writer.Write(bytes);
        return Flush();
    }

    /// <summary>Completes when the broker takes more; the bytes may still be unread.</summary>
    public async Task Flush() => await _toBroker.Writer.FlushAsync();

    /// <summary>The next frame, or null at the end of the stream. Heartbeats are passed over.</summary>
    public Task<ReceivedFrame?> Read() => Read(Patience.Answer);

    public async Task<ReceivedFrame?> Read(TimeSpan patience)
    {
        while (true)
        {
            Task<ReadResult> reading;
            lock (_reading)
            {
                if (_dropped) return null;
                reading = _toClient.Reader.ReadAsync().AsTask();
            }
            ReadResult result;
            try
            {
                result = await reading.WaitAsync(patience);
            }
            catch (InvalidOperationException) when (_dropped)
            {
                return null;
            }
            ReceivedFrame? frame;
            lock (_reading)
            {
                // Dropped meanwhile: the bytes are not ours any more.
                if (_dropped) return null;
                frame = Cut(result.Buffer);
            }
            if (frame is null && result.IsCompleted) return null;
            if (frame is { Type: not FrameType.Heartbeat }) return frame;
            if (frame is not null) HeartbeatsRead++;
        }
    }

    /// <summary>The next frame has to be this method.</summary>
    public async Task<T> Expect<T>(ushort channel)
        where T : struct, IMethod<T>
    {
        var frame = await Read();
        Assert.That((frame?.Method, frame?.Channel), Is.EqualTo(((MethodId?)T.Id, (ushort?)channel)), $"came: {frame?.ToString() ?? "the end"}");
        return frame!.As<T>();
    }

    /// <summary>The next frames have to be a delivery, whose body this is.</summary>
    public async Task<(BasicDeliver Method, string Body)> ExpectDelivery(ushort channel) => (await Expect<BasicDeliver>(channel), await ReadBody());

    /// <summary>Header and body frames.</summary>
    public async Task<string> ReadBody()
    {
        var assembler = new ContentAssembler(int.MaxValue);
        assembler.Begin(MethodId.BasicPublish);
        var header = await Read();
        var state = assembler.AddHeader(header!.Payload);
        while (state == ContentState.Incomplete) state = assembler.AddBody((await Read())!.Payload);
        return Encoding.UTF8.GetString(assembler.Take().Body);
    }

    public async Task ExpectEnd() => Assert.That((await Read())?.ToString(), Is.Null, "the stream was to end");

    /// <summary>The client says nothing more, as with the end of its process; what it has sent is still there.</summary>
    public void FinishSending() => _toBroker.Writer.Complete();

    /// <summary>The client takes nothing any more, and is still heard.</summary>
    public void StopReceiving() => _toClient.Reader.Complete();

    /// <summary>The socket is gone at once, in both directions.</summary>
    public void Drop()
    {
        _toBroker.Writer.Complete(new IOException("dropped"));
        lock (_reading)
        {
            if (_dropped) return;
            _dropped = true;
            _toClient.Reader.CancelPendingRead();
            _toClient.Reader.Complete();
        }
    }

    private ReceivedFrame? Cut(ReadOnlySequence<byte> bytes)
    {
        _frames.Feed(bytes);
        var read = _frames.TryRead(out var frame);
        var received = read ? new ReceivedFrame(frame.Type, frame.Channel, [.. frame.Payload, .. frame.More.ToArray()]) : null;
        _toClient.Reader.AdvanceTo(_frames.Consumed, read ? _frames.Consumed : bytes.End);
        return received;
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
