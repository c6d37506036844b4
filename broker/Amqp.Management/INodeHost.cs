using System.Collections.Immutable;
using System.Net;

namespace Amqp.Management;

/// <summary>What the management asks of the process around a node.</summary>
public interface INodeHost
{
    /// <summary>Full path of the directory that holds everything the node keeps.</summary>
    string DataDirectory { get; }

    /// <summary>What keeps the messages: <c>journal</c> or <c>litedb</c>.</summary>
    string StoreEngine { get; }

    /// <summary>The files that options were read from, full paths.</summary>
    ImmutableArray<string> ConfigFiles { get; }

    /// <summary>So many clients are served at a time.</summary>
    int ConnectionsMax { get; }

    /// <summary>The sockets that clients can connect to at this moment.</summary>
    ImmutableArray<ListenerInfo> Listeners { get; }

    /// <summary>False between <see cref="StopApp"/> and <see cref="StartApp"/>.</summary>
    bool IsRunning { get; }

    /// <summary>Closes all connections and listeners. Messages and everything declared stay. Nothing happens when that is so already.</summary>
    Task StopApp();

    /// <summary>Listens again, on the ports that were configured. Nothing happens when that is so already.</summary>
    /// <exception cref="IOException">A port cannot be listened on.</exception>
    Task StartApp();
}

/// <param name="Protocol">RabbitMQ's word: <c>amqp</c>, <c>amqp/ssl</c>.</param>
public sealed record ListenerInfo(string Protocol, IPEndPoint EndPoint);
