using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Amqp.Cluster.Links;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Cluster.Tests.Links;

/// <summary>A node that notes what its links tell it.</summary>
internal sealed class LinkNode : ILinkUser, IAsyncDisposable
{
    private const byte TextKind = LinkFrame.FirstOfUsers;

    private readonly LinkListener _listener;

    public LinkNode(string name, TestAuthority authority, uint epoch = 1, int port = 0, LinkOptions? options = null, TimeProvider? time = null)
    {
        Name = name;
        Links = new NodeLinks(name, epoch, authority.Of(name), options ?? new LinkOptions(), this, time ?? TimeProvider.System, NullLogger<NodeLinks>.Instance);
        _listener = LinkListener.Start(new IPEndPoint(IPAddress.Loopback, port), Links);
    }

    public string Name { get; }

    public NodeLinks Links { get; }

    public IPEndPoint Address => _listener.Address;

    /// <summary>Nodes that it can send to, on some lane, with their epoch.</summary>
    public ConcurrentDictionary<(string Node, LinkLane Lane), uint> Connected { get; } = new();

    /// <summary>Those that are connected to it.</summary>
    public ConcurrentDictionary<(string Node, LinkLane Lane), uint> Peers { get; } = new();

    /// <summary>What came, with where from.</summary>
    public ConcurrentQueue<string> Received { get; } = new();

    public long ReceivedBytes;

    public bool Send(LinkNode to, LinkLane lane, string text) => Links.Post(to.Name, lane, new TextMessage(Encoding.UTF8.GetBytes(text)));

    public bool Send(LinkNode to, LinkLane lane, byte[] bytes) => Links.Post(to.Name, lane, new TextMessage(bytes));

    public void Changed(string node, uint epoch, LinkLane lane, bool isConnected)
    {
        if (isConnected) Connected[(node, lane)] = epoch;
        else Connected.TryRemove((node, lane), out _);
    }

    public void PeerChanged(string node, uint epoch, LinkLane lane, bool isConnected)
    {
        if (isConnected) Peers[(node, lane)] = epoch;
        else Peers.TryRemove((node, lane), out _);
    }

    void ILinkUser.Received(string node, uint epoch, LinkLane lane, byte kind, ReadOnlySequence<byte> payload)
    {
        Interlocked.Add(ref ReceivedBytes, payload.Length);
        if (payload.Length < 100) Received.Enqueue($"{node} {lane} {Encoding.UTF8.GetString(payload)}");
    }

    public async ValueTask DisposeAsync()
    {
        await Links.DisposeAsync();
        await _listener.DisposeAsync();
    }

    private sealed class TextMessage(byte[] bytes) : LinkMessage(TextKind)
    {
        public override long Bytes => bytes.Length;

        public override void Write(IBufferWriter<byte> payload) => payload.Write(bytes);
    }
}
