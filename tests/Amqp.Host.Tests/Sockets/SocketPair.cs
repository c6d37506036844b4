using System.Net;
using System.Net.Sockets;
using System.Reflection;
using Amqp.Host.Sockets;

namespace Amqp.Host.Tests.Sockets;

/// <summary>A connection of the broker's, and the client's end of it.</summary>
internal sealed class SocketPair : IDisposable
{
    private SocketPair(SocketConnection broker, Socket client) => (Broker, Client) = (broker, client);

    public SocketConnection Broker { get; }

    public Socket Client { get; }

    /// <param name="isCalledInline">As <see cref="SocketThreads"/> has it, which comes too late in a process that tests run in: .NET's own
    /// switch of a single socket, which it does not show.</param>
    /// <param name="unread">Bytes that the client can send before any are read; 0: as many as the system lets it.</param>
    public static async Task<SocketPair> Open(bool isCalledInline = false, int unread = 0)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        if (unread > 0) listener.ReceiveBufferSize = 2 * unread;
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.LocalEndPoint!);
        var accepted = await listener.AcceptAsync();
        if (isCalledInline) typeof(SafeSocketHandle).GetProperty("PreferInlineCompletions", BindingFlags.Instance | BindingFlags.NonPublic)!.SetValue(accepted.SafeHandle, true);
        return new SocketPair(new SocketConnection(accepted, new BlockPool()), client);
    }

    /// <summary>Bytes in which a place that is wrong shows.</summary>
    public static byte[] Pattern(int length, int from = 0)
    {
        var bytes = new byte[length];
        for (var index = 0; index < length; index++) bytes[index] = (byte)((from + index) * 31 / 7);
        return bytes;
    }

    public void Dispose()
    {
        Broker.Abort();
        Client.Dispose();
    }
}
