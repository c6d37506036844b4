using System.Buffers;
using System.Buffers.Binary;
using Amqp.Cluster.Forwarding;
using Amqp.Cluster.Links;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Metadata;

/// <summary>
/// How far the other nodes are with the definitions. A client that changes them has its answer when every node that can be reached goes by the change, as with RabbitMQ: what it does next may happen on any node, and a
/// message for a queue that a node does not know yet would be dropped there.
/// <code>
/// n1 commits 43 and shows it        waits
/// n2 sees 43, shows it  --"43"-->   waits for n3
/// n3 sees 43, shows it  --"43"-->   its client is told
/// </code>
/// A node that is behind for long is not waited for until it says something: perhaps it does not reach etcd.
/// </summary>
/// <param name="tell">Posts to a node; false: it is not sent.</param>
internal sealed partial class Followers(Func<string, LinkMessage, bool> tell, TimeProvider time, ILogger logger) : Owner<FollowerMail>, IDisposable
{
    public const byte KindOfFrame = LinkFrame.FirstOfUsers + 37;

    /// <summary>Longer than a link is silent before it is broken, and than etcd takes to tell its news at another member.</summary>
    private static readonly TimeSpan PatienceMax = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, Follower> _followers = [];

    // At most one change a channel, and what operators ask for.
    private readonly Queue<(long Revision, long Since, Action Then)> _waiting = new();
    private ITimer? _timer;
    private long _shown;
    private bool _isTicking;
    private bool _isOver;

    /// <summary>This node goes by that revision. Called in order.</summary>
    public void Shown(long revision)
    {
        Volatile.Write(ref _shown, revision);
        PostAndRun(new FollowerMail(FollowerMailKind.Shown));
    }

    /// <summary>Calls back when all nodes go by that revision; in the order of these calls, perhaps before this one returns.</summary>
    public void WhenFollowed(long revision, Action then) => PostAndRun(new FollowerMail(FollowerMailKind.Awaited, Revision: revision, Then: then));

    /// <summary>This node can send to another one, or cannot any more.</summary>
    public void LinkChanged(string node, bool isConnected) => PostAndRun(new FollowerMail(isConnected ? FollowerMailKind.Connected : FollowerMailKind.Lost, node));

    /// <summary>Another node says how far it is.</summary>
    public void Received(string node, ReadOnlySequence<byte> payload)
    {
        if (payload.Length != sizeof(long)) return;
        Span<byte> revision = stackalloc byte[sizeof(long)];
        payload.CopyTo(revision);
        PostAndRun(new FollowerMail(FollowerMailKind.Said, node, BinaryPrimitives.ReadInt64BigEndian(revision)));
    }

    /// <summary>Nothing is waited for any more.</summary>
    public void Dispose() => PostAndRun(new FollowerMail(FollowerMailKind.Stop));

    protected override void Apply(in FollowerMail mail)
    {
        switch (mail.Kind)
        {
            case FollowerMailKind.Shown:
                foreach (var (node, follower) in _followers) Tell(node, follower);
                break;
            case FollowerMailKind.Awaited:
                _waiting.Enqueue((mail.Revision, time.GetTimestamp(), mail.Then!));
                break;
            case FollowerMailKind.Connected:
                Tell(mail.Node, _followers[mail.Node] = new Follower());
                break;
            case FollowerMailKind.Lost:
                _followers.Remove(mail.Node);
                break;
            case FollowerMailKind.Said:
                if (_followers.TryGetValue(mail.Node, out var said)) (said.At, said.IsWaitedFor) = (mail.Revision, true);
                break;
            case FollowerMailKind.Tick:
                GiveUpLate();
                break;
            default:
                _isOver = true;
                _timer?.Dispose();
                break;
        }
    }

    protected override void CarryOut()
    {
        while (_waiting.TryPeek(out var first) && IsFollowed(first.Revision))
        {
            _waiting.Dequeue();
            first.Then();
        }
        if (_waiting.Count > 0) Watch();
    }

    protected override void Fail(Exception exception) => LogFailed(logger, exception);

    private bool IsFollowed(long revision)
    {
        if (_isOver) return true;
        foreach (var (_, follower) in _followers)
        {
            if (follower.IsWaitedFor && follower.At < revision) return false;
        }
        return true;
    }

    /// <summary>Says how far this node is, once for all that happens until it is sent.</summary>
    private void Tell(string node, Follower follower)
    {
        if (Volatile.Read(ref _shown) == 0 || Interlocked.Exchange(ref follower.IsBeingTold, 1) == 1) return;
        if (!tell(node, new ShownFrame(this, follower))) Volatile.Write(ref follower.IsBeingTold, 0);
    }

    /// <summary>The timer runs as long as something waits.</summary>
    private void Watch()
    {
        if (_isTicking) return;
        _isTicking = true;
        _timer ??= time.CreateTimer(_ => PostAndRun(new FollowerMail(FollowerMailKind.Tick)), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(TimeSpan.FromTicks(Math.Max(0, (PatienceMax - time.GetElapsedTime(_waiting.Peek().Since)).Ticks)), Timeout.InfiniteTimeSpan);
    }

    private void GiveUpLate()
    {
        _isTicking = false;
        if (!_waiting.TryPeek(out var first) || time.GetElapsedTime(first.Since) < PatienceMax) return;
        foreach (var (node, follower) in _followers)
        {
            if (!follower.IsWaitedFor || follower.At >= first.Revision) continue;
            follower.IsWaitedFor = false;
            LogLate(logger, node, first.Revision, follower.At);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} does not go by revision {Revision} of the definitions yet, but by {At}: it hears late from etcd, or not at all. Until it says more, clients that declare something are answered without waiting for it, and what they publish there to a queue that it does not know yet is unroutable")]
    private static partial void LogLate(ILogger logger, string node, long revision, long at);

    [LoggerMessage(Level = LogLevel.Critical, Message = "How far other nodes are with the definitions is in doubt because of a defect of the broker, please report this")]
    private static partial void LogFailed(ILogger logger, Exception exception);

    /// <summary>Another node that this one can send to.</summary>
    private sealed class Follower
    {
        public long At;

        /// <summary>It has said how far it is, and is not late.</summary>
        public bool IsWaitedFor;

        public int IsBeingTold;
    }

    /// <summary>The revision that this node goes by when it is sent, in network byte order.</summary>
    private sealed class ShownFrame(Followers followers, Follower follower) : LinkMessage(KindOfFrame)
    {
        public override long Bytes => 64;

        public override void Write(IBufferWriter<byte> payload)
        {
            Volatile.Write(ref follower.IsBeingTold, 0);
            Interlocked.MemoryBarrier();
            BinaryPrimitives.WriteInt64BigEndian(payload.GetSpan(sizeof(long)), Volatile.Read(ref followers._shown));
            payload.Advance(sizeof(long));
        }
    }
}

internal enum FollowerMailKind : byte
{
    Shown,
    Awaited,
    Connected,
    Lost,
    Said,
    Tick,
    Stop,
}

/// <summary>A line in the mailbox of <see cref="Followers"/>.</summary>
internal readonly record struct FollowerMail(FollowerMailKind Kind, string Node = "", long Revision = 0, Action? Then = null);
