using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Amqp.Host.Sockets;

/// <summary>An accepted socket, as those take it through whose hands a connection goes (see <see cref="SocketListener"/>).</summary>
internal sealed class SocketConnection : ConnectionContext, IDuplexPipe
{
    private readonly Socket _socket;
    private readonly SocketReader _reader;
    private readonly SocketWriter _writer;

    public SocketConnection(Socket socket, BlockPool pool)
    {
        _socket = socket;
        socket.NoDelay = true;
        socket.Blocking = false;
        _reader = new SocketReader(socket, pool);
        _writer = new SocketWriter(socket, pool);
        Transport = this;
        (LocalEndPoint, RemoteEndPoint) = (socket.LocalEndPoint, socket.RemoteEndPoint);
    }

    public PipeReader Input => _reader;

    public PipeWriter Output => _writer;

    public override IDuplexPipe Transport { get; set; }

    public override string ConnectionId { get; set; } = "";

    public override IFeatureCollection Features { get; } = new FeatureCollection();

    public override IDictionary<object, object?> Items { get; set; } = System.Collections.Immutable.ImmutableDictionary<object, object?>.Empty;

    public override EndPoint? LocalEndPoint { get; set; }

    public override EndPoint? RemoteEndPoint { get; set; }

    /// <summary>Drops the connection at once; whoever waits for it is woken. From any thread.</summary>
    public override void Abort() => _socket.Dispose();

    public override void Abort(ConnectionAbortedException abortReason) => Abort();

    public override ValueTask DisposeAsync()
    {
        _socket.Dispose();
        _reader.Dispose();
        return base.DisposeAsync();
    }
}
