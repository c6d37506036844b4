using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AMQP.Net;

namespace Amqp.Testing;

/// <summary>
/// A client that does what it is told, allowed or not: for the exact bytes, codes and texts that no client library can provoke or
/// show. Every read has a deadline. Heartbeats are skipped unless asked for; any other frame that was not expected fails the test.
/// </summary>
public sealed class RawConnection : IAsyncDisposable
{
    /// <summary>What RabbitMQ's own clients say they can.</summary>
    public static readonly FieldTable UsualCapabilities = FieldTable.From(
        ("publisher_confirms", FieldValue.From(true)),
        ("exchange_exchange_bindings", FieldValue.From(true)),
        ("basic.nack", FieldValue.From(true)),
        ("consumer_cancel_notify", FieldValue.From(true)),
        ("connection.blocked", FieldValue.From(true)),
        ("authentication_failure_close", FieldValue.From(true)));

    private readonly Socket _socket;
    private readonly FrameReader _reader = new(int.MaxValue / 2); // a test judges sizes itself
    private byte[] _input = new byte[64 * 1024];
    private int _start;
    private int _end;

    private RawConnection(Socket socket)
    {
        _socket = socket;
    }

    /// <summary>How long <see cref="Expect{TMethod}"/> and its like wait.</summary>
    public TimeSpan Deadline { get; set; } = Patience.Answer;

    /// <summary>The frame-max that contents are cut to.</summary>
    public int FrameMax { get; set; } = 131072;

    /// <summary>The server's first word, once it was said.</summary>
    public ConnectionStart ServerStart { get; private set; }

    /// <summary>The limits the server proposed, once it did.</summary>
    public ConnectionTune ServerTune { get; private set; }

    /// <summary>The socket alone, nothing said yet.</summary>
    /// <param name="receiveBuffer">Bytes the system keeps for us, for tests that do not read; 0 leaves it alone.</param>
    public static async Task<RawConnection> Connect(EndPoint address, int receiveBuffer = 0)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBuffer > 0) socket.ReceiveBufferSize = receiveBuffer;
        using var deadline = new CancellationTokenSource(Patience.Answer);
        await socket.ConnectAsync(address, deadline.Token);
        return new RawConnection(socket);
    }

    /// <summary>The whole handshake as guest.</summary>
    public static async Task<RawConnection> Open(
        EndPoint address, ushort channelMax = 2047, uint frameMax = 131072, ushort heartbeat = 0, FieldTable? capabilities = null,
        int receiveBuffer = 0)
    {
        var connection = await Connect(address, receiveBuffer);
        await connection.Start();
        await connection.Login(capabilities: capabilities);
        await connection.TuneAndOpen(channelMax, frameMax, heartbeat);
        return connection;
    }

    // The handshake, step by step.

    /// <summary>Sends the protocol header and reads connection.start.</summary>
    public async Task<ConnectionStart> Start()
    {
        await SendBytes(ProtocolHeader.Bytes.ToArray());
        return ServerStart = await Expect<ConnectionStart>(0);
    }

    /// <summary>Sends connection.start-ok, and reads nothing.</summary>
    public Task SendStartOk(string mechanism = "PLAIN", byte[]? response = null, FieldTable? capabilities = null)
    {
        var properties = FieldTable.From(
            ("product", FieldValue.From("raw test client")),
            ("capabilities", FieldValue.From(capabilities ?? UsualCapabilities)));
        return Send(0, new ConnectionStartOk(properties, mechanism, response ?? Plain("guest", "guest"), "en_US"));
    }

    /// <summary>Sends connection.start-ok and reads connection.tune.</summary>
    public async Task<ConnectionTune> Login(string mechanism = "PLAIN", byte[]? response = null, FieldTable? capabilities = null)
    {
        await SendStartOk(mechanism, response, capabilities);
        return ServerTune = await Expect<ConnectionTune>(0);
    }

    /// <summary>Sends connection.tune-ok and connection.open, and reads open-ok.</summary>
    public async Task TuneAndOpen(ushort channelMax = 2047, uint frameMax = 131072, ushort heartbeat = 0, string virtualHost = "/")
    {
        await Send(0, new ConnectionTuneOk(channelMax, frameMax, heartbeat));
        await Send(0, new ConnectionOpen(virtualHost));
        await Expect<ConnectionOpenOk>(0);
        if (frameMax > 0) FrameMax = (int)frameMax;
    }

    /// <summary>The response of the mechanism PLAIN.</summary>
    public static byte[] Plain(string user, string password) => Encoding.UTF8.GetBytes($"\0{user}\0{password}");

    /// <summary>The response of the mechanism AMQPLAIN: a field table without its length.</summary>
    public static byte[] AmqPlain(string user, string password) =>
        FieldTable.From(("LOGIN", FieldValue.From(user)), ("PASSWORD", FieldValue.From(password))).Bytes.ToArray();

    /// <summary>Opens a channel.</summary>
    public async Task OpenChannel(ushort channel)
    {
        await Send(channel, default(ChannelOpen));
        await Expect<ChannelOpenOk>(channel);
    }

    // Sending.

    public Task Send<TMethod>(ushort channel, TMethod method)
        where TMethod : struct, IMethod<TMethod> => SendBytes(Encode(channel, method));

    /// <summary>The bytes of a method frame, for tests that send several at once or damage them.</summary>
    public static byte[] Encode<TMethod>(ushort channel, TMethod method)
        where TMethod : struct, IMethod<TMethod>
    {
        var output = new ArrayBufferWriter<byte>();
        FrameWriter.WriteMethod(output, channel, in method);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>A method with its content, in frames as large as was agreed.</summary>
    public async Task SendContent<TMethod>(ushort channel, TMethod method, byte[] properties, byte[] body)
        where TMethod : struct, IMethod<TMethod>
    {
        await Send(channel, method);
        var output = new ArrayBufferWriter<byte>();
        FrameWriter.WriteContent(output, channel, properties, body, FrameMax);
        await SendBytes(output.WrittenMemory);
    }

    /// <summary>Publishes a text without properties.</summary>
    public Task Publish(ushort channel, string exchange, string routingKey, string text, bool mandatory = false, bool immediate = false) =>
        SendContent(channel, new BasicPublish(exchange, routingKey, mandatory, immediate), [0, 0], Encoding.UTF8.GetBytes(text));

    /// <summary>A content header, saying what it is told.</summary>
    public Task SendContentHeader(ushort channel, ulong bodySize, byte[]? properties = null, ushort classId = 60, ushort weight = 0)
    {
        properties ??= [0, 0];
        var payload = new byte[12 + properties.Length];
        var writer = new WireWriter(payload);
        writer.WriteShort(classId);
        writer.WriteShort(weight);
        writer.WriteLongLong(bodySize);
        writer.WriteBytes(properties);
        return SendFrame((byte)FrameType.Header, channel, payload);
    }

    /// <summary>A frame of any type, payload and end octet.</summary>
    public Task SendFrame(byte type, ushort channel, byte[] payload, byte end = Frame.End)
    {
        var frame = new byte[payload.Length + Frame.EmptySize];
        var writer = new WireWriter(frame);
        writer.WriteByte(type);
        writer.WriteShort(channel);
        writer.WriteLongString(payload);
        writer.WriteByte(end);
        return SendBytes(frame);
    }

    public async Task SendBytes(ReadOnlyMemory<byte> bytes)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!bytes.IsEmpty) bytes = bytes[await _socket.SendAsync(bytes, deadline.Token)..];
    }

    // Reading.

    /// <summary>The next frame but heartbeats must be this method on this channel.</summary>
    public async Task<TMethod> Expect<TMethod>(ushort channel)
        where TMethod : struct, IMethod<TMethod>
    {
        var frame = await ReadFrame();
        if (frame.Channel != channel || !frame.Is(TMethod.Id)) Assert.Fail($"expected {TMethod.Id.Name()} on channel {channel}, but there came {frame}");
        return frame.Read<TMethod>();
    }

    /// <summary>A method and what it answers with.</summary>
    public async Task<TAnswer> Call<TMethod, TAnswer>(ushort channel, TMethod method)
        where TMethod : struct, IMethod<TMethod>
        where TAnswer : struct, IMethod<TAnswer>
    {
        await Send(channel, method);
        return await Expect<TAnswer>(channel);
    }

    /// <summary>The content behind a method that carries one.</summary>
    public async Task<RawContent> ExpectContent(ushort channel)
    {
        var header = await ReadFrame();
        Assert.That((header.Type, header.Channel), Is.EqualTo((FrameType.Header, channel)), header.ToString());
        var (size, properties) = HeaderOf(header.Payload);
        var body = new byte[size];
        var frames = new List<int>();
        for (var filled = 0; filled < body.Length;)
        {
            var piece = await ReadFrame();
            Assert.That((piece.Type, piece.Channel), Is.EqualTo((FrameType.Body, channel)), piece.ToString());
            piece.Payload.CopyTo(body, filled);
            filled += piece.Payload.Length;
            frames.Add(piece.Payload.Length);
        }
        return new RawContent(properties, body, frames);
    }

    /// <summary>A delivery with its content.</summary>
    public async Task<(BasicDeliver Method, RawContent Content)> ExpectDelivery(ushort channel) =>
        (await Expect<BasicDeliver>(channel), await ExpectContent(channel));

    /// <summary>The server must close the channel with exactly this; answers with close-ok.</summary>
    /// <param name="method">The method it must blame; null for any.</param>
    public async Task ExpectChannelClose(ushort channel, ReplyCode code, string text, MethodId? method = null)
    {
        var close = await Expect<ChannelClose>(channel);
        Assert.That((close.ReplyCode, close.ReplyText), Is.EqualTo((code, Cut(text))));
        if (method is not null) Assert.That(close.Method, Is.EqualTo(method), "class and method the error is blamed on");
        await Send(channel, default(ChannelCloseOk));
    }

    /// <summary>The server must close the connection with exactly this; answers with close-ok, whereupon it must end the stream.</summary>
    /// <param name="method">The method it must blame; null for any.</param>
    public async Task ExpectConnectionClose(ReplyCode code, string text, MethodId? method = null)
    {
        var close = await Expect<ConnectionClose>(0);
        Assert.That((close.ReplyCode, close.ReplyText), Is.EqualTo((code, Cut(text))));
        if (method is not null) Assert.That(close.Method, Is.EqualTo(method), "class and method the error is blamed on");
        await Send(0, default(ConnectionCloseOk));
        await ExpectEnd();
    }

    /// <summary>The server must end the stream and send nothing before, heartbeats aside.</summary>
    public async Task ExpectEnd()
    {
        while (true)
        {
            var frame = await TryReadFrame();
            if (frame is null) return;
            if (frame.Type != FrameType.Heartbeat) Assert.Fail($"expected the end of the stream, but there came {frame}");
        }
    }

    /// <summary>The next frame but heartbeats.</summary>
    public async Task<RawFrame> ReadFrame()
    {
        while (true)
        {
            var frame = await ReadAnyFrame();
            if (frame.Type != FrameType.Heartbeat) return frame;
        }
    }

    /// <summary>The next frame, heartbeats included.</summary>
    public async Task<RawFrame> ReadAnyFrame() => await TryReadFrame() ?? throw new AssertionException("the server ended the stream");

    /// <summary>Exactly so many bytes, for what is not a frame.</summary>
    public async Task<byte[]> ReadBytes(int count)
    {
        while (_end - _start < count)
        {
            if (!await Receive()) throw new AssertionException($"the server ended the stream after {_end - _start} of {count} bytes");
        }
        var bytes = _input.AsSpan(_start, count).ToArray();
        _start += count;
        return bytes;
    }

    // Ending.

    /// <summary>Closes the connection as the specification wants it. RabbitMQ leaves it to the client then to end the stream.</summary>
    public async Task Close()
    {
        await Send(0, new ConnectionClose(ReplyCode.Success, "bye", default));
        await Expect<ConnectionCloseOk>(0);
        EndSending();
        await ExpectEnd();
    }

    /// <summary>Ends our half of the stream.</summary>
    public void EndSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Reads until the server ends the stream, whatever comes; a connection.close is answered.</summary>
    public async Task<IReadOnlyList<RawFrame>> ReadToEnd()
    {
        var frames = new List<RawFrame>();
        while (await TryReadFrame() is { } frame)
        {
            frames.Add(frame);
            if (!frame.Is(MethodId.ConnectionClose)) continue;
            try
            {
                await Send(0, default(ConnectionCloseOk));
            }
            catch (SocketException)
            {
                return frames; // it did not wait for the answer
            }
        }
        return frames;
    }

    /// <summary>Drops the socket with a reset, as when a client is killed; what the server wrote and we did not read is lost.</summary>
    public void Drop()
    {
        _socket.LingerState = new LingerOption(enable: true, seconds: 0);
        _socket.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<RawFrame?> TryReadFrame()
    {
        while (true)
        {
            if (TryCut() is { } frame) return frame;
            if (!await Receive()) return _start == _end ? null : throw new AssertionException("the server ended the stream within a frame");
        }
    }

    private RawFrame? TryCut()
    {
        var input = new ReadOnlySequence<byte>(_input, _start, _end - _start);
        _reader.Feed(input);
        if (!_reader.TryRead(out var frame)) return null;
        _start += (int)input.GetOffset(_reader.Consumed) - (int)input.GetOffset(input.Start);
        return new RawFrame(frame.Type, frame.Channel, frame.Payload.ToArray());
    }

    private async Task<bool> Receive()
    {
        if (_start > 0)
        {
            _input.AsSpan(_start, _end - _start).CopyTo(_input);
            (_start, _end) = (0, _end - _start);
        }
        if (_end == _input.Length) Array.Resize(ref _input, _input.Length * 2);
        using var deadline = new CancellationTokenSource(Deadline);
        try
        {
            var count = await _socket.ReceiveAsync(_input.AsMemory(_end), deadline.Token);
            _end += count;
            return count > 0;
        }
        catch (OperationCanceledException exception)
        {
            throw new AssertionException($"nothing came from the server within {Deadline.TotalSeconds} s", exception);
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionReset)
        {
            return false;
        }
    }

    private static (ulong BodySize, byte[] Properties) HeaderOf(byte[] payload)
    {
        var reader = new WireReader(payload);
        reader.Skip(4); // class and weight
        return (reader.ReadLongLong(), payload[12..]);
    }

    /// <summary>A reply text is a short string: of a longer one RabbitMQ sends 252 octets and three dots.</summary>
    private static string Cut(string text) =>
        Encoding.UTF8.GetByteCount(text) <= 255 ? text : $"{Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text).AsSpan(0, 252))}...";
}
