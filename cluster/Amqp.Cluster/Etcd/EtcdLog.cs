namespace Amqp.Cluster.Etcd;

/// <summary>What etcd says of itself: a file to which each run appends, and what a person can make of its end.</summary>
internal sealed class EtcdLog(string file)
{
    private const long BytesMax = 10 << 20;
    private const int TailBytes = 16 << 10;
    private const int TailLines = 8;
    private const int LineCharactersMax = 400;

    /// <summary>What stands in the log of one that cannot go on, and what to do. The first that is found counts.</summary>
    private static readonly (string Says, string Advice)[] Known =
    [
        ("failed to execute", "The program cannot be run: look at the path and its permissions."),
        ("not found\n", "The program cannot be run: look at the path and its permissions."),
        ("address already in use", "Another process has its port: `ss -ltnp` shows which. End that one, or give this node another port."),
        ("cannot assign requested address", "This machine does not have the address at which the other nodes are to reach it: correct the node's address."),
        ("no space left on device", "The disk is full: make room. Nothing is lost."),
        ("permission denied", "The user that runs the broker may not use a file of it: give this user the whole folder."),
        ("has been permanently removed", "The other nodes have removed this one from the cluster. Let it join again, with an empty folder."),
        ("member count is unequal", "The cluster has other members than this node was told when it joined. Let it join again, with an empty folder."),
        ("unmatched member", "The cluster has other members than this node was told when it joined. Let it join again, with an empty folder."),
        ("cluster ID mismatch", "The nodes at these addresses are of another cluster: look at the addresses, and at what is in the folder."),
        ("crc mismatch", "Its data are damaged. Remove this node from the cluster, and let it join again with an empty folder; keep the old one until that is done."),
        ("panic:", "It has run into a fault of its own, or its data are damaged. If it does not come up, remove this node from the cluster and let it join again with an empty folder."),
        ("bad certificate", "It and the other nodes do not take each other's certificates: all need the same secret, and clocks that are right."),
    ];

    private long _began;

    /// <summary>A run begins. What was too long is put aside, in place of what was before.</summary>
    public void Begin()
    {
        var length = Length();
        if (length > BytesMax) File.Move(file, $"{file}.1", overwrite: true);
        _began = length > BytesMax ? 0 : length;
    }

    /// <summary>The last lines of this run.</summary>
    public string Tail()
    {
        var lines = End().TrimEnd().Split('\n').TakeLast(TailLines).Select(line => line.Length > LineCharactersMax ? $"{line[..LineCharactersMax]}..." : line);
        return string.Join('\n', lines);
    }

    /// <summary>Why this run has ended, probably, and what to do.</summary>
    /// <param name="code">Of its end, as a shell has it: 128 and more is a signal.</param>
    public string Explain(int code)
    {
        const int Killed = 128 + 9;
        var end = End();
        if (Array.Find(Known, known => end.Contains(known.Says, StringComparison.Ordinal)) is { Advice: { } advice }) return advice;
        return code == Killed
            ? "It was killed: by somebody, or by the kernel because memory was short (`dmesg` says so)."
            : "The reason is probably in the last lines of its log.";
    }

    private long Length() => new FileInfo(file) is { Exists: true } found ? found.Length : 0;

    private string End()
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            stream.Position = Math.Min(stream.Length, Math.Max(_began, stream.Length - TailBytes));
            using var reader = new StreamReader(stream);
            return reader.ReadToEnd();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"(its log cannot be read: {exception.Message})";
        }
    }
}
