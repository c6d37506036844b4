namespace Amqp.Cluster.Etcd;

/// <summary>What etcd says of itself: a file to which each run appends, cut when it is long, and what a person can make of its end.</summary>
internal sealed class EtcdLog(string file)
{
    private const long BytesMax = 10 << 20;
    private const int EndBytes = 64 << 10;
    private const int TailLines = 8;
    private const int LineCharactersMax = 400;

    private const string Removed = "data-dir used by this member must be removed";

    /// <summary>What stands in the log of one that cannot go on, and what to do. The first that is found counts.</summary>
    private static readonly (string Says, string Advice)[] Known =
    [
        ("failed to execute", "The program cannot be run: look at the path and its permissions."),
        ("address already in use", "Another process has its port: `ss -ltnp` shows which. End that one, or give this node another port."),
        ("cannot assign requested address", "This machine does not have the address at which the other nodes are to reach it: correct the node's address."),
        ("no space left on device", "The disk is full: make room. Nothing is lost."),
        ("permission denied", "The user that runs the broker may not use a file of it: give this user the whole folder."),
        (Removed, "The other nodes have removed this one from the cluster. Let it join again, with an empty folder."),
        ("member count is unequal", "The cluster has other members than this node was told when it joined. Let it join again, with an empty folder."),
        ("unmatched member", "The cluster has other members than this node was told when it joined. Let it join again, with an empty folder."),
        ("cluster ID mismatch", "The nodes at these addresses are of another cluster: look at the addresses, and at what is in the folder."),
        ("crc mismatch", "Its data are damaged. Remove this node from the cluster, and let it join again with an empty folder; keep the old one until that is done."),
        ("panic:", "It has run into a fault of its own, or its data are damaged. If it does not come up, remove this node from the cluster and let it join again with an empty folder."),
        ("bad certificate", "It and the other nodes do not take each other's certificates: all need the same secret, and clocks that are right."),
        (": not found", "The program cannot be run: look at the path and its permissions."),
    ];

    private long _began;

    /// <summary>This run has ended because the others have removed this member. It will not be one again with the data that it has.</summary>
    public bool TellsRemoval => End().Contains(Removed, StringComparison.Ordinal);

    /// <summary>A run begins.</summary>
    public void Begin()
    {
        Cut();
        _began = Length();
    }

    /// <summary>
    /// Puts aside what has become too long, in place of what was put aside before. Etcd goes on writing to the same file, at its end wherever that is; what it says
    /// between the copy and the cut is lost. On a disk that is full the log stays as it is: that must not be what ends etcd.
    /// </summary>
    public void Cut()
    {
        if (Length() <= BytesMax) return;
        try
        {
            File.Copy(file, $"{file}.1", overwrite: true);
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
            stream.SetLength(0);
            _began = 0;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Looked at again in a while.
        }
    }

    /// <summary>The last lines of this run that are more than information, which etcd gives plenty of when it ends.</summary>
    public string Tail()
    {
        var lines = End().TrimEnd().Split('\n');
        string[] telling = [.. lines.Where(line => !line.Contains("\"level\":\"info\"", StringComparison.Ordinal))];
        return string.Join('\n', (telling.Length > 0 ? telling : lines).TakeLast(TailLines).Select(line => line.Length > LineCharactersMax ? $"{line[..LineCharactersMax]}..." : line));
    }

    /// <summary>Why this run has ended, probably, and what to do.</summary>
    /// <param name="code">Of its end, as a shell has it: 128 and more is a signal.</param>
    public string Explain(int code)
    {
        const int Killed = 128 + 9;
        const int Terminated = 128 + 15;
        if (code == Killed) return "It was killed: by an operator (`kill -9`), or by the kernel because memory was short (`dmesg` says so).";
        if (code == Terminated) return "It was asked to end: by an operator, or by a service manager that ends the broker too.";
        var end = End();
        return Array.Find(Known, known => end.Contains(known.Says, StringComparison.Ordinal)).Advice ?? "The reason is probably in the last lines of its log.";
    }

    private long Length() => new FileInfo(file) is { Exists: true } found ? found.Length : 0;

    private string End()
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            stream.Position = Math.Min(stream.Length, Math.Max(_began, stream.Length - EndBytes));
            using var reader = new StreamReader(stream);
            return reader.ReadToEnd();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"(its log cannot be read: {exception.Message})";
        }
    }
}
