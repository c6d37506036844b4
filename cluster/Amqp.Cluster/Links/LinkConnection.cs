using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Threading.Channels;
using Amqp.Cluster.Security;

namespace Amqp.Cluster.Links;

/// <summary>
/// One TLS connection between two nodes that know each other. Each side sends heartbeats, and takes the connection for broken when it hears nothing.
/// </summary>
internal sealed class LinkConnection : IAsyncDisposable
{
    /// <summary>Frames are gathered up to so many bytes before they are sent.</summary>
    private const int SendBytes = 128 << 10;

    /// <summary>Room that is kept after a large frame: a busy queue sends its mirrors a megabyte at once, a thousand messages of 1 KiB.</summary>
    private const int KeptBytes = 4 << 20;

    private readonly Socket _socket;
    private readonly SslStream _stream;
    private readonly PipeReader _reader;
    private readonly LinkOptions _options;
    private readonly TimeProvider _time;

    private readonly bool _isAsking;

    private LinkConnection(Socket socket, SslStream stream, LinkHello peer, bool isAsking, PipeReader reader, LinkOptions options, TimeProvider time) =>
        (_socket, _stream, Peer, _isAsking, _reader, _options, _time) = (socket, stream, peer, isAsking, reader, options, time);

    /// <summary>Who is on the other side: its certificate says the same name.</summary>
    public LinkHello Peer { get; }

    /// <summary>Connects to a node.</summary>
    /// <param name="node">That is expected there; null: any node of the cluster's authority.</param>
    /// <exception cref="IOException">It is not there, is another one, or is starting; with a <see cref="SocketException"/> inside if it could not be connected to.</exception>
    public static async Task<LinkConnection> Connect(EndPoint address, string? node, LinkHello self, ClusterCertificates certificates, LinkOptions options, TimeProvider time, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        SslStream? stream = null;
        try
        {
            using var patience = Patience(options, cancellation);
            await socket.ConnectAsync(address, patience.Token);
            stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await stream.AuthenticateAsClientAsync(certificates.Client(), patience.Token);
            await Send(stream, self, patience.Token);
            var connection = await Open(socket, stream, isAsking: self.Epoch == 0, options, time, patience.Token);
            if (node is not null && connection.Peer.Node != node) throw new InvalidDataException($"at {address} is node {connection.Peer.Node}, and not {node}");
            if (connection.Peer.Epoch == 0 && self.Epoch != 0) throw new InvalidDataException($"node {connection.Peer.Node} is starting");
            return connection;
        }
        catch (Exception exception)
        {
            if (stream is not null) await stream.DisposeAsync();
            socket.Dispose();
            if (IsOfTheLink(exception) && !cancellation.IsCancellationRequested) throw new IOException(WhatWent(exception), exception);
            throw;
        }
    }

    /// <summary>Another node has connected.</summary>
    /// <param name="self">What this node answers to a lane.</param>
    /// <exception cref="IOException">It is no node of this cluster, or says nothing.</exception>
    public static async Task<LinkConnection> Accept(Socket socket, Func<LinkLane, LinkHello> self, ClusterCertificates certificates, LinkOptions options, TimeProvider time, CancellationToken cancellation)
    {
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        try
        {
            using var patience = Patience(options, cancellation);
            await stream.AuthenticateAsServerAsync(certificates.Server(), patience.Token);
            var connection = await Open(socket, stream, isAsking: null, options, time, patience.Token);
            await Send(stream, self(connection.Peer.Lane), patience.Token);
            return connection;
        }
        catch (Exception exception)
        {
            await stream.DisposeAsync();
            if (IsOfTheLink(exception) && !cancellation.IsCancellationRequested) throw new IOException(WhatWent(exception), exception);
            throw;
        }
    }

    /// <summary>Something that ends a connection, and nothing else.</summary>
    public static bool IsOfTheLink(Exception exception) =>
        exception is IOException or SocketException or InvalidDataException or OperationCanceledException or AuthenticationException or ObjectDisposedException;

    /// <summary>Sends what there is to send, with heartbeats in between, and hands over what comes, until the connection breaks.</summary>
    /// <param name="outgoing">What is to be sent.</param>
    /// <param name="sent">Called with each message that was taken from there.</param>
    /// <param name="received">Called with each frame of a user; its payload is valid during the call.</param>
    /// <exception cref="IOException">Why it broke.</exception>
    public async Task Run(ChannelReader<LinkMessage> outgoing, Action<LinkMessage> sent, Action<byte, ReadOnlySequence<byte>> received, CancellationToken cancellation)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var sending = Send(outgoing, sent, end.Token);
        var reading = Read(received, end.Token);
        var first = await Task.WhenAny(sending, reading);
        // The other side may hear this one, and is to know at once that it is not heard: a connection that ends in good order tells that behind all that is on its way.
        if (first.IsCanceled && !cancellation.IsCancellationRequested) _socket.LingerState = new LingerOption(enable: true, seconds: 0);
        await end.CancelAsync();
        await DisposeAsync();
        await Task.WhenAll(sending, reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            await first;
        }
        catch (Exception exception) when (IsOfTheLink(exception))
        {
            throw new IOException(WhatWent(exception), exception);
        }
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    /// <param name="isAsking">Null: the other side's hello says it.</param>
    private static async Task<LinkConnection> Open(Socket socket, SslStream stream, bool? isAsking, LinkOptions options, TimeProvider time, CancellationToken cancellation)
    {
        var name = stream.RemoteCertificate is { } certificate ? ClusterCertificates.NodeOf(certificate) : null;
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 64 << 10));
        while (true)
        {
            var read = await reader.ReadAsync(cancellation);
            var buffer = read.Buffer;
            if (LinkFrame.TryRead(ref buffer, LinkHello.BytesMax, out var kind, out var payload))
            {
                if (kind != LinkFrame.Hello) throw new InvalidDataException("it does not say who it is");
                var peer = LinkHello.Read(payload);
                if (peer.Node != name) throw new InvalidDataException($"it says that it is node {peer.Node}, and its certificate says {name}");
                reader.AdvanceTo(buffer.Start);
                return new LinkConnection(socket, stream, peer, isAsking ?? peer.Epoch == 0, reader, options, time);
            }
            if (read.IsCompleted) throw new InvalidDataException("the connection was closed");
            reader.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private static async Task Send(SslStream stream, LinkHello hello, CancellationToken cancellation)
    {
        var buffer = new ArrayBufferWriter<byte>();
        LinkFrame.Write(buffer, hello.ToMessage());
        await stream.WriteAsync(buffer.WrittenMemory, cancellation);
    }

    private async Task Send(ChannelReader<LinkMessage> outgoing, Action<LinkMessage> sent, CancellationToken cancellation)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(_options.HeartbeatMs), _time);
        var tick = timer.WaitForNextTickAsync(cancellation).AsTask();
        var mail = Wait();
        while (true)
        {
            if (await Task.WhenAny(tick, mail) == tick)
            {
                await tick;
                tick = timer.WaitForNextTickAsync(cancellation).AsTask();
                if (!mail.IsCompleted) LinkFrame.Write(buffer, HeartbeatMessage.Instance);
            }
            if (mail.IsCompleted)
            {
                if (!await mail) return;
                while (buffer.WrittenCount < SendBytes && outgoing.TryRead(out var message))
                {
                    LinkFrame.Write(buffer, message);
                    sent(message);
                }
                mail = Wait();
            }
            await _stream.WriteAsync(buffer.WrittenMemory, cancellation);
            if (buffer.Capacity > KeptBytes) buffer = new ArrayBufferWriter<byte>();
            else buffer.ResetWrittenCount();
        }

        Task<bool> Wait() => outgoing.WaitToReadAsync(cancellation).AsTask();
    }

    private async Task Read(Action<byte, ReadOnlySequence<byte>> received, CancellationToken cancellation)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        while (true)
        {
            silence.CancelAfter(_options.SilenceMs);
            var read = await _reader.ReadAsync(silence.Token);
            var buffer = read.Buffer;
            while (LinkFrame.TryRead(ref buffer, _options.FrameBytesMax, out var kind, out var payload))
            {
                if (_isAsking ? kind is LinkFrame.Question or LinkFrame.Answer : kind >= LinkFrame.FirstOfUsers) received(kind, payload);
                else if (kind != LinkFrame.Heartbeat) throw new InvalidDataException($"a frame of kind {kind}");
            }
            if (read.IsCompleted) throw new InvalidDataException("the connection was closed");
            _reader.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private static CancellationTokenSource Patience(LinkOptions options, CancellationToken cancellation)
    {
        var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(options.ConnectMs);
        return patience;
    }

    private static string WhatWent(Exception exception) => exception switch
    {
        OperationCanceledException => "nothing was heard for too long",
        AuthenticationException when exception.Message.Contains("certificate", StringComparison.Ordinal) =>
            "its certificate is not one of this cluster. Both sides need the same Cluster:Secret, or authorities that know each other (Cluster:Tls), and clocks that are right",
        _ => exception.Message,
    };

    private sealed class HeartbeatMessage() : LinkMessage(LinkFrame.Heartbeat)
    {
        public static readonly HeartbeatMessage Instance = new();

        public override long Bytes => 0;

        public override void Write(IBufferWriter<byte> payload)
        {
        }
    }
}
