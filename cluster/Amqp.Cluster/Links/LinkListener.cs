using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Links;

/// <summary>Takes connections of other nodes. A stranger without a certificate of this cluster is cut off at once, and so is a node that sends what is no frame.</summary>
public sealed partial class LinkListener : IAsyncDisposable
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMinutes(1);

    private readonly Socket _socket;
    private readonly NodeLinks _links;
    // One item for each handshake: when it is full, nothing is accepted.
    private readonly Channel<bool> _handshakes;
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCounter _serving = new();
    private readonly Task _accepting;
    private long _refused;
    private long _reportedAt;

    private LinkListener(Socket socket, NodeLinks links)
    {
        (_socket, _links) = (socket, links);
        _handshakes = Channel.CreateBounded<bool>(links.Options.HandshakesMax);
        _accepting = Accept();
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint Address => (IPEndPoint)_socket.LocalEndPoint!;

    /// <exception cref="SocketException">The address cannot be listened on.</exception>
    public static LinkListener Start(IPEndPoint address, NodeLinks links)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(address);
            socket.Listen();
            return new LinkListener(socket, links);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        _socket.Dispose();
        await _accepting;
        await _serving.None;
        _ended.Dispose();
    }

    private async Task Accept()
    {
        while (!_ended.IsCancellationRequested)
        {
            try
            {
                await _handshakes.Writer.WriteAsync(true, _ended.Token);
                var socket = await _socket.AcceptAsync(_ended.Token);
                socket.NoDelay = true;
                _ = Serve(socket);
            }
            catch (Exception exception) when (LinkConnection.IsOfTheLink(exception))
            {
                if (_ended.IsCancellationRequested) return;
                _handshakes.Reader.TryRead(out _);
                LogNotAccepted(_links.Logger, exception.Message);
            }
        }
    }

    private async Task Serve(Socket socket)
    {
        using var counted = _serving.Begin();
        var from = socket.RemoteEndPoint;
        LinkConnection connection;
        try
        {
            connection = await LinkConnection.Accept(socket, _links.Hello, _links.Certificates, _links.Options, _links.Time, _ended.Token);
        }
        catch (Exception exception) when (LinkConnection.IsOfTheLink(exception))
        {
            if (!_ended.IsCancellationRequested) Report(from, exception.Message);
            return;
        }
        finally
        {
            _handshakes.Reader.TryRead(out _);
        }
        await using var open = connection;
        if (connection.Peer.Epoch == 0) await Answer(connection);
        else if (_links.Epoch != 0) await Receive(connection); // else this node is starting, and has said so in its hello
    }

    /// <summary>The other node asks, and is answered on the same connection.</summary>
    private async Task Answer(LinkConnection connection)
    {
        var (node, answers) = (connection.Peer.Node, Channel.CreateBounded<LinkMessage>(1));
        try
        {
            await connection.Run(answers.Reader, _ => { }, (_, payload) => answers.Writer.TryWrite(new LinkBytes(LinkFrame.Answer, _links.Answerer(node, payload))), _ended.Token);
        }
        catch (Exception exception) when (LinkConnection.IsOfTheLink(exception))
        {
            // The node has its answer, or asks again.
        }
    }

    private async Task Receive(LinkConnection connection)
    {
        var (node, epoch, lane) = (connection.Peer.Node, connection.Peer.Epoch, connection.Peer.Lane);
        _links.User.PeerChanged(node, epoch, lane, isConnected: true);
        _links.Hurry(node, lane);
        try
        {
            var nothing = Channel.CreateBounded<LinkMessage>(1);
            await connection.Run(nothing.Reader, _ => { }, (kind, payload) => _links.User.Received(node, epoch, lane, kind, payload), _ended.Token);
        }
        catch (Exception exception) when (LinkConnection.IsOfTheLink(exception))
        {
            if (!_ended.IsCancellationRequested) LogEnded(_links.Logger, node, lane, exception.Message);
        }
        finally
        {
            _links.User.PeerChanged(node, epoch, lane, isConnected: false);
        }
    }

    /// <summary>Once a minute at most: strangers may connect, and often.</summary>
    private void Report(EndPoint? from, string reason)
    {
        var refused = Interlocked.Increment(ref _refused);
        var (now, last) = (_links.Time.GetTimestamp(), Volatile.Read(ref _reportedAt));
        if (last != 0 && _links.Time.GetElapsedTime(last, now) < ReportEvery) return;
        if (Interlocked.CompareExchange(ref _reportedAt, now, last) == last) LogStranger(_links.Logger, from, reason, refused);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A connection from {Address} to the port of the cluster was refused: {Reason} ({Count} since the start)")]
    private static partial void LogStranger(ILogger logger, EndPoint? address, string reason, long count);

    [LoggerMessage(Level = LogLevel.Information, Message = "The connection of node {Node} ({Lane}) has ended: {Reason}")]
    private static partial void LogEnded(ILogger logger, string node, LinkLane lane, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "No connection can be accepted on the port of the cluster: {Reason}")]
    private static partial void LogNotAccepted(ILogger logger, string reason);
}
