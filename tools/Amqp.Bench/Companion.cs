using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Amqp.Bench;

/// <summary>The other end of a load's connections: this program once more, as a process of its own, as the broker is one.</summary>
internal sealed class Companion : IDisposable
{
    private readonly Process _process;
    private readonly int _port;

    private Companion(Process process)
    {
        _process = process;
        _port = int.Parse(process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the companion did not come up"), CultureInfo.InvariantCulture);
    }

    /// <summary>It, as something to measure.</summary>
    public Target Target => new("companion", string.Create(CultureInfo.InvariantCulture, $"amqp://guest:guest@127.0.0.1:{_port}"), _process.Id);

    public static Companion Start(params string[] arguments) => new(BrokerProcess.Begin("amqpbench", arguments));

    /// <summary>For the companion: listens on a free port, and says which.</summary>
    public static Socket Listen()
    {
        var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Console.WriteLine(((IPEndPoint)listener.LocalEndPoint!).Port.ToString(CultureInfo.InvariantCulture));
        return listener;
    }

    public Socket Connect()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, _port);
        return socket;
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}

/// <summary>What blocking sockets lack.</summary>
internal static class SocketExtensions
{
    /// <summary>Returns when the operating system has taken it all.</summary>
    public static void SendAll(this Socket socket, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[socket.Send(bytes)..];
    }
}
