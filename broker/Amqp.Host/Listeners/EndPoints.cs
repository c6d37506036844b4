using System.Net;
using System.Net.Sockets;
using Amqp.Host.Options;

namespace Amqp.Host.Listeners;

/// <summary>What a listener is bound to.</summary>
internal static class EndPoints
{
    /// <summary>Where to listen. Clients that are told "localhost" try ::1 or 127.0.0.1 first, and not all try the other.</summary>
    public static IEnumerable<IPEndPoint> Of(EndPointOptions options) => options.Address.Split(',').SelectMany(address => Of(address, options.Port)).Distinct();

    private static IPEndPoint[] Of(string address, int port)
    {
        if (!address.Equals("localhost", StringComparison.OrdinalIgnoreCase)) return [new IPEndPoint(IPAddress.Parse(address), port)];
        var endPoint = new IPEndPoint(IPAddress.Loopback, port);
        // Any free port cannot be the same one twice.
        return port == 0 || !HasLoopbackOfIPv6() ? [endPoint] : [endPoint, new IPEndPoint(IPAddress.IPv6Loopback, port)];
    }

    private static bool HasLoopbackOfIPv6()
    {
        try
        {
            using var probe = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp);
            probe.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
