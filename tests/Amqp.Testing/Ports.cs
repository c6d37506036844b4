using System.Net;
using System.Net.Sockets;

namespace Amqp.Testing;

/// <summary>Ports on loopback for servers that tests start.</summary>
public static class Ports
{
    // Below the ports that Linux gives to outgoing connections: none of them can take a server's port while it restarts.
    private const int PortMin = 20_000;
    private const int PortMax = 32_000;

    /// <summary>One that nothing uses at this moment.</summary>
    public static int Free()
    {
        while (true)
        {
            var port = Random.Shared.Next(PortMin, PortMax);
            if (IsFree(port)) return port;
        }
    }

    /// <summary>Nothing uses it at this moment.</summary>
    public static bool IsFree(int port)
    {
        var address = new IPEndPoint(IPAddress.Loopback, port);
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(address);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
