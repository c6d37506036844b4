using System.Net;
using System.Net.Sockets;

namespace Amqp.Testing;

/// <summary>Ports on loopback for servers that tests start.</summary>
public static class Ports
{
    // Below the ports that Linux gives to outgoing connections: none of them can take a server's port while it restarts.
    private const int PortMin = 20_000;
    private const int PortMax = 32_000;

    // Those that were given away: their servers may not have been started yet. Chance alone would give a port to two servers of one cluster in one of two hundred starts.
    private static readonly HashSet<int> Given = [];

    /// <summary>One that nothing uses, and that this process has given to no other server.</summary>
    /// <param name="count">So many in a row; the answer is the first.</param>
    public static int Free(int count = 1)
    {
        lock (Given)
        {
            while (true)
            {
                if (Given.Count > (PortMax - PortMin) / 2) Given.Clear();
                var first = Random.Shared.Next(PortMin, PortMax - count);
                var ports = Enumerable.Range(first, count);
                if (!ports.All(port => !Given.Contains(port) && IsFree(port))) continue;
                Given.UnionWith(ports);
                return first;
            }
        }
    }

    /// <summary>Nothing uses it at this moment.</summary>
    private static bool IsFree(int port)
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
