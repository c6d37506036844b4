using System.Buffers;
using Amqp.Cluster.Forwarding;
using Amqp.Cluster.Links;
using Amqp.Core.Ports;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster;

/// <summary>
/// How many connections and channels the users and virtual hosts of each node have, told to the others, since limits hold for all together:
/// <code>
/// a link to n2 is there     all counts of n1     --> n2
/// connections come and go   those that changed   --> n2, n3      as many as there are when it is their turn
/// </code>
/// </summary>
/// <param name="tell">Posts to a node; false: it is not sent, and the node is told everything when something changes again, or when the link to it is there again.</param>
internal sealed partial class SharedUsage(Func<string, LinkMessage, bool> tell, ILogger logger) : Owner<UsageMail>
{
    /// <summary>A node that takes nothing is told nothing more. 8 MiB are 200,000 counts.</summary>
    public const long WaitingBytesMax = 8 << 20;

    // Every node that there was since this one was started.
    private readonly Dictionary<string, Other> _others = [];

    // Its names are those of users and virtual hosts that have a connection.
    private readonly HashSet<UsageKey> _changed = [];
    private INodeUsage? _usage;

    /// <summary>The broker runs.</summary>
    public void Serve(INodeUsage usage)
    {
        usage.OwnChanged = key => PostAndRun(new UsageMail(UsageMailKind.Changed, Key: key));
        PostAndRun(new UsageMail(UsageMailKind.Serve, Usage: usage));
    }

    /// <summary>This node can send to another one, or cannot any more.</summary>
    public void LinkChanged(string node, bool isConnected) => PostAndRun(new UsageMail(isConnected ? UsageMailKind.CanTell : UsageMailKind.CannotTell, node));

    /// <summary>Another node has connected to this one, or its connection has ended.</summary>
    public void PeerChanged(string node, bool isConnected) => PostAndRun(new UsageMail(isConnected ? UsageMailKind.CanHear : UsageMailKind.CannotHear, node));

    /// <summary>Another node says what it has.</summary>
    public void Received(string node, ReadOnlySequence<byte> payload)
    {
        if (UsageFrame.Read(payload) is { } told) PostAndRun(new UsageMail(UsageMailKind.Told, node, Told: told));
        else LogNotUnderstood(logger, node);
    }

    /// <summary>The node does not run any more, or is taken for that: what it has goes with the link to it.</summary>
    public void Ended(string node) => PostAndRun(new UsageMail(UsageMailKind.Ended, node));

    protected override void Apply(in UsageMail mail)
    {
        switch (mail.Kind)
        {
            case UsageMailKind.Serve:
                _usage = mail.Usage!;
                foreach (var (key, count) in _others.Values.SelectMany(other => other.Counts)) _usage.AddElsewhere(key, count);
                break;
            case UsageMailKind.Changed:
                _changed.Add(mail.Key);
                break;
            case UsageMailKind.CanTell or UsageMailKind.CannotTell:
                (Of(mail.Node).CanTell, Of(mail.Node).IsTold) = (mail.Kind == UsageMailKind.CanTell, false);
                break;
            case UsageMailKind.CanHear:
                Of(mail.Node).Heard++;
                Of(mail.Node).HasEnded = false;
                break;
            case UsageMailKind.CannotHear:
                Of(mail.Node).Heard--;
                ForgetIfGone(Of(mail.Node));
                break;
            case UsageMailKind.Ended:
                Of(mail.Node).HasEnded = true;
                ForgetIfGone(Of(mail.Node));
                break;
            case UsageMailKind.Told:
                if (mail.Told!.IsFirstOfAll) Forget(Of(mail.Node));
                foreach (var count in mail.Told.Counts) Set(Of(mail.Node), count);
                break;
        }
    }

    protected override void CarryOut()
    {
        if (_usage is null) return;
        UsageFrame[]? news = null;
        foreach (var (node, other) in _others)
        {
            if (!other.CanTell) continue;
            var frames = other.IsTold ? news ??= [.. UsageFrame.Of(_changed.Select(key => new UsageCount(key, _usage.OwnOf(key))), isAll: false)] : UsageFrame.Of(_usage.Own, isAll: true);
            other.IsTold = frames.All(frame => tell(node, frame));
        }
        _changed.Clear();
    }

    protected override void Fail(Exception exception) => LogFailed(logger, exception);

    private Other Of(string node)
    {
        if (!_others.TryGetValue(node, out var other)) _others.Add(node, other = new Other());
        return other;
    }

    // One whose lease has ended though it runs is heard still, and what comes from one that has ended may still be on its way.
    private void ForgetIfGone(Other other)
    {
        if (other is { HasEnded: true, Heard: 0 }) Forget(other);
    }

    private void Forget(Other other)
    {
        foreach (var key in other.Counts.Keys.ToArray()) Set(other, new UsageCount(key, 0));
    }

    private void Set(Other other, UsageCount count)
    {
        _usage?.AddElsewhere(count.Key, count.Count - other.Counts.GetValueOrDefault(count.Key));
        if (count.Count == 0) other.Counts.Remove(count.Key);
        else other.Counts[count.Key] = count.Count;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Node {Node} has said something of its connections that this node does not understand, perhaps because it runs another version: until both run the same one, limits of users and virtual hosts do not count its connections")]
    private static partial void LogNotUnderstood(ILogger logger, string node);

    [LoggerMessage(Level = LogLevel.Critical, Message = "How many connections other nodes have is in doubt because of a defect of the broker, please report this")]
    private static partial void LogFailed(ILogger logger, Exception exception);

    private sealed class Other
    {
        /// <summary>What it has, each above 0.</summary>
        public readonly Dictionary<UsageKey, int> Counts = [];

        public bool CanTell;

        /// <summary>It knows what this node has, up to the last change.</summary>
        public bool IsTold;

        /// <summary>Connections of its that this node hears it by: two for a moment, when one has broken and only that node knows it.</summary>
        public int Heard;

        public bool HasEnded;
    }
}

internal enum UsageMailKind : byte
{
    Serve,
    Changed,
    CanTell,
    CannotTell,
    CanHear,
    CannotHear,
    Told,
    Ended,
}

/// <summary>A line in the mailbox of <see cref="SharedUsage"/>.</summary>
internal readonly record struct UsageMail(UsageMailKind Kind, string Node = "", UsageKey Key = default, UsageFrame? Told = null, INodeUsage? Usage = null);
