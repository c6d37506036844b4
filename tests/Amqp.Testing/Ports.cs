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
            var address = new IPEndPoint(IPAddress.Loopback, Random.Shared.Next(PortMin, PortMax));
            using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Bind(address);
                return address.Port;
            }
            catch (SocketException)
            {
                // It is taken; the next one may be free.
            }
        }
    }
}
