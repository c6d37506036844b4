using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Amqp.Bench;

/// <summary>Asks a broker's management API so and so often a second, over ten connections, for what a web page asks: the overview, a page of queues, the nodes.</summary>
internal sealed class ApiLoad : IDisposable
{
    private const int Connections = 10;

    /// <summary>Fewer than this part of what was wanted is no measurement.</summary>
    private const double Enough = 0.95;

    // What ends an answer in chunks.
    private static readonly byte[] End = "\r\n0\r\n\r\n"u8.ToArray();

    private static readonly byte[][] Requests = [.. ((string[])["overview", "queues?page=1&page_size=100", "nodes"]).Select(path =>
        Encoding.ASCII.GetBytes($"GET /api/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {Convert.ToBase64String("guest:guest"u8)}\r\n\r\n"))];

    private readonly int _perSecond;
    private readonly long _begin = Stopwatch.GetTimestamp();
    private readonly Thread[] _threads;
    private volatile bool _isOver;
    private long _answered;

    private ApiLoad(int port, int perSecond)
    {
        _perSecond = perSecond;
        _threads = perSecond == 0 ? [] : [.. Enumerable.Range(0, Connections).Select(_ => new Thread(() => Ask(port)) { IsBackground = true })];
        foreach (var thread in _threads) thread.Start();
    }

    public static ApiLoad Start(int port, int perSecond) => new(port, perSecond);

    /// <exception cref="InvalidOperationException">It was answered less often than it was to ask.</exception>
    public void Dispose()
    {
        var seconds = Stopwatch.GetElapsedTime(_begin).TotalSeconds;
        _isOver = true;
        foreach (var thread in _threads) thread.Join();
        var rate = Interlocked.Read(ref _answered) / seconds;
        if (rate < Enough * _perSecond) throw new InvalidOperationException($"the API answered {rate:N0} requests a second and not {_perSecond:N0}");
    }

    private void Ask(int port)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        var buffer = new byte[1 << 20];
        for (var asked = 0; !_isOver; asked++)
        {
            var due = TimeSpan.FromSeconds((double)asked * Connections / _perSecond) - Stopwatch.GetElapsedTime(_begin);
            if (due > TimeSpan.Zero) Thread.Sleep(due);
            socket.SendAll(Requests[asked % Requests.Length]);
            var length = 0;
            do
            {
                var received = socket.Receive(buffer, length, buffer.Length - length, SocketFlags.None);
                if (received == 0) throw new InvalidOperationException("the API closed a connection");
                length += received;
            }
            while (!buffer.AsSpan(0, length).EndsWith(End));
            if (!buffer.AsSpan().StartsWith("HTTP/1.1 200 "u8)) throw new InvalidOperationException($"the API answered {Encoding.ASCII.GetString(buffer, 0, Math.Min(length, 100))}");
            Interlocked.Increment(ref _answered);
        }
    }
}
