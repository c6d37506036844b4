using System.Buffers;
using System.Net.Sockets;
using AMQP.Net;

namespace Amqp.Perf;

/// <summary>
/// The client's end of one AMQP connection, over a blocking socket. One thread reads frames; any thread may send whole ones.
/// It has one channel, number 1.
/// </summary>
internal sealed class PerfConnection : IDisposable
{
    public const ushort Channel = 1;

    public const int FrameMaxWanted = 131072;

    /// <summary>Enough to log in. Room is doubled when a read has filled it, up to the largest frame and as much again, so that a large
    /// read costs one system call, and a connection that only comes and goes next to nothing.</summary>
    private const int InputSize = 1024;
    private const int InputSizeMax = 2 * FrameMaxWanted;

    /// <summary>What the operating system keeps for a broker that does not read, bytes: two writes. Left to itself it takes 4 MiB, and a
    /// hundred publishers have sent millions of messages that no broker has seen.</summary>
    private const int OutputSize = 128 * 1024;

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(60);

    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, SendBufferSize = OutputSize };
    private readonly FrameReader _frames = new(FrameMaxWanted);
    private readonly Lock _sending = new();
    private readonly string _name;
    private byte[] _input = new byte[InputSize];
    private ReadOnlySequence<byte> _fed;
    private int _filled;
    private volatile bool _disposed;

    /// <summary>The last that is sent on a connection.</summary>
    public static ConnectionClose Goodbye => new(ReplyCode.Success, "bye", default);

    private PerfConnection(string name)
    {
        _name = name;
    }

    /// <summary>The negotiated limit, bytes of a whole frame.</summary>
    public int FrameMax { get; private set; }

    public bool IsDisposed => _disposed;

    /// <summary>Why the broker has stopped us from publishing, or null.</summary>
    public string? Blocked { get; private set; }

    /// <summary>Connects, logs in, opens the virtual host and the channel.</summary>
    public static PerfConnection Open(AmqpUri uri, string name)
    {
        var connection = new PerfConnection(name);
        try
        {
            connection.Connect(uri);
            connection.Handshake(uri);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _disposed = true;
        _socket.Dispose();
    }

    /// <summary>Sends whole frames; returns when the operating system has taken them all.</summary>
    public void Send(ReadOnlySpan<byte> frames)
    {
        try
        {
            lock (_sending)
            {
                while (!frames.IsEmpty) frames = frames[_socket.Send(frames)..];
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            throw Lost(failure);
        }
    }

    public void Send<TMethod>(ushort channel, in TMethod method)
        where TMethod : struct, IMethod<TMethod>
    {
        var buffer = new SendBuffer(256);
        FrameWriter.WriteMethod(buffer, channel, in method);
        Send(buffer.Written);
    }

    /// <summary>Sends a request and waits for its answer. Only while no other thread reads.</summary>
    public TReply Call<TRequest, TReply>(in TRequest request, ushort channel = Channel)
        where TRequest : struct, IMethod<TRequest>
        where TReply : struct, IMethod<TReply>
    {
        Send(channel, in request);
        return Expect<TReply>();
    }

    /// <summary>Waits until the broker has sent something, and takes it for <see cref="TryRead"/>.</summary>
    public void Receive()
    {
        var consumed = (int)_fed.Slice(0, _frames.Consumed).Length;
        _filled -= consumed;
        Buffer.BlockCopy(_input, consumed, _input, 0, _filled);
        if (consumed + _filled == _input.Length && _input.Length < InputSizeMax) Array.Resize(ref _input, 2 * _input.Length);
        int count;
        try
        {
            count = _socket.Receive(_input.AsSpan(_filled));
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            throw Lost(failure);
        }
        if (count == 0) throw Lost(null);
        _filled += count;
        _fed = new ReadOnlySequence<byte>(_input, 0, _filled);
        _frames.Feed(_fed);
    }

    /// <summary>The next frame of what was received.</summary>
    public bool TryRead(out Frame frame)
    {
        try
        {
            return _frames.TryRead(out frame);
        }
        catch (ProtocolException broken)
        {
            throw new PerfException($"{_name}: the broker's bytes break the protocol: {broken.Message}", broken);
        }
    }

    /// <summary>Handles what may come at any time; a close by the broker ends the run.</summary>
    /// <returns>True when that was all the frame asked for.</returns>
    public bool HandleCommon(in Frame frame)
    {
        if (frame.Type == FrameType.Heartbeat) return true;
        if (frame.Type != FrameType.Method) return false;
        switch (frame.MethodId)
        {
            case MethodId.ConnectionClose:
                var closed = MethodReader.Read<ConnectionClose>(frame);
                Send(channel: 0, default(ConnectionCloseOk));
                throw Closed("connection.close", closed.ReplyCode, closed.ReplyText, closed.Method);
            case MethodId.ChannelClose:
                var channel = MethodReader.Read<ChannelClose>(frame);
                throw Closed("channel.close", channel.ReplyCode, channel.ReplyText, channel.Method);
            case MethodId.ConnectionBlocked: Blocked = MethodReader.Read<ConnectionBlocked>(frame).Reason; return true;
            case MethodId.ConnectionUnblocked: Blocked = null; return true;
            default: return false;
        }
    }

    /// <summary>A frame that has no place in a load test.</summary>
    public PerfException Unexpected(in Frame frame) =>
        new($"{_name}: the broker sent an unexpected {(frame.Type == FrameType.Method ? frame.MethodId.Name() : $"{frame.Type} frame")}");

    /// <summary>Closes in order. Only while no other thread reads.</summary>
    public void Close() => Call<ConnectionClose, ConnectionCloseOk>(Goodbye, channel: 0);

    /// <summary>Asks the broker to close; the reading thread finds connection.close-ok.</summary>
    public void RequestClose() => Send(channel: 0, Goodbye);

    private void Connect(AmqpUri uri)
    {
        try
        {
            using var timeout = new CancellationTokenSource(ConnectTimeout);
            using var abort = timeout.Token.Register(_socket.Dispose);
            _socket.Connect(uri.Host, uri.Port);
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            var reason = failure is SocketException socket ? Reason(socket) : $"no answer within {ConnectTimeout.TotalSeconds} s";
            throw new PerfException($"cannot connect to {uri}: {reason}", failure);
        }
    }

    private void Handshake(AmqpUri uri)
    {
        Send(ProtocolHeader.Bytes);
        Expect<ConnectionStart>();
        var capabilities = FieldTable.From(
            ("publisher_confirms", FieldValue.From(true)), ("basic.nack", FieldValue.From(true)), ("connection.blocked", FieldValue.From(true)),
            ("consumer_cancel_notify", FieldValue.From(true)), ("authentication_failure_close", FieldValue.From(true)));
        var properties = FieldTable.From(
            ("product", FieldValue.From("amqpperf")), ("connection_name", FieldValue.From(_name)), ("capabilities", FieldValue.From(capabilities)));
        var response = System.Text.Encoding.UTF8.GetBytes($"\0{uri.User}\0{uri.Password}");
        var tune = Call<ConnectionStartOk, ConnectionTune>(new(properties, "PLAIN", response, "en_US"), channel: 0);

        FrameMax = tune.FrameMax == 0 ? FrameMaxWanted : (int)Math.Min(tune.FrameMax, FrameMaxWanted);
        _frames.FrameMax = FrameMax;
        // No heartbeats: a broken connection shows by itself under load, and nothing should interrupt the loops.
        Send(channel: 0, new ConnectionTuneOk(tune.ChannelMax, (uint)FrameMax, Heartbeat: 0));
        Call<ConnectionOpen, ConnectionOpenOk>(new(uri.VirtualHost), channel: 0);
        Call<ChannelOpen, ChannelOpenOk>(default);
    }

    private TReply Expect<TReply>()
        where TReply : struct, IMethod<TReply>
    {
        _socket.ReceiveTimeout = (int)CallTimeout.TotalMilliseconds;
        while (true)
        {
            while (TryRead(out var frame))
            {
                if (frame.Type != FrameType.Method || frame.MethodId != TReply.Id)
                {
                    if (!HandleCommon(frame)) throw Unexpected(frame);
                    continue;
                }
                _socket.ReceiveTimeout = 0;
                return MethodReader.Read<TReply>(frame);
            }
            Receive();
        }
    }

    private PerfException Closed(string how, ReplyCode code, string text, MethodId method) =>
        new($"{_name}: the broker answered {how} {(int)code} \"{text}\"{(method == default ? "" : $" to {method.Name()}")}");

    private PerfException Lost(Exception? failure) => new($"{_name}: the connection was lost ({failure switch
    {
        SocketException { SocketErrorCode: SocketError.WouldBlock or SocketError.TimedOut } => $"no answer within {CallTimeout.TotalSeconds} s",
        SocketException socket => Reason(socket),
        null => "the broker closed the socket",
        _ => failure.Message,
    }})", failure);

    /// <summary>The system's words without the address that the framework adds.</summary>
    private static string Reason(SocketException failure) => new SocketException((int)failure.SocketErrorCode).Message;
}
