using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Amqp.Host.Sockets;

/// <summary>An accepted socket, as those take it through whose hands a connection goes (see <see cref="SocketListener"/>).</summary>
internal sealed class SocketConnection : ConnectionContext, IDuplexPipe
{
    /// <summary>TCP_INFO of Linux, as far as its member tcpi_bytes_acked.</summary>
    private const int TcpInfo = 11;
    private const int TcpInfoBytes = 128;

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

    /// <summary>Bytes that the client's system has acknowledged, which is more than can be told from what ours takes of us: that makes room by
    /// the megabyte, and for a slow client not once in a minute. From any thread. 0 where it cannot be asked: elsewhere than on Linux.</summary>
    public long BytesTaken()
    {
        Span<byte> info = stackalloc byte[TcpInfoBytes];
        try
        {
            return OperatingSystem.IsLinux() && _socket.GetRawSocketOption((int)SocketOptionLevel.Tcp, TcpInfo, info) == info.Length
                ? BinaryPrimitives.ReadInt64LittleEndian(info[^sizeof(long)..])
                : 0;
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            return 0;
        }
    }

    /// <summary>Drops the connection at once; what waits for it is woken. From any thread.</summary>
    public override void Abort() => _socket.Dispose();

    public override void Abort(ConnectionAbortedException abortReason) => Abort();

    public override ValueTask DisposeAsync()
    {
        _socket.Dispose();
        _reader.Dispose();
        return base.DisposeAsync();
    }
}
