using System.Collections.Immutable;
using System.Text.Json;

namespace Amqp.Cluster.Membership;

/// <summary>
/// What a node remembers of its membership beside etcd's data: <c>membership.json</c>. With it a node finds the others after all of them were down, also if it runs no etcd.
/// </summary>
internal sealed record MembershipFile
{
    public const string Name = "membership.json";

    /// <summary>Made with the folder: a node whose folder was emptied is known by another one.</summary>
    public Guid Directory { get; init; }

    /// <summary>Of the cluster (<see cref="Etcd.EtcdServerOptions.Token"/>); empty: this node has none yet.</summary>
    public string Token { get; init; } = "";

    /// <summary>It has been a member: if the cluster does not know it any more, it was removed.</summary>
    public bool IsRegistered { get; init; }

    /// <summary>It joined a cluster that others had begun.</summary>
    public bool HasJoined { get; init; }

    /// <summary>An operator wants it to join <see cref="Members"/> (<c>join_cluster</c>): it does that with its next start, whatever it is configured for.</summary>
    public bool IsToJoin { get; init; }

    /// <summary>Members that an operator has given up while this node was stopped (<c>forget_cluster_node --offline</c>). When these are all others that vote, the next start goes on without them.</summary>
    public ImmutableArray<string> GivenUp { get; init; } = [];

    /// <summary>Of those, the ones that are out of etcd, and whose queues are still to be given to other nodes, or deleted.</summary>
    public ImmutableArray<string> Left { get; init; } = [];

    /// <summary>All members as this node saw them last, this one among them.</summary>
    public ImmutableArray<MemberRecord> Members { get; init; } = [];

    /// <summary>Other members whose votes are needed, and that were not given up.</summary>
    internal IEnumerable<string> VotersBut(string self) => Members.Where(member => member.IsVoter && member.Name != self && !GivenUp.Contains(member.Name)).Select(member => member.Name);

    /// <summary>Reads it, or makes a new one and writes that: others hear of the directory's identity soon, so it has to be the same after the next start.</summary>
    /// <exception cref="ClusterException">It is there and cannot be read.</exception>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public static MembershipFile ReadOrNew(string folder)
    {
        var path = Path.Combine(folder, Name);
        if (!File.Exists(path))
        {
            var made = new MembershipFile { Directory = Guid.NewGuid() };
            made.Write(folder);
            return made;
        }
        try
        {
            return JsonOf.Read<MembershipFile>(File.ReadAllBytes(path)) ?? throw new IOException("there is something else in it");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ClusterException($"'{path}', which says what this node knows of its cluster, cannot be read: {exception.Message}. If it is damaged, empty the folder and let the node join the others again.", exception);
        }
    }

    /// <summary>Writes it, whole or not at all.</summary>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public void Write(string folder)
    {
        if (OperatingSystem.IsWindows()) System.IO.Directory.CreateDirectory(folder);
        else System.IO.Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var (path, beside) = (Path.Combine(folder, Name), Path.Combine(folder, $"{Name}.new"));
        using (var stream = new FileStream(beside, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(stream, this);
            stream.Flush(flushToDisk: true);
        }
        File.Move(beside, path, overwrite: true);
    }
}
