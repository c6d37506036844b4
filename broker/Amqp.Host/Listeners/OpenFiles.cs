using Amqp.Core;
using Amqp.Host.Options;

namespace Amqp.Host.Listeners;

/// <summary>
/// How many files and sockets the system lets this process have open. One that has used them up cannot even load code any more,
/// and ends; so connections leave some to everything else.
/// </summary>
internal static class OpenFiles
{
    /// <summary>What the broker has open besides connections and segments, some of it only when it is first needed: code, pipes, threads.</summary>
    private const int OwnFiles = 256;

    /// <summary>The limit below which there would be nothing left for connections.</summary>
    private const int FilesMin = 512;

    /// <summary>The connections that leave enough to everything else: four fifths of what remains. Where the system does not say, no limit.</summary>
    /// <exception cref="OptionsException">The limit is too low to serve any client.</exception>
    public static int ConnectionsMax()
    {
        if (Max() is not { } limit) return int.MaxValue;
        if (limit < FilesMin)
        {
            throw new OptionsException(
                $"This process may open {limit} files and sockets, and needs {FilesMin} at least. Raise the limit (ulimit -n, LimitNOFILE= of a systemd service).");
        }
        return (int)Math.Min(int.MaxValue, (limit - OwnFiles) / 5 * 4);
    }

    /// <summary>How many are open now; null where the system does not say.</summary>
    public static int? Count() => OperatingSystem.IsLinux() ? Directory.EnumerateFileSystemEntries("/proc/self/fd").Count() : null;

    /// <summary>How many there can be; null where the system does not say. The hard limit, to which the runtime raises the soft one when
    /// it starts.</summary>
    public static long? Max()
    {
        const string Line = "Max open files";
        if (!OperatingSystem.IsLinux()) return null;
        foreach (var line in File.ReadLines("/proc/self/limits"))
        {
            if (!line.StartsWith(Line, StringComparison.Ordinal)) continue;
            var soft = line[Line.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
            return DecimalDigits.TryParse(soft, out var limit) ? limit : null;
        }
        return null;
    }
}
